"""What the rest of the house asks of speech.

Sound is 8 kHz signed 16-bit little-endian mono everywhere above a driver.
Everything here blocks: run it in `speech.pool`, never on the event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

RATE = 8000  #: samples a second
FRAME = 160  #: samples in 20 ms
FRAME_BYTES = 320
FRAME_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word; seconds from the start of the utterance."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was understood of one stretch of speech; empty text: nothing was."""

    text: str
    language: str
    confidence: float  # 0..1
    seconds: float  # of sound given
    words: tuple[Word, ...] = ()


class Hearing(Protocol):
    """One utterance being recognised."""

    def feed(self, pcm: bytes) -> str:
        """Take sound; return the words so far ('' where the driver has none)."""
        ...

    def finish(self) -> Utterance:
        """No more sound comes. May be called once."""
        ...


class Recogniser(Protocol):
    """A speech recogniser; one instance serves all lines."""

    languages: frozenset[str]
    streaming: bool  # True: `feed` returns partial text

    def open(self, language: str, phrases: Sequence[str] = ()) -> Hearing:
        """Begin an utterance. `phrases` narrows what to expect where the driver can
        (a grammar); words its vocabulary lacks raise UnknownWords."""
        ...


class Voice(Protocol):
    """Reads text aloud."""

    name: str
    language: str
    realtime: bool  # True: fast enough to render while a line waits

    def render(self, text: str, speed: float = 1.0) -> bytes:
        """8 kHz pcm of `text`. Speed 1.0 is the voice's own pace."""
        ...


class SpeechError(Exception):
    """Base of this room's errors."""


class ModelMissing(SpeechError):
    """A model file is absent or not what it should be."""

    def __init__(self, model: str, problem: str, remedy: str) -> None:
        super().__init__(f"model {model}: {problem}; {remedy}")
        self.model = model
        self.problem = problem
        self.remedy = remedy


class UnknownWords(SpeechError):
    """A grammar holds words the model does not know."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(f"words unknown to the model: {', '.join(words)}")
        self.words = tuple(words)


class PoolFull(SpeechError):
    """Too much is waiting already; refused at once instead of answered late."""
