"""What must survive: an Asterisk that dies, freezes or comes back, in every moment."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.channels.asterisk.channel import AsteriskChannel
from dialer.channels.port import (
    About,
    Audio,
    Cause,
    ChannelDown,
    Doing,
    Line,
    NotAnswered,
    Order,
    Unsure,
)
from dialer.clock import SystemClock
from tests.contract.asterisk_rig import SINGS, network, open_asterisk_rig
from tests.contract.rig import Rig, loud_seconds, tone
from tests.kit.asterisk import Asterisk

pytestmark = [pytest.mark.slow, pytest.mark.live]


@asynccontextmanager
async def bed(
    folder: Path, by: str = "audiosocket"
) -> AsyncIterator[tuple[Rig, Asterisk, Asterisk]]:
    """-> the channel in its rig, the engine's Asterisk, the network's"""
    heard = folder / "heard"
    with network(heard) as (ours, theirs):
        async with open_asterisk_rig(heard, (ours, theirs), by) as rig:
            yield rig, ours, theirs


async def placed(rig: Rig, attempt: str, scenario: str, ring_seconds: float) -> str:
    """How the call ended, in a word."""
    try:
        order = Order(attempt, rig.number(scenario), ring_seconds)
        async with rig.channel.place(order) as line:
            async for _ in line.hear():
                pass
            return "answered"
    except NotAnswered as no:
        return no.cause.value
    except (Unsure, ChannelDown) as error:
        return type(error).__name__


async def until_gone(asterisk: Asterisk) -> None:
    """Wait until no leg of a call is up there."""
    async with SystemClock().timeout(20):
        while asterisk.channels():
            await SystemClock().sleep(0.1)


async def ringing(theirs: Asterisk) -> None:
    async with SystemClock().timeout(5):
        while not theirs.channels():
            await SystemClock().sleep(0.02)


async def test_killed_while_it_rings_nobody_knows_how_it_ended(tmp_path: Path) -> None:
    async with bed(tmp_path) as (rig, ours, theirs), asyncio.TaskGroup() as group:
        call = group.create_task(placed(rig, "a-1", "rings", 2.0))
        await ringing(theirs)
        os.kill(ours.pid, signal.SIGKILL)
        async with SystemClock().timeout(10):
            assert await call == "Unsure"
        async with SystemClock().timeout(1):  # nothing is sent: it was not dialed
            assert await placed(rig, "a-2", "rings", 2.0) == "ChannelDown"


@pytest.mark.parametrize("by", ["audiosocket", "websocket"])
async def test_killed_in_a_call_the_line_ends_at_once(tmp_path: Path, by: str) -> None:
    async with bed(tmp_path, by) as (rig, ours, _):
        order = Order("a-1", rig.number("listens"), 10.0)
        async with rig.channel.place(order) as line:
            heard = 0
            async with SystemClock().timeout(10):
                async for one in line.hear():
                    heard += isinstance(one, Audio)
                    if heard == 25:
                        os.kill(ours.pid, signal.SIGKILL)
            assert 25 <= heard < 100


async def test_frozen_while_it_is_asked_nobody_is_left_ringing(tmp_path: Path) -> None:
    async with bed(tmp_path) as (rig, ours, theirs):
        os.kill(ours.pid, signal.SIGSTOP)
        try:
            async with SystemClock().timeout(30):
                assert await placed(rig, "a-1", "rings", 1.0) == "Unsure"
        finally:
            os.kill(ours.pid, signal.SIGCONT)
        async with SystemClock().timeout(20):
            while await placed(rig, "a-2", "busy", 5.0) != "busy":  # it is found again
                await SystemClock().sleep(0.2)
        await until_gone(theirs)  # if it did ring when Asterisk woke
        await until_gone(ours)


async def test_the_networks_own_death_is_an_outcome(tmp_path: Path) -> None:
    async with bed(tmp_path) as (rig, ours, theirs), asyncio.TaskGroup() as group:
        os.kill(theirs.pid, signal.SIGKILL)
        call = group.create_task(placed(rig, "a-1", "listens", 3.0))
        async with SystemClock().timeout(15):
            assert await call in {"no_answer", "congestion", "failed"}
        await until_gone(ours)


async def test_people_who_took_a_call_are_not_cut_off(tmp_path: Path) -> None:
    async with bed(tmp_path) as (rig, ours, theirs):
        order = Order("a-1", rig.number("people"), 5.0)
        async with rig.channel.place(order) as line:
            assert await line.transfer("queue:people", About("distress", 2, "en"))
        assert await placed(rig, "a-2", "busy", 5.0) == "busy"
        assert ours.channels() == 2  # the callee and the desk
        theirs.command("channel request hangup all")
        await until_gone(ours)


async def test_one_agent_of_a_queue_takes_a_call_and_is_seen_to(tmp_path: Path) -> None:
    """Preview hands over to an agent by name, and to no other."""
    async with bed(tmp_path) as (rig, _, theirs):
        channel = rig.channel
        assert isinstance(channel, AsteriskChannel)
        (agent,) = (await channel.queue("people")).agents
        assert agent.doing is Doing.IDLE
        order = Order("a-1", rig.number("people"), 5.0, people_seconds=5.0)
        async with channel.place(order) as line:
            assert not await line.transfer("agent:nobody", About("connect", 1, "en"))
        async with channel.place(replace(order, attempt_id="a-2")) as line:
            to = f"agent:{agent.name}"
            assert await line.transfer(to, About("connect", 1, "en"))
        async with SystemClock().timeout(5):
            while rig.told() != ["connect 1 en"]:  # their log is written beside
                await SystemClock().sleep(0.1)
        (agent,) = (await channel.queue("people")).agents
        assert agent.doing is Doing.TALKING
        theirs.command("channel request hangup all")
        async with SystemClock().timeout(10):
            while (await channel.queue("people")).agents[0].doing is not Doing.IDLE:
                await SystemClock().sleep(0.1)
        with pytest.raises(ChannelDown, match="no queue 'others'"):
            await channel.queue("others")


async def test_barge_in_takes_back_what_asterisk_has_queued(tmp_path: Path) -> None:
    """A second is handed over ahead: without a flush all of it would be heard."""
    async with bed(tmp_path, "websocket") as (rig, _, _):
        order = Order("a-1", rig.number("listens"), 10.0)
        async with rig.channel.place(order) as line:
            line.say(tone(3.0))
            await taken(line, 25)  # half a second of it was played
            played = 3.0 - line.queued()
            line.clear()
            line.say(tone(0.4))
            await taken(line, 50)
            assert line.queued() == 0
        assert 0.3 < played < 0.7
        assert loud_seconds(rig.far_heard()) == pytest.approx(played + 0.4, abs=0.041)


async def taken(line: Line, count: int) -> None:
    """So many frames of what they send."""
    async for one in line.hear():
        count -= isinstance(one, Audio)
        if not count:
            break


async def test_an_answer_after_early_media_is_an_answer(tmp_path: Path) -> None:
    async with bed(tmp_path) as (rig, ours, theirs):
        async with rig.channel.place(Order("a-1", SINGS, 5.0)) as line:
            heard = b""
            async for one in line.hear():
                heard += one.pcm if isinstance(one, Audio) else b""
                if len(heard) >= 16000:
                    break
            assert loud_seconds(heard) < 0.1  # what came before is not the callee's
            assert ours.channels() == 1  # and nobody listens in any more
        await until_gone(theirs)


async def test_our_ring_time_ends_early_media_too(tmp_path: Path) -> None:
    async with bed(tmp_path) as (rig, ours, _):
        with pytest.raises(NotAnswered) as told:
            async with rig.channel.place(Order("a-1", SINGS, 1.8)):
                pytest.fail("the block was entered")
        assert told.value.cause is Cause.NO_ANSWER
        assert 0.5 < loud_seconds(told.value.early) < 1.1
        await until_gone(ours)
