"""What may go wrong with a trunk in the middle of calls: every attempt still ends, as
what it was, and no call stays up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dialer.channels.port import Cause, ChannelDown, NoSeat, NotAnswered, Order, Unsure
from dialer.clock import SystemClock
from dialer.trunks.model import Trunks, load
from dialer.trunks.routes import Routes
from tests.kit import sip
from tests.kit.asterisk import Asterisk
from tests.kit.relay import relay
from tests.live.test_trunks import NUMBER, World, call, opened, seen, trunk, world

pytestmark = [pytest.mark.live, pytest.mark.slow]
ROOT = Path(__file__).parents[2]


async def ended(routes: Routes, attempt: str, ring_seconds: float = 2.0) -> str:
    """How a call ended that nobody talks in: answered, a cause, or why not placed."""
    order = Order(attempt, NUMBER, ring_seconds=ring_seconds)
    try:
        async with routes.seat(NUMBER, "") as seat, seat.place(order):
            return "answered"
    except NotAnswered as no:
        return no.cause.value
    except (NoSeat, ChannelDown, Unsure) as no:
        return type(no).__name__


async def silent(there: Asterisk, seconds: float = 10.0) -> int:
    """Channels that are left when none is to be."""
    clock = SystemClock()
    with contextlib.suppress(TimeoutError):
        async with clock.timeout(seconds):
            while there.channels():
                await clock.sleep(0.1)
    return there.channels()


async def left(routes: Routes, name: str) -> None:
    """Wait until the routes know that its carrier is gone: they look every 5 s."""
    clock = SystemClock()
    async with clock.timeout(10):
        while routes.status()[name]["state"] != "unreachable":
            await clock.sleep(0.1)


async def test_a_carrier_that_dies_in_a_campaign_is_left(tmp_path: Path) -> None:
    with sip.peer("486 Busy Here") as spare:
        trunks = trunk("north", "@") + trunk("south", spare, "priority = 2")
        with world(tmp_path, trunks, {}) as made:
            async with opened(made) as (routes, _):
                assert await call(routes, "a1") == "north"
                os.kill(made.carrier.pid, signal.SIGKILL)
                await seen(made, "north", "Unreachable")
                await left(routes, "north")
                assert await ended(routes, "a2") == "busy"
            assert routes.status()["south"]["calls"] == 1
            assert await silent(made.engine) == 0


@pytest.mark.parametrize(
    "said", ["999 What", "6x6 Nonsense", "180 Ringing", "\x00\xff"]
)
async def test_a_carrier_that_answers_garbage_is_no_answer(
    tmp_path: Path, said: str
) -> None:
    with sip.peer(said) as garbage, world(tmp_path, trunk("n", garbage), {}) as made:
        async with opened(made) as (routes, _):
            found = await ended(routes, "a")
        assert found in (Cause.NO_ANSWER, Cause.FAILED, Cause.CONGESTION)
        assert await silent(made.engine) == 0


async def test_a_storm_of_busy_callees(tmp_path: Path) -> None:
    busy_trunk = "channels = 40\ncalls_per_second = 50"
    found = Counter[str]()
    with (
        sip.peer("486 Busy Here") as busy,
        world(tmp_path, trunk("n", busy, busy_trunk), {}) as made,
    ):
        async with opened(made) as (routes, told):
            calls = (ended(routes, f"a{n}", 10.0) for n in range(150))
            found.update(await asyncio.gather(*calls))
        assert found == {"busy": 150}
        assert told == []  # a busy callee is no fault of the trunk
        assert await silent(made.engine) == 0


async def test_a_carrier_slow_to_answer_is_not_waited_for(tmp_path: Path) -> None:
    plan = f"""
[network]
exten => {NUMBER},1,Wait(8)
 same => n,Ringing()
 same => n,Answer()
 same => n,Wait(60)
