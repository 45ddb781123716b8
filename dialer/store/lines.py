"""What of a trunk all nodes share: its channels, and its calls in a second.

A row a trunk says when its next call may start; each that is taken moves it on by the
time between two calls. So calls are spaced as the database's clock has it, and none of
the room is lost while nodes ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, func, insert, select, update

from dialer.store.port import Start
from dialer.store.runner import Runner
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
_used = select(seats.c.node, seats.c.used).where(seats.c.trunk == bindparam("wanted"))
_move = update(starts).where(starts.c.trunk == bindparam("wanted"))
_sit = update(seats).where(
    seats.c.trunk == bindparam("wanted"), seats.c.node == bindparam("by")
)


class Take(NamedTuple):
    trunk: str
    node: str
    channels: int
    per_second: float
    now: datetime


class SqlLines:
    """`port.Lines` on any SQL database."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def take(
        self, trunk: str, node: str, *, channels: int, per_second: float, now: datetime
    ) -> Start:
        want = Take(trunk, node, channels, per_second, now)
        return await self._runner.together(take_all, want)

    async def give(self, trunk: str, node: str) -> None:
        await self._runner.together(give_all, (trunk, node))

    async def used(self) -> dict[tuple[str, str], int]:
        found = select(seats.c.trunk, seats.c.node, func.sum(seats.c.used)).group_by(
            seats.c.trunk, seats.c.node
        )
        return await self._runner.read(
            lambda connection: {
                (trunk, node): int(count)
                for trunk, node, count in connection.execute(found)
            }
        )


def take_all(work: Work, wanted: Sequence[Take]) -> list[Start]:
    """In one order of trunks, so that nodes do not wait for each other in a ring."""
    answers = dict[int, Start]()
    for i in sorted(range(len(wanted)), key=lambda i: wanted[i].trunk):
        answers[i] = take(work, wanted[i])
    return [answers[i] for i in range(len(wanted))]


def take(work: Work, want: Take) -> Start:
    named = {"wanted": want.trunk}
    row = work.connection.execute(_next, named).first()
    at = work.clock(want.now)
    if row is None:
        first = {"trunk": want.trunk, "next_at": at}
        work.connection.execute(insert(starts), first)
    used = used_of(work, want.trunk)
    if sum(used.values()) >= want.channels:
        return Start(False, at + timedelta(seconds=FULL))
    next_at = max(row.next_at, at + LEAD) if row else at + LEAD
    if next_at > at + timedelta(seconds=AHEAD):
        return Start(False, next_at - timedelta(seconds=AHEAD))
    moved = next_at + timedelta(seconds=SECOND / want.per_second)
    work.connection.execute(_move, {**named, "next_at": moved})
    count = used.get(want.node)
    if count is None:
        mine = {"trunk": want.trunk, "node": want.node, "used": 1}
        work.connection.execute(insert(seats), mine)
    else:
        seat = {**named, "by": want.node, "used": count + 1}
        work.connection.execute(_sit, seat)
    return Start(True, next_at)


def used_of(work: Work, trunk: str) -> dict[str, int]:
    """Channels in use by node."""
    rows = work.connection.execute(_used, {"wanted": trunk})
    return {row.node: row.used for row in rows}


def give_all(work: Work, given: Sequence[tuple[str, str]]) -> list[None]:
    for trunk, node in sorted(given):
        named = {"wanted": trunk}
        work.connection.execute(_next, named)
        used = used_of(work, trunk)
        if used.get(node):  # else it was taken for dead, and all its seats with it
            seat = {**named, "by": node, "used": used[node] - 1}
            work.connection.execute(_sit, seat)
    return [None] * len(given)
