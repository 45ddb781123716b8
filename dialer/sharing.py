"""A node among others: it is seen, it tells time by the database, it shares trunks, and
does what one node does for all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from dialer.channels.port import Carrier, Channel, ChannelDown, Line, NoSeat, Order
from dialer.clock import Clock, FollowedClock
from dialer.settings import Engine
from dialer.store.port import Lines, Refused, Start, StoreDown, Stores

log = logging.getLogger(__name__)

PATIENCE = 30.0  #: seconds to wait for a place in a trunk that all nodes share
ONWARD = 2.0  #: seconds to wait for one on the next trunk: the gate has spoken
SOON = timedelta(seconds=30)
LATE = timedelta(seconds=0.05)  # a call may start so much after its moment

#: Duties: what one node does for all.
EVENTS, EVIDENCE = "events", "evidence"


def pacing(campaign_id: str) -> str:
    """The duty to call a campaign for people: its crew and account are one node's."""
    return f"pacing {campaign_id}"


class Member:
    """One life of a node. `clock` is the database's, as of the last beat."""

    def __init__(self, stores: Stores, own: Engine, clock: FollowedClock) -> None:
        self.clock = clock
        self.why = ""  # it has to leave; empty: it has not
        self._stores = stores
        self._own = own
        self._incarnation = uuid4().hex
        self._stale = timedelta(seconds=own.stale_seconds)
        self._seen = float("-inf")  # when the last beat that was heard was sent
        self._since = float("-inf")  # when it began to be seen without a break
        self._wants = set[str]()
        self._has = frozenset[str]()
        self._hurry = asyncio.Event()

    async def join(self) -> None:
        """Refused: a node of this name is up."""
        sent = self.clock.elapsed()
        now = await self._stores.nodes.join(
            self._own.node,
            self._incarnation,
            now=self.clock.now(),
            stale=self._stale,
        )
        self.clock.follow(now)
        self._seen = self._since = sent

    @property
    def alive(self) -> bool:
        """Whether no other can have taken it for dead: not, once it was frozen or cut
        off from the database for long enough."""
        return self.clock.elapsed() - self._seen < self._own.stale_seconds

    # --- what one node does for all

    def wants(self, duty: str) -> None:
        """Do it, as soon as nobody else does."""
        self._wants.add(duty)
        self._hurry.set()

    def gives_up(self, duty: str) -> None:
        """Another may."""
        self._wants.discard(duty)
        self._has -= {duty}
        self._hurry.set()

    def does(self, duty: str) -> bool:
        """Whether it is ours now. To be asked before each act."""
        return self.alive and duty in self._has

    async def beat(
        self,
        leave: Callable[[str], None],
        died: Callable[[], Awaitable[None]],
    ) -> None:
        """Be seen until cancelled. `leave` is called once, with the reason, when this
        node shall drain, or was taken for dead; `died` when others were."""
        while True:
            await self._rest()
            sent = self.clock.elapsed()
            try:
                told = await self._stores.nodes.beat(
                    self._own.node,
                    self._incarnation,
                    now=self.clock.now(),
                    stale=self._stale,
                    wants=frozenset(self._wants),
                    bury=sent - self._since >= self._own.stale_seconds,
                )
            except StoreDown:
                log.warning("store down: this node is not seen")
                self._since = self.clock.elapsed()
                continue
            except Refused as refused:
                self._has = frozenset()
                self._leaves(refused.why, leave)
                return
            self._heard(sent, told.now, told.duties)
            for node in told.dead:
                log.warning(
                    "a node is silent: its attempts are given back",
                    extra={"node": node},
                )
            if told.dead:
                await died()
            if told.draining:
                self._leaves("told to drain", leave)

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with self.clock.timeout(self._own.beat_seconds):
                await self._hurry.wait()
        self._hurry.clear()

    def _heard(self, sent: float, now: datetime, duties: frozenset[str]) -> None:
        self.clock.follow(now)
        if self.clock.elapsed() - self._seen > self._own.stale_seconds / 2:
            self._since = self.clock.elapsed()  # others may have been cut off as well
        self._seen = sent
        has = duties & self._wants  # some may have been given up meanwhile
        for duty in has - self._has:
            log.info("this node does it for all", extra={"duty": duty.split()[0]})
        self._has = has

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


