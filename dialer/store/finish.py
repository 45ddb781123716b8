"""The end of an attempt, written whole: state, turns, flags, the contact's stage, the
next attempt, and their journal entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, insert, literal_column, select, update

from dialer.agreements.event import Pen
from dialer.attempt import Ended, Phase, advance
from dialer.model import SPOKE, NextTry, Outcome
from dialer.store import agreements, flags
from dialer.store.agreements import Pens
from dialer.store.moves import GOVERNED, attempt_of, changes, read, save
from dialer.store.port import FlagRow, Refused
from dialer.store.prepared import Listed, Prepared, Values
from dialer.store.rows import (
    text,
    turn_map,
    turn_row,
    words,
)
from dialer.store.tables import OPEN, attempts, contacts, stamp, turns
from dialer.store.work import Lock, Work, new_ids

MINE = (
    *("row", "attempt_id", "campaign_id", "contact_id", "n", "number", "account"),
    "priority",
)
REFUSED = "agreement_refused"  #: the fact that says why
_ending = Listed(
    lambda lists: (
        select(
            *(attempts.c[name] for name in (*MINE, *GOVERNED)),
            contacts.c.person,
            contacts.c.numbers,
            contacts.c.stage.label("contact_stage"),
        )
        .join_from(attempts, contacts)
        .where(attempts.c.attempt_id.in_(lists("wanted")))
        .with_for_update(key_share=True)  # said on PostgreSQL only
    )
)
_talked = Prepared(
    update(contacts)
    .where(contacts.c.contact_id == bindparam("wanted"))
    .values(calls=contacts.c.calls + 1, stage=bindparam("reached"))
)
_busy = Listed(
    lambda lists: select(attempts.c.number).where(
        OPEN, attempts.c.number.in_(lists("numbers"))
    )
)
NEXT = (
    *("attempt_id", "campaign_id", "contact_id", "n", "position", "number"),
    *("account", "not_before", "stage", "asked", "priority"),
)
BLANK = {"verdict": "{}", "rules": "", "facts": "{}", "measures": "{}", "cause": ""}
_next = Prepared(
    insert(attempts).values(
        {
            **{name: bindparam(name) for name in NEXT},
            **{n: literal_column(f"'{v}'") for n, v in BLANK.items()},
            "phase": literal_column(f"'{Phase.DUE}'"),
        }
    )
)


Over = tuple[Any, Outcome]  # an attempt's row, and how it ended


def finish(
    pens: Pens, work: Work, endings: Sequence[tuple[str, Outcome]]
) -> list[None]:
    if any(outcome.flags for _, outcome in endings):
        work.alone(Lock.GATE)
    rows = read(work, _ending, [attempt_id for attempt_id, _ in endings])
    if len({row.contact_id for row in rows}) < len(rows):
        half = len(rows) // 2  # the later must see what the earlier left
        return finish(pens, work, endings[:half]) + finish(pens, work, endings[half:])
    ended = [
        (row, fitted(work, row, outcome, pens))
        for row, (_, outcome) in zip(rows, endings, strict=True)
        if not told_before(row, outcome)
    ]
    close(work, ended)
    following = plan_next(work, ended)
    for row, outcome in ended:
        if outcome.turns:
            keep_turns(work, row, outcome)
        if outcome.flags:
            set_flags(work, row, outcome)
        note(work, row, outcome, following.get(row.attempt_id))
        if why := outcome.facts.get(REFUSED):
            body = {"contact": row.contact_id, "account": row.account, "why": why}
            work.note(outcome.at, "agreement.refused", row.attempt_id, body)
        if outcome.commitment:
            agree(work, row, outcome, pens())
    return [None] * len(endings)


def told_before(row: Any, outcome: Outcome) -> bool:
    """Its caller told it, and did not hear that it was written."""
    if row.phase != Phase.DONE:
        return False
    told = outcome.disposition.value, stamp(outcome.at)
    return bool((row.disposition, row.ended_at) == told)


def close(work: Work, ended: Sequence[Over]) -> None:
    closed, talked = list[dict[str, object]](), list[Values]()
    for row, outcome in ended:
        before = attempt_of(row)
        after = advance(before, Ended(outcome.disposition, outcome.at))
        told = {
            "cause": outcome.cause,
            "stage": outcome.stage,
            "facts": text(outcome.facts) if outcome.facts else "{}",
            "measures": text(outcome.measures) if outcome.measures else "{}",
        }
        closed.append(changes(row, before, after) | told)
        if after.answered_at and outcome.disposition in SPOKE:
            reached = max(row.contact_stage, outcome.stage)
            talked.append({"wanted": row.contact_id, "reached": reached})
    save(work, closed)
    _talked.many(work.connection, talked)


def keep_turns(work: Work, row: Any, outcome: Outcome) -> None:
    found = [turn_row(turn, row.attempt_id, i) for i, turn in enumerate(outcome.turns)]
    work.connection.execute(insert(turns), found)
    body = {"turns": [turn_map(turn) for turn in outcome.turns]}
    work.note(outcome.at, "call.turns", row.attempt_id, body)


def set_flags(work: Work, row: Any, outcome: Outcome) -> None:
    blank = FlagRow("", "", "", outcome.at, f"call:{row.attempt_id}")
    found = flags.from_call(outcome.flags, row.person, row.number, blank)
    flags.add(work, found)


def fitted(work: Work, row: Any, outcome: Outcome, pens: Pens) -> Outcome:
    """Without what was confirmed if that is no agreement, and with the reason: the end
    of a call is never lost over it."""
    if outcome.commitment is None:
        return outcome
    try:
        pens()
        why = agreements.why_not(work.connection, outcome.commitment, about(row))
    except Refused as refused:
        why = str(refused)
    if not why:
        return outcome
    facts = {**outcome.facts, REFUSED: why}
    return replace(outcome, commitment=None, facts=facts)


def about(row: Any) -> agreements.About:
    return row.account, row.contact_id, row.attempt_id


def agree(work: Work, row: Any, outcome: Outcome, pen: Pen) -> None:
    assert outcome.commitment is not None
    name = f"g_{row.attempt_id}"
    agreements.begin(work, name, outcome.commitment, about(row), outcome.at, pen)


def plan_next(work: Work, ended: Sequence[Over]) -> dict[str, str]:
    """Make the next attempts, but for numbers with another that is open.
    -> the ended attempts that have one, and its id"""
    wished = {
        row.attempt_id: next_values(row, outcome, outcome.next_try)
        for row, outcome in ended
        if outcome.next_try is not None
    }
    if not wished:
        return {}
    lists = {"numbers": [values["number"] for values in wished.values()]}
    busy = {row.number for row in _busy.all(work.connection, lists)}
    made = dict[str, Values]()
    for before, values in wished.items():
        if values["number"] not in busy:
            busy.add(values["number"])
            made[before] = values
    following = dict(zip(made, new_ids(len(made)), strict=True))
    rows = [{**values, "attempt_id": following[b]} for b, values in made.items()]
    _next.many(work.connection, rows)
    return following


def next_values(row: Any, outcome: Outcome, wish: NextTry) -> Values:
    tokens = words(row.numbers)
    if not 0 <= wish.number < len(tokens):
        raise Refused(f"contact {row.contact_id} has no number {wish.number}")
    return {
        "campaign_id": row.campaign_id,
        "contact_id": row.contact_id,
        "n": row.n + 1,
        "position": wish.number,
        "number": tokens[wish.number],
        "account": row.account,
        "not_before": stamp(wish.not_before),
        "stage": max(row.contact_stage, outcome.stage),
        "asked": int(wish.asked),
        "priority": row.priority,
    }


def note(work: Work, row: Any, outcome: Outcome, following: str | None) -> None:
    about = {"campaign": row.campaign_id, "contact": row.contact_id}
    wish = outcome.next_try
    if following is not None and wish is not None:
        due = {"number": wish.number, "not_before": stamp(wish.not_before)}
        told = {**about, "n": row.n + 1, **due, "why": wish.why}
        work.note(outcome.at, "attempt.planned", following, told)
    body = {
        **about,
        "n": row.n,
        "disposition": outcome.disposition.value,
        "cause": outcome.cause,
        "stage": outcome.stage,
        "facts": outcome.facts,
        "measures": outcome.measures,
        "next": following,
    }
    work.note(outcome.at, "attempt.ended", row.attempt_id, body)
