"""Agreements: signed events that are only ever added, and where each one stands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, text, update

from dialer.agreements.event import Pen, Signed, Tip, standing_of, write
from dialer.agreements.state import (
    Activated,
    Closed,
    Confirmed,
    Event,
    Proposed,
    Standing,
    Terms,
    Unfit,
    advance,
)
from dialer.model import Commitment
from dialer.store.port import AgreementRow, NotFound, Refused, SignedEvents
from dialer.store.runner import Runner
from dialer.store.tables import IN_FORCE, agreement_events, agreements, stamp
from dialer.store.work import Work

PAGE = 500
Pens = Callable[[], Pen]

_page = (
    select(agreements)
    .where(agreements.c.agreement > bindparam("after"))
    .order_by(agreements.c.agreement)
    .limit(PAGE)
)
_one = select(agreements).where(
    agreements.c.agreement >= bindparam("prefix"),
    agreements.c.agreement < bindparam("end"),
)
_of_call = select(agreements).where(agreements.c.call == bindparam("call"))
_in_force = select(agreements).where(
    agreements.c.account == bindparam("account"), text(IN_FORCE)
)
_events = (
    select(agreement_events)
    .where(agreement_events.c.agreement == bindparam("wanted"))
    .order_by(agreement_events.c.seq)
)


def no_pen() -> Pen:
    raise Refused("agreements need the signing key of the evidence log; none was given")


class SqlAgreements:
    """`port.Agreements` on any SQL database."""

    def __init__(self, runner: Runner, pens: Pens) -> None:
        self._runner = runner
        self._pens = pens

    async def list(self) -> AsyncIterator[AgreementRow]:
        """By id, read in pages."""
        after = ""
        while True:
            rows = await self._runner.read(partial(page, after=after))
            for row in rows:
                yield row
            if len(rows) < PAGE:
                return
            after = rows[-1].agreement

    async def show(self, agreement: str) -> tuple[AgreementRow, SignedEvents]:
        return await self._runner.read(lambda c: show(c, agreement))

    async def of_call(self, attempt_id: str) -> AgreementRow | None:
        return await self._runner.read(lambda c: of_call(c, attempt_id))

    async def append(
        self, agreement: str, events: Sequence[Event], at: datetime, *, seq: int
    ) -> AgreementRow:
        return await self._runner.write(
            lambda work: append(work, agreement, events, at, seq, self._pens())
        )

    async def replace(
        self,
        agreement: str,
        successor: str,
        commitment: Commitment,
        at: datetime,
        *,
        by: str,
    ) -> AgreementRow:
        return await self._runner.write(
            lambda work: renegotiate(
                work, agreement, (successor, commitment, by), at, self._pens()
            )
        )


def page(connection: Connection, after: str) -> list[AgreementRow]:
    return [row_of(row) for row in connection.execute(_page, {"after": after})]


def show(connection: Connection, prefix: str) -> tuple[AgreementRow, list[Signed]]:
    """By id or unique prefix. NotFound; Refused: several begin with it."""
    values = {"prefix": prefix, "end": f"{prefix}~"}
    found = connection.execute(_one, values).all() if prefix else []
    if not found:
        raise NotFound("agreement", prefix)
    if len(found) > 1:
        raise Refused(f"several agreements begin with {prefix!r}: give more of the id")
    row = row_of(found[0])
    return row, events_of(connection, row.agreement)


def of_call(connection: Connection, attempt_id: str) -> AgreementRow | None:
    row = connection.execute(_of_call, {"call": attempt_id}).first()
    return None if row is None else row_of(row)


def events_of(connection: Connection, agreement: str) -> list[Signed]:
    rows = connection.execute(_events, {"wanted": agreement})
    return [Signed(*row) for row in rows]


def row_of(row: Row[Any]) -> AgreementRow:
    return AgreementRow(**row._mapping)


# --- writing


def append(
    work: Work,
    agreement: str,
    events: Sequence[Event],
    at: datetime,
    seq: int,
    pen: Pen,
) -> AgreementRow:
    """Add events after event `seq` - 1. Refused: others were added meanwhile."""
    hold(work, agreement)
    before, old = show(work.connection, agreement)
    if before.events != seq:
        raise Refused(f"agreement {before.agreement} has changed meanwhile: look again")
    standing = standing_of(old)
    return add(work, before, standing, events, at, pen)


def add(
    work: Work,
    before: AgreementRow,
    standing: Standing,
    events: Sequence[Event],
    at: datetime,
    pen: Pen,
) -> AgreementRow:
    for event in events:
        standing = advance(standing, event)
    tip = Tip(before.agreement, before.events, before.head)
    signed = write(tip, stamp(at), events, pen)
    changed = where(standing) | {
        "events": before.events + len(signed),
        "head": signed[-1].hash,
    }
    mine = update(agreements).where(agreements.c.agreement == before.agreement)
    work.connection.execute(mine, changed)
    keep(work, signed, at)
    return show(work.connection, before.agreement)[0]


About = tuple[str, str, str | None]  # account, contact, attempt (None: no call)


def why_not(connection: Connection, commitment: Commitment, about: About) -> str:
    """Why what was confirmed is no agreement that could begin now; '': it could."""
    found = connection.execute(_in_force, {"account": about[0]}).first()
    try:
        lead(beginning(commitment, about, "", "call"))
        if found is not None:
            before = row_of(found)
            standing = standing_of(events_of(connection, before.agreement))
            advance(standing, replacing(standing, commitment, ""))
    except Unfit as unfit:
        return str(unfit)
    return ""


def beginning(
    commitment: Commitment, about: About, replaced: str, by: str
) -> tuple[Proposed, Confirmed, Activated]:
    """The events with which an agreement begins."""
    account, contact, call = about
    terms = Terms(
        commitment.kind,
        commitment.due,
        commitment.grace_days,
        commitment.currency,
        commitment.commit,
        account,
        contact,
        call or "",
        replaced,
        commitment.sums,
    )
    nodes = Confirmed(commitment.nodes, by)
    return Proposed(terms), nodes, Activated(commitment.on)


def lead(events: Sequence[Event]) -> Standing:
    """Where events lead from nothing. Unfit."""
    standing: Standing | None = None
    for event in events:
        standing = advance(standing, event)
    assert standing is not None
    return standing


def replacing(before: Standing, commitment: Commitment, successor: str) -> Closed:
    """The end of what another agreement takes the place of."""
    day = max(commitment.on, before.day or commitment.on)
    return Closed(day, "replaced", successor)


def begin(
    work: Work,
    agreement: str,
    commitment: Commitment,
    about: About,
    at: datetime,
    pen: Pen,
    by: str = "call",
) -> None:
    """A new agreement, in force from now; what was in force for the account is
    replaced by it. `about`: account, contact, attempt (None: not in a call)."""
    account, contact, call = about
    replaced = retire(work, account, agreement, commitment, at, pen)
    events = beginning(commitment, about, replaced, by)
    terms, standing = events[0].terms, lead(events)
    signed = write(Tip(agreement), stamp(at), events, pen)
    row = where(standing) | {
        "agreement": agreement,
        "account": account,
        "contact_id": contact,
        "call": call,
        "made_at": at,
        "kind": terms.kind,
        "parts": standing.parts,
        "events": len(signed),
        "head": signed[-1].hash,
    }
    work.connection.execute(insert(agreements), row)
    keep(work, signed, at)


def retire(
    work: Work,
    account: str,
    successor: str,
    commitment: Commitment,
    at: datetime,
    pen: Pen,
) -> str:
    """Close what is in force for the account. -> its id; empty: there was none"""
    held = _in_force.with_for_update(key_share=True)
    found = work.connection.execute(held, {"account": account}).first()
    if found is None:
        return ""
    before = row_of(found)
    standing = standing_of(events_of(work.connection, before.agreement))
    closed = replacing(standing, commitment, successor)
    add(work, before, standing, [closed], at, pen)
    return before.agreement


def hold(work: Work, prefix: str) -> None:
    """Nobody else adds events to it until we have."""
    values = {"prefix": prefix, "end": f"{prefix}~"}
    work.connection.execute(_one.with_for_update(key_share=True), values)


def renegotiate(
    work: Work,
    agreement: str,
    new: tuple[str, Commitment, str],
    at: datetime,
    pen: Pen,
) -> AgreementRow:
    """Another agreement in place of this one, made with a person. Refused: it is not
    in force."""
    hold(work, agreement)
    before, _ = show(work.connection, agreement)
    if before.state in ("kept", "closed"):
        raise Refused(f"agreement {before.agreement} is {before.state}")
    successor, commitment, by = new
    about = (before.account, before.contact_id, None)
    begin(work, successor, commitment, about, at, pen, by)
    return show(work.connection, successor)[0]


def keep(work: Work, signed: Sequence[Signed], at: datetime) -> None:
    """The events, and for each its journal entry: so it reaches the evidence log."""
    work.connection.execute(insert(agreement_events), [asdict(one) for one in signed])
    for one in signed:
        body = {k: v for k, v in asdict(one).items() if k != "agreement"}
        work.note(at, "agreement.event", one.agreement, body | {"hash": one.hash})


def where(standing: Standing) -> dict[str, object]:
    """The columns that follow from the events."""
    due, covered = standing.terms.due, standing.covered
    open_ = covered < len(due) and standing.state not in ("kept", "closed")
    return {
        "state": standing.state.value,
        "covered": covered,
        "next_due": due[covered].isoformat() if open_ else None,
    }
