"""Trunks as one carrier: room, fail-over, what a trunk's failures do to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from dialer.channels.port import (
    Cause,
    ChannelDown,
    Line,
    NoSeat,
    NotAnswered,
    Order,
    Unsure,
)
from dialer.trunks.health import State
from dialer.trunks.model import Trunk
from dialer.trunks.routes import Change, Routes
from tests.kit.clock import FakeClock

OURS = "+861055550000"
NUMBER = "+8613800138000"
ANSWERS = "answers"


class Switch:
    """A `Channel` that does with each order what the test says, by trunk."""

    def __init__(self, clock: FakeClock) -> None:
        self.sent = list[tuple[float, Order]]()
        self.does = dict[str, object]()
        self.rings = set[str]()
        self.trunk = ""
        self.up: Mapping[str, bool] | ChannelDown = {}
        self.asked = list[tuple[str, str]]()
        self._clock = clock

    @asynccontextmanager
    async def place(self, order: Order) -> AsyncIterator[Line]:
        self.sent.append((self._clock.elapsed(), order))
        if order.trunk in self.rings:
            order.ringing()
        what = self.does.get(order.trunk, ANSWERS)
        if isinstance(what, Exception):
            raise what
        if isinstance(what, Cause):
            raise NotAnswered(what)
        yield object()  # type: ignore[misc]

    async def left(self, orders: Sequence[Order]) -> Mapping[str, bool]:
        self.asked = [(order.attempt_id, order.trunk) for order in orders]
        if isinstance(self.up, ChannelDown):
            raise self.up
        return self.up

    @property
    def trunks(self) -> list[str]:
        return [order.trunk for _, order in self.sent]


def trunk(**more: object) -> Trunk:
    plain = {"asterisk": "main", "hosts": ("h",), "caller_ids": (OURS,)}
    return Trunk.model_validate({**plain, **more})


class Net:
    def __init__(self, **trunks: Trunk) -> None:
        self.clock = FakeClock()
        self.switch = Switch(self.clock)
        self.changes = list[Change]()
        self.routes = Routes(
            trunks,
            {"main": self.switch},
            self.clock,
            self.changes.append,
            draw=lambda: 0.5,
        )

    async def call(self, number: str = NUMBER, caller_id: str = "") -> str:
        """-> the trunk it went out by"""
        order = Order("a1", number, caller_id=caller_id)
        async with (
            self.routes.seat(number, caller_id) as channel,
            channel.place(order),
        ):
            return channel.trunk

    async def fails(self) -> Cause:
        with pytest.raises(NotAnswered) as no:
            await self.call()
        return no.value.cause

    def states(self) -> Sequence[tuple[str, State]]:
        return [(change.trunk, change.state) for change in self.changes]


def pair(**first: object) -> Net:
    return Net(a=trunk(priority=1, **first), b=trunk(priority=2))


async def test_the_first_by_priority_takes_it_under_a_number_it_owns() -> None:
    net = pair()
    assert await net.call() == "a"
    [(_, order)] = net.switch.sent
    assert (order.trunk, order.caller_id) == ("a", OURS)


@pytest.mark.parametrize("cause", [Cause.CONGESTION, Cause.FAILED, Cause.NOT_DIALED])
async def test_what_the_network_refuses_goes_out_by_the_next(cause: Cause) -> None:
    net = pair()
    net.switch.does["a"] = cause
    assert await net.call() == "b"
    assert net.switch.trunks == ["a", "b"]


@pytest.mark.parametrize(
    "cause", [Cause.BUSY, Cause.DECLINED, Cause.NO_ANSWER, Cause.UNALLOCATED]
)
async def test_what_the_callee_refuses_is_final(cause: Cause) -> None:
    net = pair()
    net.switch.does["a"] = cause
    assert await net.fails() is cause
    assert net.switch.trunks == ["a"]


async def test_a_phone_that_rang_is_not_rung_again_by_another_trunk() -> None:
    net = pair()
    net.switch.does["a"] = Cause.CONGESTION
    net.switch.rings.add("a")
    assert await net.fails() is Cause.CONGESTION
    assert net.switch.trunks == ["a"]


async def test_a_lost_answer_ends_the_tries() -> None:
    net = pair()
    net.switch.does["a"] = Unsure()
    with pytest.raises(Unsure):
        await net.call()
    assert net.switch.trunks == ["a"]
    assert net.routes.status()["a"]["channels_used"] == 0


async def test_a_switch_that_is_gone_is_no_attempt_of_that_trunk() -> None:
    net = pair()
    net.switch.does["a"] = ChannelDown()
    assert await net.call() == "b"


async def test_the_last_trunk_has_the_last_word() -> None:
    net = pair()
    net.switch.does |= {"a": Cause.CONGESTION, "b": Cause.BUSY}
    assert await net.fails() is Cause.BUSY
    assert net.routes.status()["a"]["causes"] == {"congestion": 1}
    assert net.routes.status()["b"]["causes"] == {"busy": 1}


async def test_failures_in_a_row_take_it_out_and_one_call_tries_it() -> None:
    net = pair(failures=2, cool_down_seconds=60)
    net.switch.does["a"] = Cause.CONGESTION
    for _ in range(3):
        await net.call()
        await net.clock.advance(2)
    assert net.switch.trunks == ["a", "b", "a", "b", "b"]
    assert net.states() == [("a", State.OFF)]
    net.switch.does["a"] = ANSWERS
    await net.clock.advance(60)
    assert await net.call() == "a"
    assert net.states() == [("a", State.OFF), ("a", State.UP)]


async def test_a_busy_callee_is_no_failure_of_the_trunk() -> None:
    net = pair(failures=1)
    net.switch.does["a"] = Cause.BUSY
    for _ in range(3):
        await net.fails()
    assert net.states() == []


async def test_a_carrier_that_does_not_answer_options_gets_no_calls() -> None:
    net = pair()
    net.routes.reachable("a", there=False, why="silence")
    assert await net.call() == "b"
    net.routes.reachable("a", there=True, why="back")
    assert await net.call() == "a"
    assert net.states() == [("a", State.UNREACHABLE), ("a", State.UP)]


async def test_no_seat_where_no_trunk_serves_the_number() -> None:
    net = Net(a=trunk(prefixes=("+86",)))
    with pytest.raises(NoSeat) as no:
        await net.call("+442079460000")
    assert no.value.after == timedelta(hours=1)
    assert net.switch.sent == []


async def test_no_seat_before_the_cool_down_where_all_are_out() -> None:
    net = Net(a=trunk(failures=1, cool_down_seconds=90))
    net.switch.does["a"] = Cause.FAILED
    await net.fails()
    await net.clock.advance(10)
    with pytest.raises(NoSeat) as no:
        await net.call()
    assert no.value.after == timedelta(seconds=80)


async def test_calls_wait_for_a_channel_in_their_order() -> None:
    net = Net(a=trunk(channels=1, calls_per_second=100))
    leave, got = asyncio.Event(), list[str]()

    async def caller(name: str) -> None:
        seat = net.routes.seat(NUMBER, "")
        async with seat as channel, channel.place(Order(name, NUMBER)):
            got.append(name)
            await leave.wait()

    async with asyncio.TaskGroup() as group:
        for name in ("one", "two", "three"):
            group.create_task(caller(name))
        await net.clock.waiter()  # the second, for room
        assert got == ["one"]
        leave.set()
    assert got == ["one", "two", "three"]


async def test_a_full_trunk_overflows_to_the_next() -> None:
    net = Net(a=trunk(priority=1, channels=1), b=trunk(priority=2))
    seats = net.routes.seat(NUMBER, ""), net.routes.seat(NUMBER, "")
    async with seats[0] as first, seats[1] as second:
        assert (first.trunk, second.trunk) == ("a", "b")


async def test_the_worst_second_keeps_the_cap_though_storing_takes_its_time() -> None:
    net = Net(a=trunk(channels=100, calls_per_second=3))

    async def caller(n: int) -> None:
        async with net.routes.seat(NUMBER, "") as channel:
            await net.clock.sleep(0.4 if n % 3 == 0 else 0.01)  # the ledger's commit
            async with channel.place(Order(str(n), NUMBER)):
                pass

    async with asyncio.TaskGroup() as group:
        for n in range(20):
            group.create_task(caller(n))
        await net.clock.waiter()
        for _ in range(900):
            await net.clock.advance(0.01)
    starts = [at for at, _ in net.switch.sent]
    assert len(starts) == 20
    assert max(sum(at <= b < at + 1 for b in starts) for at in starts) == 3


async def test_what_an_engine_left_is_asked_of_every_trunk() -> None:
    net = Net(north=trunk(), south=trunk())
    net.switch.up = {"a": False, "b": True}  # c waits in the people's queue
    assert await net.routes.left(["a", "b", "c"]) == {"a": False, "b": True}
    assert set(net.switch.asked) == {
        (attempt, name) for attempt in "abc" for name in ("north", "south")
    }


async def test_a_switch_that_does_not_answer_leaves_all_unknown() -> None:
    net = Net(north=trunk())
    net.switch.up = ChannelDown("gone")
    assert await net.routes.left(["a"]) == {}
