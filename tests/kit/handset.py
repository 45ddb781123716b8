"""The other end of a line, in a test's own time: a frame passes when asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from dialer.channels.port import About, Audio, Digit, Heard
from speech.audio import to_pcm
from speech.port import FRAME_BYTES, RATE

BYTES_A_SECOND = 2 * RATE


def tone(hertz: float, seconds: float) -> bytes:
    """A pure tone at half of full scale."""
    at = np.arange(round(RATE * seconds)) / RATE
    return to_pcm((0.5 * np.sin(2 * np.pi * hertz * at)).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Step:
    """Something the callee does `after` seconds since the last thing they did."""

    after: float
    key: str = ""
    sound: bytes = b""
    hang_up: bool = False


@dataclass
class Handset:
    """A `Line` whose callee follows steps, then stays silent."""

    steps: Sequence[Step] = ()
    takes_over: bool = True
    log: list[str] = field(default_factory=list)  # what happened, in order
    seconds: float = 0.0
    _queue: int = 0  # bytes of ours still to be played

    async def hear(self) -> AsyncIterator[Heard]:
        waiting, since = list(self.steps), 0.0
        while True:
            since += 0.02
            sound = bytes(FRAME_BYTES)
            if waiting and since >= waiting[0].after:
                step, since = waiting.pop(0), 0.0
                if step.hang_up:
                    self.log.append("they hang up")
                    return
                if step.key:
                    self.log.append(f"key {step.key}")
                    yield Digit(step.key)
                for at in range(0, len(step.sound), FRAME_BYTES):
                    frame = step.sound[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
                    yield self._frame(frame)
            yield self._frame(sound)

    def _frame(self, pcm: bytes) -> Audio:
        self.seconds += 0.02
        self._queue = max(0, self._queue - FRAME_BYTES)
        return Audio(pcm)

    def say(self, pcm: bytes) -> None:
        self.log.append("say")
        self._queue += len(pcm)

    def clear(self) -> None:
        self._queue = 0

    def queued(self) -> float:
        return self._queue / BYTES_A_SECOND

    async def transfer(self, to: str, about: About) -> bool:
        self.log.append(f"transfer to {to}")
        return self.takes_over
