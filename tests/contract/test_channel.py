"""What every channel driver must do. A driver adds its rig to RIGS."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from dialer.channels.port import About, Audio, Cause, Digit, Line, NotAnswered, Order
from tests.contract.asterisk_rig import network, open_asterisk_rig
from tests.contract.loopback_rig import open_loopback_rig
from tests.contract.rig import SCENARIOS, Rig, loud_seconds, run, tone
from tests.contract.twilio_rig import open_twilio_rig
from tests.kit.asterisk import Asterisk

Open = Callable[..., AbstractAsyncContextManager[Rig]]
WAYS = {"asterisk": "audiosocket", "asterisk over websocket": "websocket"}
LIVE = [pytest.mark.live, pytest.mark.slow]
RIGS = [
    "loopback",
    *(pytest.param(name, marks=LIVE) for name in WAYS),
    pytest.param("twilio", marks=pytest.mark.slow),  # against our stand-in
]
#: What a driver cannot do: Twilio lets us hear only what answers.
CANNOT = {("twilio", "test_early_media_is_handed_over")}
SERIAL = itertools.count(1)
ABOUT = About("want_person", 3, "zh")


@pytest.fixture(scope="module")
def asterisks(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Path, tuple[Asterisk, Asterisk]]]:
    """Where the network keeps what it heard; our Asterisk and the network's."""
    heard = tmp_path_factory.mktemp("network") / "heard"
    with network(heard) as pair:
        yield heard, pair


@pytest.fixture(params=RIGS)
def opens(request: pytest.FixtureRequest) -> Open:
    if (request.param, request.function.__name__) in CANNOT:
        pytest.skip(f"{request.param} cannot")
    if request.param == "loopback":
        return open_loopback_rig
    if request.param == "twilio":
        return open_twilio_rig
    heard, pair = request.getfixturevalue("asterisks")
    return partial(open_asterisk_rig, heard, pair, WAYS[request.param])


@pytest.fixture
async def rig(opens: Open) -> AsyncIterator[Rig]:
    async with opens() as rig:
        yield rig


def order(rig: Rig, scenario: str, ring_seconds: float = 30.0) -> Order:
    serial = f"00000000-0000-4000-8000-{next(SERIAL):012}"
    return Order(serial, rig.number(scenario), ring_seconds)


async def take(line: Line, seconds: float) -> list[Audio]:
    """So much of what comes, in seconds of sound."""
    taken: list[Audio] = []
    async for heard in line.hear():
        if isinstance(heard, Audio):
            taken.append(heard)
        if len(taken) >= round(seconds * 50):
            break
    return taken


def test_scenarios_have_numbers_of_their_own(rig: Rig) -> None:
    assert len({rig.number(name) for name in SCENARIOS}) == len(SCENARIOS)


async def test_a_line_hears_20_ms_frames_all_the_time(rig: Rig) -> None:
    async def call() -> list[Audio]:
        async with rig.channel.place(order(rig, "speaks")) as line:
            return await take(line, 3.0)

    heard = await run(rig, call())
    assert {len(audio.pcm) for audio in heard} == {320}
    assert loud_seconds(b"".join(audio.pcm for audio in heard)) == pytest.approx(
        1.0, abs=0.1
    )


async def test_what_is_said_arrives_whole(rig: Rig) -> None:
    async def call() -> None:
        async with rig.channel.place(order(rig, "listens")) as line:
            line.say(tone(0.5) + tone(0.253))
            line.say(tone(0.4))
            await take(line, 3.0)

    await run(rig, call())
    assert loud_seconds(rig.far_heard()) == pytest.approx(1.153, abs=0.06)


async def test_queued_runs_down_as_it_is_played(rig: Rig) -> None:
    async def call() -> None:
        async with rig.channel.place(order(rig, "listens")) as line:
            assert line.queued() == 0
            line.say(tone(1.0))
            assert line.queued() == pytest.approx(1.0, abs=0.05)
            await take(line, 0.5)
            assert line.queued() == pytest.approx(0.5, abs=0.1)
            await take(line, 0.8)
            assert line.queued() == 0

    await run(rig, call())


async def test_clear_stops_within_one_frame(rig: Rig) -> None:
    async def call() -> float:
        async with rig.channel.place(order(rig, "listens")) as line:
            line.say(tone(5.0))
            await take(line, 1.0)
            left = line.queued()
            line.clear()
            assert line.queued() == 0
            await take(line, 2.0)
            return left

    left = await run(rig, call())
    assert loud_seconds(rig.far_heard()) <= 5.0 - left + 0.021


async def test_half_a_sample_is_our_bug(rig: Rig) -> None:
    async def call() -> None:
        async with rig.channel.place(order(rig, "listens")) as line:
            with pytest.raises(ValueError, match="16-bit"):
                line.say(b"\0\0\0")

    await run(rig, call())


