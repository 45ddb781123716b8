"""Recycling: one more attempt for contacts whose last one ended in a certain way.

The gate judges each of them as a plan does. Whom it refuses for good is left as is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from dialer.store import cases
from dialer.store.page import CHUNK
from dialer.store.plan import (
    Order,
    create_rows,
    for_good,
    house,
    judged_values,
    own_values,
    skipped,
)
from dialer.store.port import Planned
from dialer.store.rows import contact_of
from dialer.store.tables import OPEN, attempts, batches, contacts, stamp
from dialer.store.work import Work, new_ids

later = attempts.alias("later")
_page = (
    select(
        attempts.c.row,
        attempts.c.n,
        attempts.c.position,
        attempts.c.disposition,
        batches.c.importer,
        contacts,
    )
    .join_from(attempts, contacts)
    .join(batches, batches.c.batch_id == contacts.c.batch_id)
    .where(
        attempts.c.campaign_id == bindparam("campaign_id"),
        attempts.c.row > bindparam("after"),
        attempts.c.disposition.in_(bindparam("outcomes", expanding=True)),
        ~select(later.c.row)
        .where(
            later.c.campaign_id == attempts.c.campaign_id,
            later.c.contact_id == attempts.c.contact_id,
            later.c.n > attempts.c.n,
        )
        .exists(),
    )
    .order_by(attempts.c.row)
    .limit(CHUNK)
)
_open = select(attempts.c.number).where(
    OPEN, attempts.c.number.in_(bindparam("tokens", expanding=True))
)

Again = tuple[Any, Planned]  # the row of the last attempt, and the next as planned


def try_chunk(
    connection: Connection, order: Order, outcomes: Sequence[str], after: int
) -> tuple[list[Again], int | None]:
    """One chunk, judged. -> the chunk, where the next begins (None: it was the last)"""
    wanted = {"campaign_id": order.campaign.campaign_id, "after": after}
    rows = connection.execute(_page, {**wanted, "outcomes": list(outcomes)}).all()
    found = [contact_of(row) for row in rows]
    asked = cases.asked(order.campaign.settings)
    wishes = [
        cases.wish(contact, row.position, row.batch_id, row.importer, asked)
        for contact, row in zip(found, rows, strict=True)
    ]
    known = cases.gather(connection, wishes, order.now)
    tokens = {"tokens": sorted({case.number for case in known})}
    busy = set(connection.execute(_open, tokens).scalars()) | order.taken
    judged = list[Again]()
    for row, contact, case in zip(rows, found, known, strict=True):
        verdict = house(
            order.judge(case, order.now), planned=False, busy=case.number in busy
        )
        if not for_good(verdict):
            busy.add(case.number)
            order.taken.add(case.number)
        judged.append((row, Planned(contact, row.batch_id, row.position, verdict)))
    return judged, rows[-1].row if len(rows) == CHUNK else None


def commit_chunk(
    work: Work, order: Order, outcomes: Sequence[str], after: int
) -> tuple[list[Again], int | None]:
    """One chunk, judged and written."""
    judged, following = try_chunk(work.connection, order, outcomes, after)
    made = [
        (again, _values(order, *again))
        for again in judged
        if not for_good(again[1].verdict) and not skipped(again[1])
    ]
    for (_, values), attempt_id in zip(made, new_ids(len(made)), strict=True):
        values["attempt_id"] = attempt_id
    work.wake()
    create_rows(work, [values for _, values in made])
    for (row, planned), values in made:
        body = {
            "campaign": order.campaign.campaign_id,
            "contact": planned.contact.contact_id,
            "n": row.n + 1,
            "number": planned.number,
            "not_before": stamp(planned.verdict.next_allowed or order.now),
            "why": f"recycled: {row.disposition}",
        }
        work.note(order.now, "attempt.planned", str(values["attempt_id"]), body)
    return judged, following


def _values(order: Order, row: Any, planned: Planned) -> dict[str, object]:
    judged = judged_values(order, planned.verdict)
    return {**judged, **own_values(planned), "n": row.n + 1}
