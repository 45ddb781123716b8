"""All trunks as one carrier: room on one of them, the call, the next where one fails.

What a person's phone says is final: busy and declined are not asked of another trunk.
What the network says is not: a call that never rang goes out by the next trunk. Each
try has its own id at the switch, and an answer that got lost ends the tries.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from dialer.channels.port import (
    Agents,
    Cause,
    Channel,
    ChannelDown,
    Line,
    NoSeat,
    NotAnswered,
    Order,
    Queue,
    Switch,
)
from dialer.clock import Clock
from dialer.trunks.caps import Cap
from dialer.trunks.figures import Figures, Seen
from dialer.trunks.health import Health, State
from dialer.trunks.model import Trunk
from dialer.trunks.select import candidates, shown

#: The network's own words, not the callee's: another trunk may do better.
NETWORK = frozenset({Cause.CONGESTION, Cause.FAILED, Cause.NOT_DIALED})
CONFIGURE = timedelta(hours=1)  #: to ask again where only a person can help
PATIENCE = 2.0  #: seconds to wait for room on another trunk: the gate has spoken
SOON = timedelta(minutes=1)  #: to ask again where a carrier does not answer


class Change(NamedTuple):
    """A trunk is in another state now."""

    trunk: str
    state: State
    why: str


class Way(NamedTuple):
    """A trunk at work."""

    trunk: Trunk
    switch: Switch
    cap: Cap
    health: Health
    figures: Figures


class Routes:
    """A `channels.port.Carrier`.

    switches: by `Trunk.switch`. told: of changes. draw: see `candidates`.
    agents: of the one Asterisk that all these trunks are of; None: of several.
    """

    def __init__(
        self,
        trunks: Mapping[str, Trunk],
        switches: Mapping[str, Switch],
        clock: Clock,
        told: Callable[[Change], None] = lambda change: None,
        draw: Callable[[], float] = random.random,
        agents: Agents | None = None,
    ) -> None:
        self._agents = agents
        self._trunks = dict(trunks)
        self._clock = clock
        self._told = told
        self._draw = draw
        self._ways = {
            name: Way(
                trunk,
                switches[trunk.switch],
                Cap(trunk.channels, trunk.calls_per_second),
                Health(trunk.failures, trunk.cool_down_seconds),
                Figures(),
            )
            for name, trunk in trunks.items()
        }
        self._queues = defaultdict[frozenset[str], asyncio.Lock](asyncio.Lock)
        self._freed = asyncio.Event()

    async def queue(self, name: str) -> Queue:
        """As `port.Agents`: callees are put through where their call came in."""
        if self._agents is None:
            raise ChannelDown("the trunks are of several Asterisks: name those of one")
        return await self._agents.queue(name)

    @asynccontextmanager
    async def seat(
        self, number: str, caller_id: str, among: Collection[str] | None = None
    ) -> AsyncIterator[Channel]:
        """`among`: only these trunks; None: all."""
        names = candidates(self._trunks, number, caller_id, self._draw)
        names = [name for name in names if among is None or name in among]
        if not names:
            raise NoSeat("no trunk takes this number under this caller ID", CONFIGURE)
        async with self._queues[frozenset(names)]:  # first come, first served
            name = await self.room(names)
        seat = Seat(self, names, name)
        try:
            yield seat
        finally:
            self.leave(seat.trunk)

    async def room(self, names: Sequence[str], patience: float = math.inf) -> str:
        """The first of them that has room, taken. NoSeat: none of them works, or none
        has room within so many seconds."""
        began = self._clock.elapsed()
        while True:
            now = self._clock.elapsed()
            if not self._usable(names, now):
                raise NoSeat("no trunk for this number works now", self._after(names))
            if taken := self._take(names):
                return taken
            left = began + patience - now
            if left <= 0:
                raise NoSeat("the trunks for this number are full", SOON)
            self._freed.clear()
            waits = [w.cap.wait(now) for w in self._usable(names, now)]
            with suppress(TimeoutError):
                async with self._clock.timeout(min(*waits, left, SOON.seconds)):
                    await self._freed.wait()

    def _usable(self, names: Sequence[str], now: float) -> list[Way]:
        ways = (self._ways[name] for name in names)
        return [way for way in ways if way.health.usable(now)]

    def _take(self, names: Sequence[str]) -> str:
        """Room on the first that works and has some; empty: there is none now."""
        now = self._clock.elapsed()
        for name in names:
            way = self._ways[name]
            if way.health.usable(now) and not way.cap.wait(now):
                way.cap.take(now)
                way.health.begin(now)
                return name
        return ""

    def leave(self, name: str) -> None:
        way = self._ways[name]
        way.cap.give()
        way.health.given_up()
        self._freed.set()

    def _after(self, names: Sequence[str]) -> timedelta:
        now = self._clock.elapsed()
        offs = [self._ways[name].health.off_until for name in names]
        waits = [until - now for until in offs if until is not None and until > now]
        return timedelta(seconds=min(waits)) if waits else SOON

    def way(self, name: str) -> tuple[Trunk, Channel]:
        return self._ways[name].trunk, self._ways[name].switch

    # --- calls

    async def begin(self, name: str) -> Seen:
        """The moment to send it, at most a few milliseconds from now."""
        way = self._ways[name]
        while wait := way.cap.sent.wait(self._clock.elapsed()):
            await self._clock.sleep(wait)
        way.cap.sent.start(self._clock.elapsed())
        return way.figures.begin(self._clock.elapsed())

    def rang(self, seen: Seen) -> None:
        seen.rang = self._clock.elapsed()

    def answered(self, name: str, seen: Seen) -> None:
        seen.answered = self._clock.elapsed()
        self._judge(name, "answered", worked=True)

    def over(self, name: str, seen: Seen) -> None:
        if seen.ended is None:
            seen.ended = self._clock.elapsed()
        self._ways[name].figures.end(seen)

    def not_answered(self, name: str, seen: Seen, cause: Cause) -> None:
        seen.cause = cause.value
        worked = cause not in NETWORK or seen.rang is not None
        self._judge(name, cause.value, worked=worked)

    def _judge(self, name: str, why: str, *, worked: bool) -> None:
        """A call by this trunk has shown whether the network did its part."""
        health, now = self._ways[name].health, self._clock.elapsed()
        before = health.state(now)
        if worked:
            health.worked()
        else:
            health.failed(now)
        self._tell(name, before, why)

    async def left(self, attempts: Collection[str]) -> dict[str, bool]:
        """See `port.Carrier.left`. They may have gone out by any trunk."""
        answers = list[Mapping[str, bool]]()
        try:
            for switch in {way.switch for way in self._ways.values()}:
                names = [n for n, way in self._ways.items() if way.switch is switch]
                tries = [Order(a, "", trunk=name) for a in attempts for name in names]
                answers.append(await switch.left(tries))
        except ChannelDown:
            return {}  # one of them does not answer: nothing is known
        told = (a for a in attempts if all(a in answer for answer in answers))
        return {a: any(answer[a] for answer in answers) for a in told}

    # --- what else becomes known of trunks

    def reachable(self, name: str, *, there: bool, why: str) -> None:
        """The carrier answers OPTIONS, or no longer; or the switch is gone."""
        health = self._ways[name].health
        before = health.state(self._clock.elapsed())
        health.reachable = there
        self._tell(name, before, why)
        if there:
            self._freed.set()

    def _tell(self, name: str, before: State, why: str) -> None:
        after = self._ways[name].health.state(self._clock.elapsed())
        if after is not before:
            self._told(Change(name, after, why))

    def status(self) -> dict[str, dict[str, object]]:
        """By trunk: its state, its room, and the figures of the last hour."""
        now = self._clock.elapsed()
        return {
            name: {
                "state": way.health.state(now).value,
                "channels_used": way.cap.used,
                "channels": way.cap.channels,
                **way.figures.of(now),
            }
            for name, way in self._ways.items()
        }


class Some:
    """A `Carrier` of some of the trunks; their room is shared with all who use them."""

    def __init__(self, routes: Routes, names: Collection[str]) -> None:
        self._routes = routes
        self._names = frozenset(names)

    def seat(self, number: str, caller_id: str) -> AbstractAsyncContextManager[Channel]:
        return self._routes.seat(number, caller_id, self._names)

    async def left(self, attempts: Collection[str]) -> Mapping[str, bool]:
        return await self._routes.left(attempts)


class Seat:
    """A `channels.port.Channel` for one call."""

    def __init__(self, routes: Routes, names: Sequence[str], name: str) -> None:
        self._routes = routes
        self._left = [other for other in names if other != name]
        self.trunk = name

    @asynccontextmanager
    async def place(self, order: Order) -> AsyncIterator[Line]:
        """As the channel; NotAnswered is what the last trunk said."""
        async with AsyncExitStack() as call:
            yield await self._reach(order, call)

    async def _reach(self, order: Order, call: AsyncExitStack) -> Line:
        while True:
            seen = await self._routes.begin(self.trunk)
            call.callback(self._routes.over, self.trunk, seen)  # whatever becomes of it
            await order.before(self.trunk)
            try:
                line = await self._try(order, call, seen)
            except (NotAnswered, ChannelDown) as no:
                cause = getattr(no, "cause", Cause.NOT_DIALED)
                self._routes.not_answered(self.trunk, seen, cause)
                if cause not in NETWORK or seen.rang is not None:
                    raise
                if not await self._next():
                    raise
                continue
            self._routes.answered(self.trunk, seen)
            call.callback(self._routes.over, self.trunk, seen)  # before it hangs up
            return line

    async def _try(self, order: Order, call: AsyncExitStack, seen: Seen) -> Line:
        def ringing() -> None:
            self._routes.rang(seen)
            order.ringing()

        way, channel = self._routes.way(self.trunk)
        caller_id = shown(way, order.caller_id)
        sent = replace(order, trunk=self.trunk, caller_id=caller_id, ringing=ringing)
        return await call.enter_async_context(channel.place(sent))

    async def _next(self) -> bool:
        """Move to another trunk. False: there is none."""
        try:
            name = await self._routes.room(self._left, PATIENCE)
        except NoSeat:
            return False
        self._routes.leave(self.trunk)
        self._left.remove(name)
        self.trunk = name
        return True
