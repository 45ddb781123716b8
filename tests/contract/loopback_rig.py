"""The carrier in memory under the contract, its time moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from dialer.channels.loopback.callee import Callee, Speech, Turn
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.channels.loopback.line import People
from dialer.channels.port import Channel
from tests.contract.rig import SCENARIOS, Rig, tone
from tests.kit.clock import FakeClock

NUMBERS = {name: f"+8617000000{n:03}" for n, name in enumerate(SCENARIOS)}


def callees(people: bool) -> dict[str, Callee]:
    plain = {
        name: Callee(number, ring_seconds=1.0, answer=name)
        for name, number in NUMBERS.items()
    }
    there = replace(plain["busy"], answer="answers")
    keys = Turn(press="12#")
    special = {
        "listens": there,
        "speaks": replace(there, greeting=Speech(pcm=tone(1.0))),
        "presses": replace(there, turns=(keys,)),
        "leaves": replace(there, hang_up_after=1.0),
        "rings": replace(there, ring_seconds=20.0),
        "announces": replace(there, answer="congestion", early=Speech(pcm=tone(0.5))),
        "people" if people else "nobody": there,
        "no_answer": replace(plain["no_answer"], ring_seconds=None),
    }
    every = plain | special
    return {
        NUMBERS[name]: replace(callee, number=NUMBERS[name])
        for name, callee in every.items()
        if name not in ("unallocated", "nobody" if people else "people")
    }


async def settle() -> None:
    """Let what is ready run; a clock without alarms gives nobody a turn."""
    for _ in range(5):
        async with asyncio.TaskGroup() as group:
            group.create_task(_nothing())


async def _nothing() -> None:
    return


class LoopbackRig:
    def __init__(self, people: bool) -> None:
        self.clock = FakeClock()
        self._heard: list[bytes] = []
        self._people = People(answer=people, after=0.5)
        carrier = LoopbackChannel(
            callees(people),
            self.clock,
            people=self._people,
            understands=self._hear,
        )
        self.carrier = carrier
        self.channel: Channel = carrier

    def number(self, scenario: str) -> str:
        return NUMBERS[scenario]

    def far_heard(self) -> bytes:
        return b"".join(self._heard)

    def told(self) -> list[str]:
        return [f"{a.reason} {a.stage} {a.language}" for a in self._people.told]

    def lines(self) -> int:
        return self.carrier.lines()

    async def pass_time(self, seconds: float) -> None:
        await settle()
        await self.clock.advance(seconds)

    def _hear(self, pcm: bytes) -> str:
        self._heard.append(pcm)
        return ""


@asynccontextmanager
async def open_loopback_rig(*, people: bool = True) -> AsyncIterator[Rig]:
    rig = LoopbackRig(people)
    async with rig.carrier:
        yield rig
