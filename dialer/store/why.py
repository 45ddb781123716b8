"""How every contact of a campaign stands with the gate now. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from dialer.attempt import Phase
from dialer.model import Case, Disposition, Verdict
from dialer.store import page
from dialer.store.moves import parsed
from dialer.store.page import CHUNK, Span
from dialer.store.plan import Numbered, Order, facts, for_good
from dialer.store.port import Stood
from dialer.store.prepared import Prepared
from dialer.store.rows import contact_of
from dialer.store.tables import attempts, contacts

_latest = Prepared(
    page.within(
        select(
            attempts.c.contact_id,
            attempts.c.position,
            attempts.c.phase,
            attempts.c.disposition,
            attempts.c.not_before,
        ).join_from(contacts, attempts)
    )
    .where(attempts.c.campaign_id == bindparam("campaign_id"))
    .order_by(attempts.c.contact_id, attempts.c.n)
)


def stand_chunk(
    connection: Connection, order: Order, batch_id: str, after: int
) -> tuple[list[Stood], int | None]:
    """One chunk. -> the chunk, where the next begins (None: it was the last)"""
    rows = page.rows_of(connection, batch_id, after)
    if not rows:
        return [], None
    found = [contact_of(row) for row in rows]
    span = Span(batch_id, after, rows[-1].place)
    campaign = {"campaign_id": order.campaign.campaign_id}
    tried = _latest.all(connection, {**span._asdict(), **campaign})
    last = {row.contact_id: row for row in tried}  # the latest of each comes last
    numbered = [(c, position) for c in found for position in range(len(c.numbers))]
    known = facts(connection, order, span, numbered)
    chosen = _chosen(order, numbered, known, last)
    stood = [
        _stood(batch_id, one, case, verdict, last.get(one[0].contact_id))
        for one, case, verdict in chosen
    ]
    return stood, span.last if len(found) == CHUNK else None


def _chosen(
    order: Order,
    numbered: Sequence[Numbered],
    known: Sequence[Case],
    last: dict[str, Any],
) -> list[tuple[Numbered, Case, Verdict]]:
    """Of each contact the number its open attempt is for, else as a plan would."""
    chosen = dict[str, tuple[Numbered, Case, Verdict]]()
    for one, case in zip(numbered, known, strict=True):
        contact, position = one
        tried = last.get(contact.contact_id)
        if tried and tried.phase != Phase.DONE and tried.position != position:
            continue
        before = chosen.get(contact.contact_id)
        if before is None or for_good(before[2]):
            verdict = order.judge(case, order.now)
            if before is None or not for_good(verdict):
                chosen[contact.contact_id] = one, case, verdict
    return list(chosen.values())


def _stood(
    batch_id: str, one: Numbered, case: Case, verdict: Verdict, tried: Any
) -> Stood:
    contact, position = one
    if tried is None:
        return Stood(contact, batch_id, position, case, verdict)
    return Stood(
        contact,
        batch_id,
        position,
        case,
        verdict,
        Phase(tried.phase),
        tried.disposition and Disposition(tried.disposition),
        parsed(tried.not_before),
    )
