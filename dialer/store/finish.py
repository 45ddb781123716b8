"""The end of an attempt, written whole: state, turns, flags, the contact's stage, the
next attempt, and their journal entries."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from dialer.attempt import Attempt, Ended, Phase, advance
from dialer.model import SPOKE, Outcome
from dialer.store import flags
from dialer.store.port import FlagRow, NotFound, Refused
from dialer.store.prepared import Prepared
from dialer.store.rows import (
    GOVERNED,
    attempt_of,
    attempt_values,
    text,
    turn_map,
    turn_row,
)
from dialer.store.tables import OPEN, attempts, contacts, stamp, turns
from dialer.store.work import Work, new_id

_ending = Prepared(
    select(
        attempts,
        contacts.c.person,
        contacts.c.numbers,
        contacts.c.stage.label("contact_stage"),
    )
    .join_from(attempts, contacts)
    .where(attempts.c.attempt_id == bindparam("wanted"))
)
TOLD = ("cause", "stage", "facts", "measures")
_close = Prepared(
    update(attempts)
    .where(attempts.c.row == bindparam("at_row"))
    .values({name: bindparam(name) for name in (*GOVERNED, *TOLD)})
)
_talked = Prepared(
    update(contacts)
    .where(contacts.c.contact_id == bindparam("wanted"))
    .values(calls=contacts.c.calls + 1, stage=bindparam("reached"))
)
NEXT = (
    *("attempt_id", "campaign_id", "contact_id", "n", "position", "number"),
    *("account", "phase", "not_before", "stage", "verdict", "rules"),
    *("facts", "measures", "cause"),
)
_open = select(attempts.c.row).where(attempts.c.number == bindparam("number"), OPEN)
_next = Prepared(
    insert(attempts).from_select(
        NEXT,
        select(*(bindparam(name, type_=attempts.c[name].type) for name in NEXT)).where(
            ~_open.exists()
        ),
    )
)


def finish(work: Work, attempt_id: str, outcome: Outcome) -> None:
    row = _ending.first(work.connection, {"wanted": attempt_id})
    if row is None:
        raise NotFound("attempt", attempt_id)
    before = attempt_of(row)
    after = advance(before, Ended(outcome.disposition, outcome.at))
    close(work, row, after, outcome)
    if after.answered_at and outcome.disposition in SPOKE:
        reached = max(row.contact_stage, outcome.stage)
        talked = {"wanted": row.contact_id, "reached": reached}
        _talked.run(work.connection, talked)
    if outcome.turns:
        keep_turns(work, row, outcome)
    if outcome.flags:
        set_flags(work, row, outcome)
    following = plan_next(work, row, outcome)
    note(work, row, outcome, following)


def close(work: Work, row: Any, after: Attempt, outcome: Outcome) -> None:
    told = {
        "cause": outcome.cause,
        "stage": outcome.stage,
        "facts": text(outcome.facts) if outcome.facts else "{}",
        "measures": text(outcome.measures) if outcome.measures else "{}",
    }
    values = {"at_row": row.row, **attempt_values(after), **told}
    _close.run(work.connection, values)


def keep_turns(work: Work, row: Any, outcome: Outcome) -> None:
    found = [turn_row(turn, row.attempt_id, i) for i, turn in enumerate(outcome.turns)]
    work.connection.execute(insert(turns), found)
    body = {"turns": [turn_map(turn) for turn in outcome.turns]}
    work.note(outcome.at, "call.turns", row.attempt_id, body)


def set_flags(work: Work, row: Any, outcome: Outcome) -> None:
    blank = FlagRow("", "", "", outcome.at, f"call:{row.attempt_id}")
    found = flags.from_call(outcome.flags, row.person, row.number, blank)
    flags.add(work, found)


def plan_next(work: Work, row: Any, outcome: Outcome) -> str | None:
    """Make the next attempt unless another for that number is open. -> its id"""
    wish = outcome.next_try
    if wish is None:
        return None
    tokens = json.loads(row.numbers)
    if not 0 <= wish.number < len(tokens):
        raise Refused(f"contact {row.contact_id} has no number {wish.number}")
    values = {
        "attempt_id": new_id(),
        "campaign_id": row.campaign_id,
        "contact_id": row.contact_id,
        "n": row.n + 1,
        "position": wish.number,
        "number": tokens[wish.number],
        "account": row.account,
        **{"phase": Phase.DUE.value, "not_before": stamp(wish.not_before)},
        "stage": max(row.contact_stage, outcome.stage),
        **{"verdict": "{}", "rules": "", "facts": "{}", "measures": "{}", "cause": ""},
    }
    if _next.run(work.connection, values).rowcount != 1:
        return None
    told = {"campaign": row.campaign_id, "contact": row.contact_id, "n": row.n + 1}
    due = {"number": wish.number, "not_before": stamp(wish.not_before), "why": wish.why}
    work.note(outcome.at, "attempt.planned", values["attempt_id"], {**told, **due})
    return str(values["attempt_id"])


def note(work: Work, row: Any, outcome: Outcome, following: str | None) -> None:
    body = {
        "campaign": row.campaign_id,
        "contact": row.contact_id,
        "n": row.n,
        "disposition": outcome.disposition.value,
        "cause": outcome.cause,
        "stage": outcome.stage,
        "facts": outcome.facts,
        "measures": outcome.measures,
        "next": following,
    }
    work.note(outcome.at, "attempt.ended", row.attempt_id, body)
