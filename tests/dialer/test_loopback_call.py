"""A short conversation over the carrier in memory, with real voices on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.channels.loopback.callees import load_callees
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.channels.port import Audio, Digit, Line, Order
from speech.audio import level_db
from speech.prompts import Prompts, Recall, open_prompts
from tests.contract.loopback_rig import settle
from tests.contract.rig import run
from tests.kit.clock import FakeClock

OURS = {"en": "hibari:default"}
IDENTITY = "Am I speaking with the account holder?"
OPTIONS = "You can pay in six parts, or all at once. Which would you like?"
AGAIN = "I am sorry, I did not hear that."
CALLEE = """
number = "+12125550147"
language = "en"
voice = "hibari:deep"
greeting = "Hello?"
packet_loss = 0.05
[[turns]]
hears = ["pay in six"]
press = "1"
[[turns]]
hears = ["account holder"]
say = "Yes, speaking."
"""


class Desk:
    """Our side: says clips, and tells what came back until it was quiet again."""

    def __init__(self, prompts: Prompts, line: Line) -> None:
        self._prompts = prompts
        self._line = line

    async def hear(self, seconds: float = 3.0) -> str:
        """'k' for each key, 's' for each stretch of sound, in order."""
        told, loud, frames = "", False, 0
        async for heard in self._line.hear():
            if isinstance(heard, Digit):
                told += heard.key
            if isinstance(heard, Audio):
                frames += 1
                now = level_db(heard.pcm) > -45
                told += "s" if now and not loud and not told.endswith("s") else ""
                loud = now
            if frames >= seconds * 50:
                break
        return told

    async def ask(self, text: str) -> str:
        clip = self._prompts.get("en", text)
        assert clip is not None
        self._line.say(clip.pcm)
        return await self.hear(clip.seconds + 3.0)


class Carrier:
    def __init__(self, channel: LoopbackChannel, clock: FakeClock) -> None:
        self.channel, self.clock = channel, clock

    async def pass_time(self, seconds: float) -> None:
        await settle()
        await self.clock.advance(seconds)


@pytest.mark.model
async def test_a_callee_answers_what_was_asked_not_what_came_first(
    tmp_path: Path,
) -> None:
    (tmp_path / "one.toml").write_text(CALLEE)
    clock, recall = FakeClock(), Recall()
    callees = load_callees(tmp_path, engine_voices=OURS.values())
    folders = (tmp_path / "prompts", tmp_path / "models")
    bands = {"en": (120.0, 140.0)}
    async with (
        open_prompts(*folders, OURS, bands, recall=recall) as prompts,
        LoopbackChannel(callees, clock, understands=recall.text) as channel,
    ):
        await prompts.prepare("en", [IDENTITY, OPTIONS, AGAIN])
        await channel.prepare(prompts)

        async def call() -> list[str]:
            async with channel.place(Order("a1", "+12125550147")) as line:
                desk = Desk(prompts, line)
                return [
                    await desk.hear(),
                    await desk.ask(AGAIN),
                    await desk.ask(IDENTITY),
                    await desk.ask(OPTIONS),
                    await desk.ask(IDENTITY),
                ]

        told = await run(Carrier(channel, clock), call())
    assert told == ["s", "", "s", "1", "s"]
