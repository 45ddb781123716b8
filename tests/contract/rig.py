"""What a channel driver brings to its contract suite: a network with known numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

import numpy as np

from dialer.channels.port import Channel
from speech.audio import to_float, to_pcm

STEP = 0.02
PATIENCE = 60.0  #: seconds of the rig's time after which a call is taken for hung

#: Numbers every rig must have behind `number(scenario)`.
SCENARIOS = (
    "listens",  # picks up after 1 s; never makes a sound
    "speaks",  # picks up; 1 s of a 440 Hz tone, about 0.3 s after answering
    "presses",  # picks up; presses 1 2 # once it was talked to
    "leaves",  # picks up, hangs up 1 s later
    "rings",  # rings 20 s, then picks up
    "announces",  # not picked up: at least 0.5 s of a 440 Hz tone, then congestion
    "people",  # listens; whoever it is transferred to picks up
    "nobody",  # listens; whoever it is transferred to does not pick up
    *("busy", "no_answer", "declined", "unallocated"),
    *("congestion", "failed", "not_dialed"),
)


class Passing(Protocol):
    async def pass_time(self, seconds: float) -> None:
        """Move the rig's clock by hand, or wait where the peer is real."""
        ...


class Rig(Passing, Protocol):
    """A driver with its far end in hand."""

    channel: Channel

    def number(self, scenario: str) -> str: ...

    def far_heard(self) -> bytes:
        """All that the far end has heard so far, 8 kHz pcm, at least once it has been
        quiet for a second."""
        ...

    def told(self) -> list[str]:
        """What people who took calls over were told: reason, stage, language."""
        ...

    def lines(self) -> int:
        """Lines the far end holds open now."""
        ...


T = TypeVar("T")
OpenRig = Callable[[], AbstractAsyncContextManager[Rig]]


async def run(rig: Passing, call: Coroutine[Any, Any, T]) -> T:
    """Run one call while time passes; its result."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(call)
        for _ in range(round(PATIENCE / STEP)):
            if task.done():
                return task.result()
            await rig.pass_time(STEP)
        task.cancel()
    raise TimeoutError("the call never ended")


def tone(seconds: float, hz: float = 440.0) -> bytes:
    at = np.arange(round(seconds * 8000)) / 8000
    return to_pcm((0.3 * np.sin(2 * np.pi * hz * at)).astype(np.float32))


def loud_seconds(pcm: bytes) -> float:
    """How much of it is sound, in whole frames."""
    whole = to_float(pcm[: len(pcm) // 320 * 320]).reshape(-1, 160)
    return float(np.count_nonzero(np.abs(whole).max(axis=1) > 0.05)) * STEP
