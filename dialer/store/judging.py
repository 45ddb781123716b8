"""The gate within a transaction: what it may know of attempts, and what its verdict
does to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from dialer.attempt import Attempt, Dialing, Ended, Phase, Postponed, advance
from dialer.model import Case, Disposition, Judge, Reason, Verdict
from dialer.store import cases
from dialer.store.moves import attempt_of, changes, save
from dialer.store.prepared import Listed
from dialer.store.rows import (
    consents_of,
    dated_of,
    reason_map,
    rules_text,
    verdict_text,
    words,
    zones_of,
)
from dialer.store.tables import batches, campaigns, stamp
from dialer.store.work import Work

HOUSE = "the ledger (rule of the house)"
SOON = timedelta(minutes=1)  # when the gate names a moment that has passed

_campaigns = Listed(
    lambda lists: select(campaigns).where(campaigns.c.campaign_id.in_(lists("ids")))
)
_batches = Listed(
    lambda lists: select(batches.c.batch_id, batches.c.importer).where(
        batches.c.batch_id.in_(lists("ids"))
    )
)


def campaigns_of(connection: Connection, rows: Sequence[Any]) -> dict[str, Any]:
    """The campaigns of attempts, by id."""
    named = {"ids": list({row.campaign_id for row in rows})}
    found = _campaigns.all(connection, named)
    return {campaign.campaign_id: campaign for campaign in found}


def facts(
    connection: Connection,
    rows: Sequence[Any],
    of: Mapping[str, Any],
    first: datetime,
    judges: Sequence[Judge],
) -> list[Case]:
    """What matters of each to these judges; `of`: the campaigns by id. Of flags, those
    in force at the first moment that is asked of: one that ends meanwhile still stops.
    """
    named = {"ids": list({row.batch_id for row in rows})}
    importers = {b.batch_id: b.importer for b in _batches.all(connection, named)}
    asked = {name: cases.asked(campaign.settings) for name, campaign in of.items()}
    wishes = [
        cases.Wish(
            row.person,
            row.number,
            row.account,
            zones_of(row.zones)[row.position],
            words(row.locations),
            words(row.sources),
            consents_of(row.consents),
            row.batch_id,
            importers[row.batch_id],
            row.creditor,
            *asked[row.campaign_id],
            dated=dated_of(row.dated),
        )
        for row in rows
    ]
    since = min(cases.reach(judge, wishes, first) for judge in judges)
    return cases.gather(connection, wishes, first, since)


def sift(work: Work, rows: Sequence[Any], judge: Judge, now: datetime) -> set[str]:
    """Judge reserved attempts; the refused go back, or end. -> ids of the allowed"""
    of = campaigns_of(work.connection, rows)
    allowed, changed = set[str](), list[dict[str, object]]()
    known = facts(work.connection, rows, of, now, [judge])
    for row, case in zip(rows, known, strict=True):
        verdict = judge(case, now)
        if verdict.allowed:
            allowed.add(row.attempt_id)
            continue
        attempt = attempt_of(row)
        moved = judged(attempt, verdict, now)
        told = {"verdict": verdict_text(verdict), "rules": rules_text(verdict)}
        changed.append({**changes(row, attempt, moved), **told})
        note_verdict(work, row, moved, verdict, now)
    save(work, changed)
    return allowed


def not_running(state: str, now: datetime) -> Verdict:
    """Paused or stopped between claim and dialing: no new calls."""
    reason = Reason("campaign_state", HOUSE, f"the campaign is {state}")
    return Verdict(False, (reason,), now)


def judged(attempt: Attempt, verdict: Verdict, now: datetime) -> Attempt:
    if verdict.allowed:
        return advance(attempt, Dialing(now))
    if verdict.next_allowed is None:
        return advance(attempt, Ended(Disposition.REFUSED, now))
    later = verdict.next_allowed if verdict.next_allowed > now else now + SOON
    return advance(attempt, Postponed(later))


def note_verdict(
    work: Work, row: Any, moved: Attempt, verdict: Verdict, now: datetime
) -> None:
    body: dict[str, object] = {"campaign": row.campaign_id, "contact": row.contact_id}
    if moved.phase is Phase.DIALING:
        body |= {"n": row.n, "node": moved.node}
        work.note(now, "attempt.dialing", row.attempt_id, body)
        return
    body |= {"reasons": [reason_map(reason) for reason in verdict.reasons]}
    if moved.phase is Phase.DONE:
        work.note(now, "attempt.refused", row.attempt_id, body)
    else:
        body |= {"not_before": stamp(moved.not_before)}
        work.note(now, "attempt.postponed", row.attempt_id, body)