"""
    config = {"extensions.conf": plan}
    with world(tmp_path, trunk("n", "@"), config, numbers=False) as made:
        async with opened(made) as (routes, _):
            assert await ended(routes, "a", ring_seconds=1.0) == "no_answer"
        assert await silent(made.engine) == 0
        assert await silent(made.carrier) == 0


async def test_a_cut_link_ends_no_call_and_places_none(tmp_path: Path) -> None:
    """Cut while a call is up: it goes on. While it is cut, nothing is dialed."""
    with world(tmp_path, trunk("n", "@"), {}) as made:
        async with relay(made.engine.ami) as cable:
            by_cable = replace_port(made, cable.port)
            async with opened(replace(made, trunks=by_cable)) as (routes, _):
                order = Order("a", NUMBER, ring_seconds=5)
                async with routes.seat(NUMBER, "") as seat, seat.place(order) as line:
                    hearing = line.hear()
                    await anext(hearing)
                    cable.cut()
                    for _ in range(50):  # a second of sound, after the cut
                        await anext(hearing)
                    assert await ended(routes, "b") == "ChannelDown"
                    assert made.carrier.channels() == 1
                    cable.mend()
                await back(routes)
            assert await silent(made.engine) == 0


async def back(routes: Routes) -> None:
    """Wait until a call is placed again."""
    clock = SystemClock()
    async with clock.timeout(20):
        while await ended(routes, "c", 5.0) != "answered":
            await clock.sleep(0.2)


def replace_port(made: World, port: int) -> Trunks:
    main = made.trunks.asterisk["main"].model_copy(update={"port": port})
    return made.trunks.model_copy(update={"asterisk": {"main": main}})


async def killed(folder: Path, number: str, moment: str) -> None:
    """An engine that calls, and is killed in that moment of the call."""
    command = [sys.executable, "-m", "tests.live.test_trunk_disasters"]
    engine = await asyncio.create_subprocess_exec(
        *(*command, str(folder / "trunks.toml"), number),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert engine.stdout is not None
    while await engine.stdout.readline() != f"{moment}\n".encode():
        assert engine.returncode is None, "it ended by itself"
    engine.kill()
    await engine.communicate()


async def test_a_call_does_not_outlive_an_engine_that_is_killed(tmp_path: Path) -> None:
    with world(tmp_path, trunk("n", "@"), {}) as made:
        await killed(tmp_path, NUMBER, "talking")
        assert await silent(made.engine) == 0
        assert await silent(made.carrier) == 0
        async with opened(made) as (routes, _):
            assert await routes.left(["a"]) == {"a": False}


async def test_what_a_killed_engine_left_ringing_is_ended_by_the_next(
    tmp_path: Path,
) -> None:
    """Else somebody would pick up, and nobody be there."""
    rings = {"extensions.conf": f"[network]\nexten => {NUMBER},1,Ringing()\n"}
    rings["extensions.conf"] += " same => n,Wait(60)\n"
    with world(tmp_path, trunk("n", "@"), rings, numbers=False) as made:
        await killed(tmp_path, NUMBER, "ringing")
        assert made.engine.channels() == made.carrier.channels() == 1
        async with opened(made) as (routes, _):
            assert await routes.left(["a", "b"]) == {"a": False, "b": False}
        assert await silent(made.engine) == 0
        assert await silent(made.carrier) == 0


async def victim(path: Path, number: str) -> None:
    """An engine in a call, to be killed."""
    found = load(path, secrets=True)
    there = Asterisk(path.parent, 0, 0, 0)
    async with opened(World(path.parent, there, there, found)) as (routes, _):
        order = Order("a", number, ring_seconds=50, ringing=partial(tell, "ringing"))
        async with routes.seat(number, "") as seat, seat.place(order) as line:
            async for _ in line.hear():
                tell("talking")


def tell(moment: str) -> None:
    print(moment, flush=True)  # noqa: T201 - the test waits for it


if __name__ == "__main__":
    asyncio.run(victim(Path(sys.argv[1]), sys.argv[2]))
