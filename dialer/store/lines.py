"""What of a trunk all nodes share: its channels, and its calls in a second.

A row a trunk says when its next call may start; each that is taken moves it on by the
time between two calls. So calls are spaced as the database's clock has it, and none of
the room is lost while nodes ask. A channel in use is a row with a name of its own: what
was asked or given back twice, because an answer was lost, counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, update

from dialer.store.port import Start
from dialer.store.runner import PATIENCE, Runner
from dialer.store.tables import seats, starts
from dialer.store.work import Work

LEAD = timedelta(seconds=0.1)  # for `dialing` to be stored before the start
#: As `trunks.caps.SECOND`: the nodes' clocks and ways to the switch differ a little.
SECOND = 1.05
AHEAD = 0.4  #: seconds that a start may be taken before its time
FULL = 0.5  #: seconds until somebody who found all channels in use asks again
_next = (
    select(starts.c.next_at)
    .where(starts.c.trunk == bindparam("wanted"))
    .with_for_update()  # said on PostgreSQL only
)
_used = select(func.count()).where(seats.c.trunk == bindparam("wanted"))
_mine = select(seats.c.start_at).where(
    seats.c.trunk == bindparam("wanted"), seats.c.seat == bindparam("one")
)
_leave = delete(seats).where(
    seats.c.trunk == bindparam("wanted"), seats.c.seat == bindparam("one")
)
_move = update(starts).where(starts.c.trunk == bindparam("wanted"))


class Take(NamedTuple):
    trunk: str
    node: str
    seat: str
    channels: int
    per_second: float
    now: datetime


class Give(NamedTuple):
    trunk: str
    seat: str


class SqlLines:
    """`port.Lines` on any SQL database."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def take(
        self,
        trunk: str,
        node: str,
        seat: str,
        *,
        channels: int,
        per_second: float,
        now: datetime,
    ) -> Start:
        want = Take(trunk, node, seat, channels, per_second, now)
        found = await self._runner.together(in_order, want)
        assert found is not None
        return found

    async def give(self, trunk: str, seat: str) -> None:
        await self._runner.together(in_order, Give(trunk, seat), patience=PATIENCE)

    async def used(self) -> dict[tuple[str, str], int]:
        found = select(seats.c.trunk, seats.c.node, func.count()).group_by(
            seats.c.trunk, seats.c.node
        )
        return await self._runner.read(
            lambda connection: {
                (trunk, node): int(count)
                for trunk, node, count in connection.execute(found)
            }
        )


def in_order(work: Work, asked: Sequence[Take | Give]) -> list[Start | None]:
    """In one order of trunks, so that nodes do not wait for each other in a ring; of a
    trunk in the order of asking, so that what is given back was taken before."""
    answers = dict[int, Start | None]()
    for i in sorted(range(len(asked)), key=lambda i: asked[i].trunk):
        one = asked[i]
        answers[i] = take(work, one) if isinstance(one, Take) else give(work, one)
    return [answers[i] for i in range(len(asked))]


def take(work: Work, want: Take) -> Start:
    named = {"wanted": want.trunk}
    row = work.connection.execute(_next, named).first()
    at = work.clock(want.now)
    if row is None:
        first = {"trunk": want.trunk, "next_at": at}
        work.connection.execute(insert(starts), first)
    there = work.connection.execute(_mine, {**named, "one": want.seat}).first()
    if there is not None:  # asked before, and not heard that it was given
        return Start(True, there.start_at)
    used = work.connection.execute(_used, named).scalar_one()
    if used >= want.channels:
        return Start(False, at + timedelta(seconds=FULL))
    next_at = max(row.next_at, at + LEAD) if row else at + LEAD
    if next_at > at + timedelta(seconds=AHEAD):
        return Start(False, next_at - timedelta(seconds=AHEAD))
    moved = next_at + timedelta(seconds=SECOND / want.per_second)
    work.connection.execute(_move, {**named, "next_at": moved})
    mine = {"trunk": want.trunk, "seat": want.seat}
    taken = {**mine, "node": want.node, "start_at": next_at}
    work.connection.execute(insert(seats), taken)
    return Start(True, next_at)


def give(work: Work, given: Give) -> Start | None:
    work.connection.execute(_leave, {"wanted": given.trunk, "one": given.seat})
    return None
