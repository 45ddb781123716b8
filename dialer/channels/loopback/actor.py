"""A callee at work: hears our sound, answers with sound, keys or hanging up.

Pure and stepped by 20 ms frames: no task, no clock. An actor knows of us only the
frames it is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dialer.channels.loopback.callee import Callee, Speech, Turn, Voicemail
from dialer.channels.loopback.ears import ONSET, Ears
from dialer.channels.loopback.plot import Plot
from speech.audio import frames, to_pcm
from speech.port import FRAME_BYTES, RATE

SILENCE = bytes(FRAME_BYTES)
GREETS_AFTER = 0.3  #: seconds from picking up to the greeting
GAP = 24  #: quiet frames (0.48 s): more than a pause inside one of our sentences
KEY_GAP = 8  #: frames from one key to the next

Sounds = Callable[[Speech], bytes]
Understands = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Act:
    """What the callee does in one frame."""

    frame: bytes = SILENCE
    key: str = ""
    hung_up: bool = False


class Actor(Protocol):
    def step(self, frame: bytes) -> Act:
        """Hear 20 ms, do 20 ms."""
        ...


def actor(callee: Callee, sounds: Sounds, understands: Understands) -> Actor:
    if callee.voicemail is not None:
        return Machine(callee.voicemail, callee.hang_up_after, sounds)
    return Person(callee, sounds, understands)


class Machine:
    """Voicemail: deaf, always the same."""

    def __init__(
        self, voicemail: Voicemail, hang_up_after: float | None, sounds: Sounds
    ) -> None:
        plays = (
            bytes(2 * RATE // 2)
            + sounds(voicemail.greeting)
            + bytes(2 * RATE * 3 // 10)
            + beep(voicemail.beep_hz, voicemail.beep_seconds)
        )
        self._frames = deque(frames(plays))
        ends = len(self._frames) + _frames(voicemail.record_seconds)
        self._left = min(ends, _frames(hang_up_after or 1e6))

    def step(self, frame: bytes) -> Act:
        self._left -= 1
        if self._left < 0:
            return Act(hung_up=True)
        return Act(self._frames.popleft() if self._frames else SILENCE)


class Person:
    """Somebody with turns to take."""

    def __init__(
        self, callee: Callee, sounds: Sounds, understands: Understands
    ) -> None:
        self._sounds = sounds
        self._understands = understands
        self._plot = Plot(callee.turns, callee.then)
        self._ears = Ears()
        self._interrupts = {
            max(ONSET, _frames(turn.interrupt_after))
            for turn in callee.turns
            if turn.interrupt_after is not None
        }
        self._at = 0
        self._ends = _frames(callee.hang_up_after or 1e6)
        self._mouth: deque[Act] = deque()
        self._reply: tuple[int, Turn] | None = None  # at which frame, what
        self._deaf_until = 0
        self._overtalked = False  # the other side speaks on since before we began
        if callee.greeting is not None:
            pause = (Act() for _ in range(_frames(GREETS_AFTER)))
            said = (Act(frame) for frame in frames(sounds(callee.greeting)))
            self._mouth.extend((*pause, *said))

    def step(self, frame: bytes) -> Act:
        self._at += 1
        if self._at > self._ends:
            return Act(hung_up=True)
        ended = self._ears.hear(frame)
        if self._overtalked or self._at <= self._deaf_until:
            self._wait_for_a_gap()
        elif not self._mouth:
            self._listen(ended)
        if not self._mouth:
            return Act()
        act = self._mouth.popleft()
        if not self._mouth:
            self._finish_speaking()
        return act

    def _listen(self, ended: bool) -> None:
        ears = self._ears
        if ended:
            turn = self._plot.due(self._understands(ears.heard()))
            if turn is None:
                ears.forget()
            else:
                self._reply = (self._at + _frames(turn.wait), turn)
        elif ears.talking and self._reply:
            self._reply = None  # they were not finished: hear them out
        elif ears.talking and ears.length in self._interrupts:
            self._interrupt(ears.length)
        if self._reply and self._at >= self._reply[0]:
            self._play(self._reply[1])

    def _interrupt(self, length: int) -> None:
        turn = self._plot.due(self._understands(self._ears.heard()))
        if turn is None or turn.interrupt_after is None:
            return
        if length >= _frames(turn.interrupt_after):
            self._play(turn)
            self._overtalked = True

    def _play(self, turn: Turn) -> None:
        self._plot.played(turn)
        self._reply = None
        self._ears.forget()
        if turn.silent:
            self._deaf_until = self._at + _frames(turn.silent)
        if turn.speech is not None:
            said = frames(self._sounds(turn.speech))
            cut = _frames(turn.cut_after or 1e6)
            self._mouth.extend(Act(f) for n, f in enumerate(said) if n < cut)
        for key in turn.press:
            self._mouth.append(Act(key=key))
            self._mouth.extend(Act() for _ in range(KEY_GAP))
        if turn.hang_up or turn.cut_after is not None:
            self._mouth.append(Act(hung_up=True))

    def _wait_for_a_gap(self) -> None:
        """Not answering: what is said now belongs to a turn already dealt with."""
        if self._at > self._deaf_until and self._ears.quiet >= GAP:
            self._overtalked = False
        if self._at <= self._deaf_until or not self._overtalked:
            self._ears.forget()

    def _finish_speaking(self) -> None:
        if not self._ears.talking:
            self._ears.forget()


def beep(hz: float, seconds: float) -> bytes:
    """A pure tone at -12 dBFS, in whole frames."""
    at = np.arange(_frames(seconds) * FRAME_BYTES // 2) / RATE
    return to_pcm((0.355 * np.sin(2 * np.pi * hz * at)).astype(np.float32))


def _frames(seconds: float) -> int:
    return round(seconds * 50)
