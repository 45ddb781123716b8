"""Reading what became of attempts. Masked, as it was written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, bindparam, select

from dialer.store.port import AttemptRow, NotFound, Reached, Refused, Turns
from dialer.store.reached import reached
from dialer.store.rows import attempt_row_of, turn_of
from dialer.store.runner import Runner
from dialer.store.tables import agreements, attempts, campaigns, contacts, turns

PAGE = 1000
ASKED = 500  # attempts in one statement
Told = list[tuple[AttemptRow, Turns]]
AFTER_HEX = "g"  # ids are hexadecimal: every id with a prefix sorts before prefix + g

_made = select(agreements.c.agreement).where(agreements.c.call == attempts.c.attempt_id)
_stands = select(agreements.c.state).where(agreements.c.call == attempts.c.attempt_id)
_rows = (
    select(
        attempts,
        contacts.c.masked,
        contacts.c.language,
        contacts.c.zones,
        campaigns.c.name.label("campaign_name"),
        _made.limit(1).scalar_subquery().label("agreement"),
        _stands.limit(1).scalar_subquery().label("agreement_state"),
    )
    .join_from(attempts, contacts)
    .join(campaigns)
    .order_by(attempts.c.row)
)
_page = _rows.where(attempts.c.row > bindparam("after")).limit(bindparam("limit"))
_page_of = _page.where(attempts.c.campaign_id == bindparam("campaign_id"))
#: By the unique index of campaign, contact and n.
_of = _rows.where(
    attempts.c.campaign_id.in_(select(campaigns.c.campaign_id)),
    attempts.c.contact_id == bindparam("contact_id"),
)
_prefixed = _rows.where(
    attempts.c.attempt_id >= bindparam("prefix"),
    attempts.c.attempt_id < bindparam("end"),
).limit(2)
_turns = (
    select(turns)
    .where(turns.c.attempt_id == bindparam("attempt_id"))
    .order_by(turns.c.i)
)
_several = _rows.where(attempts.c.attempt_id.in_(bindparam("wanted", expanding=True)))
_said = (
    select(turns)
    .where(turns.c.attempt_id.in_(bindparam("wanted", expanding=True)))
    .order_by(turns.c.attempt_id, turns.c.i)
)


class SqlCalls:
    """`port.Calls` on any SQL database."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def list(
        self, campaign_id: str | None = None, *, limit: int | None = None
    ) -> AsyncIterator[AttemptRow]:
        """In the order of creation, read in pages."""
        after, left = 0, limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            found, after = await self._page(campaign_id, after, size)
            for row in found:
                yield row
            if len(found) < size:
                return
            left = left if left is None else left - size

    async def _page(
        self, campaign_id: str | None, after: int, size: int
    ) -> tuple[tuple[AttemptRow, ...], int]:
        return await self._runner.read(lambda c: page(c, campaign_id, after, size))

    async def reached(self, campaign_id: str, since: datetime) -> tuple[Reached, ...]:
        return await self._runner.read(lambda c: reached(c, campaign_id, since))

    async def of(self, contact_id: str) -> tuple[AttemptRow, ...]:
        return await self._runner.read(lambda c: of(c, contact_id))

    async def show(self, attempt_id: str) -> tuple[AttemptRow, Turns]:
        """Refused: several ids begin with this."""
        return await self._runner.read(lambda c: show(c, attempt_id))

    async def told(self, attempt_ids: Sequence[str]) -> Told:
        found: Told = []
        for start in range(0, len(attempt_ids), ASKED):
            wanted = attempt_ids[start : start + ASKED]
            found += await self._runner.read(partial(several, wanted=wanted))
        return found


def page(
    connection: Connection, campaign_id: str | None, after: int, size: int
) -> tuple[tuple[AttemptRow, ...], int]:
    statement = _page if campaign_id is None else _page_of
    values: dict[str, object] = {"after": after, "limit": size}
    if campaign_id is not None:
        values |= {"campaign_id": campaign_id}
    rows = connection.execute(statement, values).all()
    return tuple(map(attempt_row_of, rows)), rows[-1].row if rows else after


def of(connection: Connection, contact_id: str) -> tuple[AttemptRow, ...]:
    rows = connection.execute(_of, {"contact_id": contact_id})
    return tuple(map(attempt_row_of, rows))


def show(connection: Connection, prefix: str) -> tuple[AttemptRow, Turns]:
    values = {"prefix": prefix, "end": prefix + AFTER_HEX}
    found = connection.execute(_prefixed, values).all()
    if not found or not prefix:
        raise NotFound("call", prefix)
    if len(found) > 1:
        raise Refused(f"several calls begin with {prefix!r}: give more of the id")
    row = found[0]
    said = connection.execute(_turns, {"attempt_id": row.attempt_id})
    return attempt_row_of(row), [turn_of(turn) for turn in said]


def several(
    connection: Connection, wanted: Sequence[str]
) -> list[tuple[AttemptRow, Turns]]:
    said: dict[str, Turns] = {attempt_id: [] for attempt_id in wanted}
    for turn in connection.execute(_said, {"wanted": wanted}):
        said[turn.attempt_id].append(turn_of(turn))
    rows = connection.execute(_several, {"wanted": wanted})
    there = {row.attempt_id: attempt_row_of(row) for row in rows}
    for attempt_id in wanted:
        if attempt_id not in there:
            raise NotFound("call", attempt_id)
    return [(there[attempt_id], said[attempt_id]) for attempt_id in wanted]