@dataclass(frozen=True, slots=True)
class Place:
    """One call's, on a trunk that all nodes share."""

    trunk: str
    seat: str
    start: datetime  # when the call may begin


class SharedTrunks:
    """A `Carrier` whose trunks' caps hold over all nodes; `clock` is the database's."""

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
            if channel.trunk not in self._caps:
                yield channel
                return
            shared = InTime(channel, self, await self.taken(channel.trunk))
            try:
                yield shared
            finally:
                await self.given(shared.held)

    def counts(self, trunk: str) -> bool:
        return trunk in self._caps

    async def taken(self, trunk: str, patience: float = PATIENCE) -> Place:
        """NoSeat: there is none within so many seconds."""
        until = self.clock.elapsed() + patience
        while True:
            seat = uuid4().hex
            start = await self._asked(trunk, seat)
            if start.taken:
                return Place(trunk, seat, start.at)
            if self.clock.elapsed() > until:
                raise NoSeat(f"trunk {trunk} is full with calls of all nodes", SOON)
            wait = (start.at - self.clock.now()).total_seconds()
            await self.clock.sleep(max(wait, 0.01))

    async def _asked(self, trunk: str, seat: str) -> Start:
        """Who is cancelled meanwhile, or cannot be told, gives back what it may have
        been given: that is asked for after the seat was."""
        cap = self._caps[trunk]
        try:
            return await self._lines.take(
                trunk,
                self._node,
                seat,
                channels=cap.channels,
                per_second=cap.per_second,
                now=self.clock.now(),
            )
        except (asyncio.CancelledError, StoreDown):
            await self.given(Place(trunk, seat, self.clock.now()))
            raise

    async def given(self, place: Place) -> None:
        with suppress(
            StoreDown
        ):  # for a minute: counted until this node comes up again
            await asyncio.shield(self._lines.give(place.trunk, place.seat))

    async def left(self, attempts: Collection[str]) -> Mapping[str, bool]:
        return await self._carrier.left(attempts)


class InTime:
    """A `Channel` whose call starts when it may: not before, and hardly later, for then
    it would start beside others. Who is late takes another start; who goes on to
    another trunk has a place there, and no longer on the first."""

    def __init__(self, channel: Channel, all_of: SharedTrunks, place: Place) -> None:
        self._channel = channel
        self._all_of = all_of
        self.held = place

    @property
    def trunk(self) -> str:
        return self._channel.trunk

    @asynccontextmanager
    async def place(self, order: Order) -> AsyncIterator[Line]:
        async def before(trunk: str) -> None:
            if trunk != self.held.trunk:
                await self._move(trunk)
            await order.before(trunk)

        await self._wait()
        await order.before(self.trunk)
        async with self._channel.place(replace(order, before=before)) as line:
            yield line

    async def _wait(self) -> None:
        """ChannelDown: no room for so long that it is not dialed."""
        clock = self._all_of.clock
        while True:
            early = (self.held.start - clock.now()).total_seconds()
            await clock.sleep(max(early, 0.0))
            if clock.now() - self.held.start <= LATE:
                return
            await self._take(self.held.trunk, PATIENCE)

    async def _move(self, trunk: str) -> None:
        if self._all_of.counts(trunk):
            await self._take(trunk, ONWARD)
            await self._wait()
        else:
            await self._all_of.given(self.held)

    async def _take(self, trunk: str, patience: float) -> None:
        await self._all_of.given(self.held)
        try:
            self.held = await self._all_of.taken(trunk, patience)
        except (NoSeat, StoreDown) as no:
            raise ChannelDown(f"no start for trunk {trunk}") from no
