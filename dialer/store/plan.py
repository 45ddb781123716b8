"""The plan: judge every contact, and with `commit` make its first attempt.

A million contacts pass through in chunks; nothing is kept between two chunks but the
numbers that several contacts share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from dialer.attempt import Attempt, Ended, Phase, advance
from dialer.model import (
    Case,
    Contact,
    Disposition,
    Judge,
    KnowingJudge,
    Reason,
    Verdict,
)
from dialer.store import cases, moves, page
from dialer.store.kinds import Batch, Kinds, named
from dialer.store.page import CHUNK, Span
from dialer.store.port import Campaign, NotFound, Planned
from dialer.store.prepared import Prepared
from dialer.store.rows import (
    contact_of,
    reason_map,
    rules_text,
    verdict_text,
)
from dialer.store.tables import attempts, batches, stamp
from dialer.store.work import Work, new_id

HOUSE = "the ledger (rule of the house)"
OPEN_ATTEMPT = Reason(
    "open_attempt", HOUSE, "another attempt for this number is not over"
)
ALREADY = Reason(
    "already_planned", HOUSE, "the contact has an attempt in this campaign"
)

_importer = select(batches.c.importer).where(
    batches.c.batch_id == bindparam("batch_id")
)
NEW = (
    *("attempt_id", "campaign_id", "contact_id", "n", "position", "number"),
    *("account", "stage", "verdict", "rules", *moves.GOVERNED),
)
_new = Prepared(insert(attempts).values({name: bindparam(name) for name in NEW}))


Numbered = tuple[Contact, int]  # and the place of one of its numbers


@dataclass(slots=True)
class Order:
    """What was asked; which shared numbers a dry run has taken so far."""

    campaign: Campaign
    judge: Judge
    now: datetime
    commit: bool
    taken: set[str] = field(default_factory=set)


def batch_ids(connection: Connection, wanted: Sequence[str]) -> list[str]:
    """All batches, or those wanted, once each. NotFound."""
    there = list(
        connection.execute(select(batches.c.batch_id).order_by("at")).scalars()
    )
    for name in wanted:
        if name not in there:
            raise NotFound("batch", name)
    return list(dict.fromkeys(wanted)) or there


def try_chunk(
    connection: Connection, order: Order, batch_id: str, after: int
) -> tuple[list[Planned], int | None]:
    """One chunk, judged. -> the chunk, where the next begins (None: it was the last)"""
    rows = page.rows_of(connection, batch_id, after)
    if not rows:
        return [], None
    found = [(contact_of(row), row) for row in rows]
    span = Span(batch_id, after, rows[-1].place)
    numbered = [(c, position) for c, _ in found for position in range(len(c.numbers))]
    known = opinions(connection, order, span, numbered, found)
    judged = [
        Planned(contact, batch_id, position, verdict)
        for (contact, position), verdict in judge_all(
            connection, order, span, numbered, known
        )
    ]
    return judged, span.last if len(found) == CHUNK else None


def opinions(
    connection: Connection,
    order: Order,
    span: Span,
    numbered: Sequence[Numbered],
    found: Sequence[tuple[Contact, Any]],
) -> Sequence[Case | Verdict]:
    """Of each number what is to be judged, or the verdict on all of its kind."""
    judge = order.judge
    if not isinstance(judge, KnowingJudge):
        return facts(connection, order, span, numbered)
    batch = about(connection, order, span.batch_id)
    kinds = Kinds(judge, order.now, batch, found)
    noted = page.noted(connection, span, kinds.since)
    if noted is None:
        return facts(connection, order, span, numbered)
    noted.update(contact.contact_id for contact, _ in found if not named(contact))
    full = [
        cases.wish(*one, span.batch_id, batch.importer, batch.asked)
        for one in numbered
        if in_it(one[0], noted)
    ]
    gathered = iter(cases.gather(connection, full, order.now))
    return [
        next(gathered) if in_it(contact, noted) else kinds.verdict(key)
        for (contact, _), key in zip(numbered, kinds.keys, strict=True)
    ]


def facts(
    connection: Connection, order: Order, span: Span, numbered: Sequence[Numbered]
) -> list[Case]:
    """What the gate may know of each number, in order."""
    noted = page.noted(connection, span, order.now - cases.HISTORY)
    _, importer, reviewers, asked = about(connection, order, span.batch_id)
    wishes = [cases.wish(*one, span.batch_id, importer, asked) for one in numbered]
    full = [w for w, (c, _) in zip(wishes, numbered, strict=True) if in_it(c, noted)]
    gathered = iter(cases.gather(connection, full, order.now))
    return [
        next(gathered) if in_it(contact, noted) else cases.bare(wish, reviewers)
        for wish, (contact, _) in zip(wishes, numbered, strict=True)
    ]


def about(connection: Connection, order: Order, batch_id: str) -> Batch:
    importer = connection.execute(_importer, {"batch_id": batch_id}).scalar_one()
    reviewers = cases.reviewed(connection, batch_id)
    return Batch(batch_id, importer, reviewers, cases.asked(order.campaign.settings))


def in_it(contact: Contact, noted: set[str] | None) -> bool:
    return noted is None or contact.contact_id in noted


def judge_all(
    connection: Connection,
    order: Order,
    span: Span,
    numbered: Sequence[Numbered],
    known: Sequence[Case | Verdict],
) -> list[tuple[Numbered, Verdict]]:
    """For each contact its first number that may be called now or later."""
    planned = page.planned(connection, span, order.campaign.campaign_id)
    busy = page.busy(connection, span) | order.taken
    shared = page.shared(connection, span)
    chosen = dict[str, tuple[Numbered, Verdict]]()
    for one, what in zip(numbered, known, strict=True):
        name, number = one[0].contact_id, one[0].numbers[one[1]]
        if name in chosen and not for_good(chosen[name][1]):
            continue
        said = what if isinstance(what, Verdict) else order.judge(what, order.now)
        verdict = house(said, name in planned, number in busy)
        if name not in chosen or not for_good(verdict):
            chosen[name] = one, verdict
            if not for_good(verdict):
                busy.add(number)
                if not order.commit and number in shared:  # else it is written
                    order.taken.add(number)
    return list(chosen.values())


def for_good(verdict: Verdict) -> bool:
    """Whether no time will change it."""
    return not verdict.allowed and verdict.next_allowed is None


def house(verdict: Verdict, planned: bool, busy: bool) -> Verdict:
    """The gate's verdict with the ledger's own reasons added."""
    own = (ALREADY,) if planned else (OPEN_ATTEMPT,) if busy else ()
    return Verdict(False, (*own, *verdict.reasons)) if own else verdict


def commit_chunk(
    work: Work, order: Order, batch_id: str, after: int
) -> tuple[list[Planned], int | None]:
    """One chunk, judged and written."""
    judged, following = try_chunk(work.connection, order, batch_id, after)
    create(work, order, [p for p in judged if not skipped(p)])
    return judged, following


def skipped(planned: Planned) -> bool:
    rules = {reason.rule for reason in planned.verdict.reasons}
    return bool(rules & {OPEN_ATTEMPT.rule, ALREADY.rule})


def create(work: Work, order: Order, found: list[Planned]) -> None:
    same = dict[Verdict, dict[str, object]]()  # many have the same verdict
    rows = list[dict[str, object]]()
    for planned in found:
        verdict = planned.verdict
        if verdict not in same:
            same[verdict] = judged_values(order, verdict)
        rows.append({**same[verdict], **own_values(planned)})
    create_rows(work, rows)
    for written, planned in zip(rows, found, strict=True):
        note(work, order, written, planned)


def create_rows(work: Work, rows: Sequence[dict[str, object]]) -> None:
    """New attempts, whole (`NEW`)."""
    if rows:
        _new.many(work.connection, rows)


def judged_values(order: Order, verdict: Verdict) -> dict[str, object]:
    attempt = Attempt(Phase.DUE, verdict.next_allowed or order.now)
    if for_good(verdict):
        attempt = advance(attempt, Ended(Disposition.REFUSED, order.now))
    return {
        **moves.values(attempt),
        "campaign_id": order.campaign.campaign_id,
        "n": 1,
        "verdict": verdict_text(verdict),
        "rules": rules_text(verdict),
    }


def own_values(planned: Planned) -> dict[str, object]:
    contact = planned.contact
    return {
        "attempt_id": new_id(),
        "contact_id": contact.contact_id,
        "position": planned.number,
        "number": contact.numbers[planned.number],
        "account": contact.account,
        "stage": contact.stage,
    }


def note(
    work: Work, order: Order, written: dict[str, object], planned: Planned
) -> None:
    refused = written["phase"] == Phase.DONE
    body = {
        "campaign": order.campaign.campaign_id,
        "contact": planned.contact.contact_id,
        "n": 1,
        "number": planned.number,
    }
    if refused:
        reasons = [reason_map(reason) for reason in planned.verdict.reasons]
        body |= {"reasons": reasons}
    else:
        body |= {"not_before": stamp(planned.verdict.next_allowed or order.now)}
    kind = "attempt.refused" if refused else "attempt.planned"
    work.note(order.now, kind, str(written["attempt_id"]), body)
