"""A node among others: it is seen, it tells time by the database, it shares trunks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from dialer.channels.port import Carrier, Channel, ChannelDown, Line, NoSeat, Order
from dialer.clock import Clock, FollowedClock
from dialer.settings import Engine
from dialer.store.port import Lines, Refused, StoreDown, Stores

log = logging.getLogger(__name__)

PATIENCE = 30.0  #: seconds to wait for a place in a trunk that all nodes share
SOON = timedelta(seconds=30)
LATE = timedelta(seconds=0.05)  # a call may start so much after its moment


class Member:
    """One life of a node. `clock` is the database's, as of the last beat."""

    def __init__(self, stores: Stores, own: Engine, clock: FollowedClock) -> None:
        self.clock = clock
        self.why = ""  # it has to leave; empty: it has not
        self._stores = stores
        self._own = own
        self._incarnation = uuid4().hex
        self._stale = timedelta(seconds=own.stale_seconds)

    async def join(self) -> None:
        """Refused: a node of this name is up."""
        now = await self._stores.nodes.join(
            self._own.node,
            self._incarnation,
            now=self.clock.now(),
            stale=self._stale,
        )
        self.clock.follow(now)

    async def beat(
        self,
        leave: Callable[[str], None],
        died: Callable[[], Awaitable[None]],
    ) -> None:
        """Be seen until cancelled. `leave` is called once, with the reason, when this
        node shall drain, or was taken for dead; `died` when others were."""
        while True:
            await self.clock.sleep(self._own.beat_seconds)
            try:
                told = await self._stores.nodes.beat(
                    self._own.node,
                    self._incarnation,
                    now=self.clock.now(),
                    stale=self._stale,
                )
            except StoreDown:
                log.warning("store down: this node is not seen")
                continue
            except Refused as refused:
                self._leaves(refused.why, leave)
                return
            self.clock.follow(told.now)
            for node in told.dead:
                log.warning(
                    "a node is silent: its attempts are given back",
                    extra={"node": node},
                )
            if told.dead:
                await died()
            if told.draining:
                self._leaves("told to drain", leave)

    def _leaves(self, why: str, leave: Callable[[str], None]) -> None:
        if not self.why:
            self.why = why
            leave(why)

    async def leave(self) -> None:
        with suppress(StoreDown):
            await self._stores.nodes.leave(
                self._own.node, self._incarnation, now=self.clock.now()
            )


@asynccontextmanager
async def member(stores: Stores, own: Engine, clock: Clock) -> AsyncIterator[Member]:
    """Joined; leaving the block leaves."""
    found = Member(stores, own, FollowedClock(clock.now()))
    await found.join()
    try:
        yield found
    finally:
        await asyncio.shield(found.leave())


@dataclass(frozen=True, slots=True)
class Cap:
    """Of a trunk, over all nodes."""

    channels: int
    per_second: float


class SharedTrunks:
    """A `Carrier` whose trunks' caps hold over all nodes; `clock` is the database's. A
    call that moves to another trunk when the first fails is counted on the first."""

    def __init__(
        self,
        carrier: Carrier,
        lines: Lines,
        caps: Mapping[str, Cap],
        node: str,
        clock: Clock,
    ) -> None:
        self._carrier = carrier
        self._lines = lines
        self._caps = caps
        self._node = node
        self.clock = clock

    @asynccontextmanager
    async def seat(self, number: str, caller_id: str) -> AsyncIterator[Channel]:
        async with self._carrier.seat(number, caller_id) as channel:
            name = channel.trunk
            if name not in self._caps:
                yield channel
                return
            start = await self.taken(name)
            try:
                yield InTime(channel, self, name, start)
            finally:
                await self.given(name)

    async def taken(self, name: str) -> datetime:
        """-> when the call may start."""
        cap, until = self._caps[name], self.clock.elapsed() + PATIENCE
        while True:
            start = await self._lines.take(
                name,
                self._node,
                channels=cap.channels,
                per_second=cap.per_second,
                now=self.clock.now(),
            )
            if start.taken:
                return start.at
            if self.clock.elapsed() > until:
                raise NoSeat(f"trunk {name} is full with calls of all nodes", SOON)
            wait = (start.at - self.clock.now()).total_seconds()
            await self.clock.sleep(max(wait, 0.01))

    async def given(self, name: str) -> None:
        with suppress(StoreDown):  # counted until this node comes up again
            await asyncio.shield(self._lines.give(name, self._node))

    async def left(self, attempts: Collection[str]) -> Mapping[str, bool]:
        return await self._carrier.left(attempts)


class InTime:
    """A `Channel` whose call starts when it may: not before, and hardly later, for then
    it would start beside others. Who is late takes another start."""

    def __init__(
        self, channel: Channel, all_of: SharedTrunks, name: str, start: datetime
    ) -> None:
        self._channel = channel
        self._all_of = all_of
        self._name = name
        self._start = start

    @property
    def trunk(self) -> str:
        return self._channel.trunk

    @asynccontextmanager
    async def place(self, order: Order) -> AsyncIterator[Line]:
        await self._wait()
        async with self._channel.place(order) as line:
            yield line

    async def _wait(self) -> None:
        """ChannelDown: no room for so long that it is not dialed."""
        clock = self._all_of.clock
        while True:
            early = (self._start - clock.now()).total_seconds()
            await clock.sleep(max(early, 0.0))
            if clock.now() - self._start <= LATE:
                return
            await self._all_of.given(self._name)
            try:
                self._start = await self._all_of.taken(self._name)
            except (NoSeat, StoreDown) as no:
                raise ChannelDown(f"no start for trunk {self._name}") from no