async def test_keys_come_in_order_among_the_sound(rig: Rig) -> None:
    async def call() -> str:
        keys = ""
        async with rig.channel.place(order(rig, "presses")) as line:
            line.say(tone(0.5))
            async for heard in line.hear():
                if isinstance(heard, Digit):
                    keys += heard.key
                if len(keys) == 3:
                    break
        return keys

    assert await run(rig, call()) == "12#"


async def test_hear_ends_when_they_hang_up(rig: Rig) -> None:
    async def call() -> tuple[int, int]:
        async with rig.channel.place(order(rig, "leaves")) as line:
            count = len([heard async for heard in line.hear()])
            again = len([heard async for heard in line.hear()])
            line.say(tone(1.0))  # to nobody: no error
            assert line.queued() == 0
            assert not await line.transfer("queue:people", ABOUT)
            return count, again

    count, again = await run(rig, call())
    assert count == pytest.approx(50, abs=5)
    assert again == 0


@pytest.mark.parametrize("how", ["end", "error", "cancel"])
async def test_leaving_the_block_hangs_up(rig: Rig, how: str) -> None:
    async def call() -> None:
        async with rig.channel.place(order(rig, "listens")) as line:
            await take(line, 0.1)
            assert rig.lines() == 1
            if how == "error":
                raise KeyError
            if how == "cancel":
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await take(line, 5.0)

    async def watched() -> None:
        expected = {"error": KeyError, "cancel": asyncio.CancelledError}
        if how == "end":
            await call()
            return
        with pytest.raises(expected[how]):
            await call()

    await run(rig, watched())
    await rig.pass_time(0.1)
    assert rig.lines() == 0


@pytest.mark.parametrize("cause", list(Cause))
async def test_not_answered_says_why(rig: Rig, cause: Cause) -> None:
    async def call() -> NotAnswered:
        with pytest.raises(NotAnswered) as told:
            async with rig.channel.place(order(rig, cause.value, 5.0)):
                pytest.fail("the block was entered")
        return told.value

    told = await run(rig, call())
    assert told.cause is cause
    assert rig.lines() == 0


async def test_we_ring_no_longer_than_ordered(rig: Rig) -> None:
    async def call() -> None:
        with pytest.raises(NotAnswered) as told:
            async with rig.channel.place(order(rig, "rings", ring_seconds=3.0)):
                pytest.fail("the block was entered")
        assert told.value.cause is Cause.NO_ANSWER

    async def counted() -> float:
        waited = 0.0
        async with asyncio.TaskGroup() as group:
            task = group.create_task(call())
            while not task.done() and waited < 30:
                await rig.pass_time(0.1)
                waited += 0.1
        return waited

    assert await counted() == pytest.approx(3.0, abs=0.5)


async def test_early_media_is_handed_over(rig: Rig) -> None:
    async def call() -> NotAnswered:
        with pytest.raises(NotAnswered) as told:
            async with rig.channel.place(order(rig, "announces")):
                pytest.fail("the block was entered")
        return told.value

    told = await run(rig, call())
    assert told.cause is Cause.CONGESTION
    assert loud_seconds(told.early) >= 0.45


async def test_cancelled_while_ringing_leaves_no_line(rig: Rig) -> None:
    async def call() -> None:
        async with rig.channel.place(order(rig, "rings")):
            pytest.fail("the block was entered")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(call())
        await rig.pass_time(2.0)
        task.cancel()
    assert task.cancelled()
    await rig.pass_time(25.0)
    assert rig.lines() == 0


async def test_lines_do_not_mix(rig: Rig) -> None:
    async def call(scenario: str) -> float:
        async with rig.channel.place(order(rig, scenario)) as line:
            heard = await take(line, 2.0)
            return loud_seconds(b"".join(audio.pcm for audio in heard))

    async def both() -> tuple[float, float, float]:
        async with asyncio.TaskGroup() as group:
            names = ("speaks", "listens", "speaks")
            one, two, three = (group.create_task(call(name)) for name in names)
        return one.result(), two.result(), three.result()

    one, two, three = await run(rig, both())
    assert (one, three) == pytest.approx((1.0, 1.0), abs=0.1)
    assert two == 0


async def test_a_transfer_that_is_taken_ends_our_part(rig: Rig) -> None:
    async def call() -> bool:
        async with rig.channel.place(order(rig, "people")) as line:
            taken = await line.transfer("queue:people", ABOUT)
            async for _ in line.hear():
                pass  # what came before it was taken; and then it ends
            return taken

    assert await run(rig, call())
    assert rig.told() == ["want_person 3 zh"]


async def test_a_transfer_nobody_takes_leaves_us_the_line(opens: Open) -> None:
    async with opens(people=False) as rig:

        async def call() -> bool:
            async with rig.channel.place(order(rig, "nobody")) as line:
                taken = await line.transfer("queue:people", ABOUT)
                assert len(await take(line, 0.5)) == 25
                return taken

        assert not await run(rig, call())
