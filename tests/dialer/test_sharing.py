"""A node's places on trunks that all share, and what it does for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.call.fresh import FRESH, fresh
from dialer.channels.port import Cause, Channel, ChannelDown, Line, NotAnswered, Order
from dialer.clock import FollowedClock, SystemClock
from dialer.settings import Engine
from dialer.sharing import Cap, Member, SharedTrunks
from dialer.store.port import Lines, Stores
from tests.contract.loopback_rig import settle
from tests.dialer.test_trunks_routes import NUMBER, Net, Switch, trunk
from tests.kit.clock import FakeClock
from tests.kit.stores import NOW, opened

FAST = Cap(channels=2, per_second=1e6)


class Free:
    """A carrier with room on one trunk."""

    trunk = "a"

    @asynccontextmanager
    async def seat(self, number: str, caller_id: str) -> AsyncIterator[Channel]:
        yield self  # type: ignore[misc]

    async def left(self, attempts: object) -> dict[str, bool]:
        return {}


async def test_who_is_cancelled_while_it_takes_a_place_leaves_none(
    tmp_path: Path,
) -> None:
    """At any moment: before the store was asked, while it writes, when it has."""
    clock = SystemClock()
    async with opened(tmp_path) as stores:
        shared = SharedTrunks(Free(), stores.lines, {"a": FAST}, "east", clock)

        async def call() -> None:
            async with shared.seat(NUMBER, ""):
                await clock.sleep(60)

        for moment in range(40):
            async with asyncio.TaskGroup() as group:
                one = group.create_task(call())
                if moment % 2:
                    await settle()
                await clock.sleep(0.0003 * (moment // 2))
                one.cancel()
            assert await stores.lines.used() == {}


class Looking(Switch):
    """Notes which places are taken when a call goes out."""

    def __init__(self, clock: FakeClock, lines: Lines) -> None:
        super().__init__(clock)
        self._lines = lines
        self.taken = list[set[str]]()

    @asynccontextmanager
    async def place(self, order: Order) -> AsyncIterator[Line]:
        self.taken.append({name for name, _ in await self._lines.used()})
        async with super().place(order) as line:
            yield line


def failing_over(stores: Stores) -> tuple[Net, Looking, SharedTrunks]:
    net = Net(a=trunk(priority=1), b=trunk(priority=2))
    switch = Looking(net.clock, stores.lines)
    net.routes = type(net.routes)(
        {"a": trunk(priority=1), "b": trunk(priority=2)},
        {"main": switch},
        SystemClock(),
        draw=lambda: 0.5,
    )
    switch.does["a"] = Cause.CONGESTION
    one = Cap(channels=1, per_second=1e6)
    caps = {"a": one, "b": one}
    shared = SharedTrunks(net.routes, stores.lines, caps, "east", SystemClock())
    return net, switch, shared


async def test_a_call_that_goes_on_to_another_trunk_counts_there(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as stores:
        _, switch, shared = failing_over(stores)
        async with (
            shared.seat(NUMBER, "") as channel,
            channel.place(Order("a1", NUMBER)),
        ):
            assert channel.trunk == "b"
            assert await stores.lines.used() == {("b", "east"): 1}
        assert switch.taken == [{"a"}, {"b"}]
        assert await stores.lines.used() == {}
        # none is free there: it is not sent, and nothing stays taken
        await stores.lines.take(
            "b", "west", "w", channels=1, per_second=1e6, now=SystemClock().now()
        )
        async with shared.seat(NUMBER, "") as channel:
            with pytest.raises(ChannelDown, match="no start"):
                async with channel.place(Order("a2", NUMBER)):
                    pass
        assert switch.trunks == ["a", "b", "a"]
        assert await stores.lines.used() == {("b", "west"): 1}


async def test_what_is_late_goes_out_by_no_trunk_and_none_is_blamed() -> None:
    net = Net(a=trunk(priority=1), b=trunk(priority=2))
    asked, here = net.clock.elapsed(), [True]
    order = Order("a1", NUMBER, before=fresh(net.clock, asked, lambda: here[0]))
    net.switch.does["a"] = Cause.CONGESTION

    async def call() -> None:
        async with net.routes.seat(NUMBER, "") as channel, channel.place(order):
            pass

    await call()
    assert net.switch.trunks == ["a", "b"]
    here[0] = False  # taken for dead between the two: none goes out any more
    with pytest.raises(ChannelDown, match="too late"):
        await call()
    here[0] = True
    await net.clock.advance(FRESH + 1)
    with pytest.raises(ChannelDown, match="too late"):
        await call()
    assert net.switch.trunks == ["a", "b"]
    assert [change.trunk for change in net.changes] == []


class Stopwatch(FollowedClock):
    """One that a test can move on, as for a process that was frozen."""

    ahead = 0.0

    def elapsed(self) -> float:
        return super().elapsed() + self.ahead


async def test_a_node_that_stood_still_does_nothing_for_all(tmp_path: Path) -> None:
    """And what it did is another's once it is taken for dead; but who was cut off with
    all others buries nobody before they had time to come back."""
    own = Engine(node="east", beat_seconds=0.02, stale_seconds=15.0)
    clock, said = Stopwatch(NOW), list[str]()

    async def nothing() -> None:
        pass

    async with opened(tmp_path) as stores:
        me = Member(stores, own, clock)
        await me.join()
        await stores.nodes.join("west", "w", now=clock.now(), stale=timedelta())
        me.wants("events")
        async with asyncio.TaskGroup() as group:
            beats = group.create_task(me.beat(said.append, nothing))
            while not me.does("events"):
                await clock.sleep(0.01)
            assert me.alive
            clock.ahead += 15.0
            assert not me.alive
            assert not me.does("events")
            while not me.does("events"):  # seen again: nobody had buried it
                await clock.sleep(0.01)
            for _ in range(5):
                await clock.sleep(0.02)
            states = {row.node: row.state for row in await stores.nodes.all()}
            assert states == {"east": "up", "west": "up"}
            await stores.nodes.join("west", "w", now=clock.now(), stale=timedelta())
            told = await stores.nodes.beat(
                "west", "w", now=clock.now(), stale=timedelta(days=-1), wants=["events"]
            )
            assert told.dead == ("east",)
            assert told.duties == {"events"}
            await beats
        assert said
        assert "taken for dead" in me.why
        assert not me.does("events")
        with suppress(NotAnswered):
            await me.leave()
