"""Nodes: who is up by the database's clock, who was taken for dead, who shall leave."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update

from dialer.store.ledger import rescue
from dialer.store.port import Beat, NodeRow, NotFound, Refused
from dialer.store.runner import Runner
from dialer.store.tables import duties, nodes, seats
from dialer.store.work import Lock, Work

GONE, UP, DRAINING = "gone", "up", "draining"
_one = select(nodes).where(nodes.c.node == bindparam("wanted"))
_all = select(nodes).order_by(nodes.c.node)
_mine = update(nodes).where(nodes.c.node == bindparam("wanted"))
_duties = select(duties.c.duty, duties.c.node)
_given_up = delete(duties).where(
    duties.c.duty == bindparam("one"), duties.c.node == bindparam("by")
)


class SqlNodes:
    """`port.Nodes` on any SQL database."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def join(
        self, node: str, incarnation: str, *, now: datetime, stale: timedelta
    ) -> datetime:
        return await self._runner.write(
            lambda work: join(work, node, incarnation, now, stale)
        )

    async def beat(
        self,
        node: str,
        incarnation: str,
        *,
        now: datetime,
        stale: timedelta,
        wants: Collection[str] = (),
        bury: bool = True,
    ) -> Beat:
        seen = Seen(node, incarnation, now, stale if bury else None, frozenset(wants))
        return await self._runner.write(lambda work: beat(work, seen))

    async def duties(self) -> dict[str, str]:
        return await self._runner.read(
            lambda c: {row.duty: row.node for row in c.execute(_duties)}
        )

    async def leave(self, node: str, incarnation: str, *, now: datetime) -> None:
        await self._runner.write(lambda work: leave(work, node, incarnation, now))

    async def drain(self, node: str, *, now: datetime) -> None:
        await self._runner.write(lambda work: drain(work, node, now))

    async def all(self) -> list[NodeRow]:
        return await self._runner.read(
            lambda connection: [row_of(row) for row in connection.execute(_all)]
        )


def row_of(row: Any) -> NodeRow:
    return NodeRow(row.node, row.state, row.started_at, row.seen_at)


def join(
    work: Work, node: str, incarnation: str, now: datetime, stale: timedelta
) -> datetime:
    work.alone(Lock.NODES)
    at = work.clock(now)
    row = work.connection.execute(_one, {"wanted": node}).first()
    if row is not None and row.state != GONE and row.incarnation != incarnation:
        silent = at - row.seen_at
        if silent < stale:
            raise Refused(
                f"a node named {node} is up (seen {silent.total_seconds():.0f} s ago):"
                " give this one another name, or stop that one"
            )
    values = {
        "incarnation": incarnation,
        "state": UP,
        "started_at": at,
        "seen_at": at,
    }
    if row is None:
        work.connection.execute(insert(nodes), {"node": node, **values})
    else:
        work.connection.execute(_mine, {"wanted": node, **values})
    empty(work, node)
    rescue(work, at, node)  # what it left when it died
    work.note(at, "node.membership", node, {"state": UP})
    return at


class Seen(NamedTuple):
    """A node says that it is there."""

    node: str
    incarnation: str
    now: datetime
    stale: timedelta | None  # who is silent for so long is buried; None: nobody
    wants: frozenset[str]


def beat(work: Work, seen: Seen) -> Beat:
    work.alone(Lock.NODES)
    node, stale, at = seen.node, seen.stale, work.clock(seen.now)
    row = work.connection.execute(_one, {"wanted": node}).first()
    if row is None or row.incarnation != seen.incarnation or row.state == GONE:
        raise Refused(
            f"node {node} was silent for too long and was taken for dead:"
            " its attempts are with others now; start it anew"
        )
    work.connection.execute(_mine, {"wanted": node, "seen_at": at})
    everybody = work.connection.execute(_all).all()
    rescue(work, at, None, [other.node for other in everybody if other.state != GONE])
    if stale is not None and at - row.seen_at > abs(stale) / 2:
        stale = None  # it was away itself, perhaps with the database: let others come
    dead = [
        other.node
        for other in everybody
        if stale is not None
        and other.node != node
        and other.state != GONE
        and other.seen_at <= at - stale
    ]
    for other in dead:
        bury(work, other, at, "silent")
    mine = shared_out(work, node, seen.wants, at)
    return Beat(at, row.state == DRAINING, tuple(dead), mine)


def shared_out(
    work: Work, node: str, wants: Collection[str], at: datetime
) -> frozenset[str]:
    """-> what this node does for all: what it did and still wants, what nobody does"""
    by = {row.duty: row.node for row in work.connection.execute(_duties)}
    for duty in [one for one, who in by.items() if who == node and one not in wants]:
        work.connection.execute(_given_up, {"one": duty, "by": node})
    free = [{"duty": d, "node": node, "since": at} for d in wants if d not in by]
    if free:
        work.connection.execute(insert(duties), free)
    return frozenset(duty for duty in wants if by.get(duty, node) == node)


def bury(work: Work, node: str, at: datetime, why: str) -> None:
    """Its reserved attempts are due again; those that may have rung are unknown."""
    work.connection.execute(_mine, {"wanted": node, "state": GONE})
    empty(work, node)
    rescue(work, at, node)
    work.note(at, "node.membership", node, {"state": GONE, "why": why})


def empty(work: Work, node: str) -> None:
    """Nothing is the node's any more: no line, no duty."""
    for table in (seats, duties):
        work.connection.execute(delete(table).where(table.c.node == node))


def leave(work: Work, node: str, incarnation: str, now: datetime) -> None:
    """Nothing, if it was taken for dead meanwhile."""
    work.alone(Lock.NODES)
    row = work.connection.execute(_one, {"wanted": node}).first()
    if row is not None and row.incarnation == incarnation and row.state != GONE:
        bury(work, node, work.clock(now), "left")


def drain(work: Work, node: str, now: datetime) -> None:
    work.alone(Lock.NODES)
    row = work.connection.execute(_one, {"wanted": node}).first()
    if row is None:
        raise NotFound("node", node)
    if row.state == GONE:
        raise Refused(f"node {node} is not up")
    work.connection.execute(_mine, {"wanted": node, "state": DRAINING})
    work.note(work.clock(now), "node.membership", node, {"state": DRAINING})
