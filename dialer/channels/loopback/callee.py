"""Who can be called in memory: frozen values, as the rest of this room sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

HEARD_TIMES = 3  #: how often a turn with `hears` is played unless it says otherwise


@dataclass(frozen=True, slots=True)
class Speech:
    """Words in the callee's voice, or sound from a file (8 kHz pcm)."""

    text: str = ""
    pcm: bytes = b""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the callee does once. Order: wait, speak, press, hang up."""

    hears: tuple[str, ...] = ()  # empty: played in its place in the list
    times: int = 1
    wait: float = 0.2  # seconds, after we have been quiet for 0.7 s
    interrupt_after: float | None = None  # seconds after we began to speak
    speech: Speech | None = None
    cut_after: float | None = None  # the line drops this far into the speech
    press: str = ""
    silent: float | None = None  # lets us talk; for so many seconds, 0: once
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Voicemail:
    """A machine: greeting, beep, then it records (silence) and hangs up."""

    greeting: Speech
    beep_hz: float = 1000.0
    beep_seconds: float = 0.5
    record_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Expect:
    """How the call should end. Read by whoever scores a run, never by the channel."""

    disposition: str
    flags: tuple[str, ...] = ()
    stage: int | None = None


@dataclass(frozen=True, slots=True)
class Callee:
    """One number and whoever, or whatever, is behind it."""

    number: str
    language: str = "zh"
    voice: str = ""
    answer: str = "answers"  # or a value of channels.port.Cause
    ring_seconds: float | None = None  # None: 2 s; for no_answer as long as we ring
    early: Speech | None = None
    greeting: Speech | None = None
    voicemail: Voicemail | None = None
    hang_up_after: float | None = None
    packet_loss: float = 0.0  # share of 20 ms frames lost, both ways
    noise_snr_db: float | None = None  # white noise behind the callee
    turns: tuple[Turn, ...] = ()
    then: str = "silent"  # after the list: silent | hang_up | repeat
    expect: Expect | None = field(default=None, compare=False)
    name: str = ""  # of its file, without .toml

    def texts(self) -> Iterator[str]:
        """Every text that must be rendered before this callee can speak."""
        said = [self.early, self.greeting, *(turn.speech for turn in self.turns)]
        if self.voicemail is not None:
            said.append(self.voicemail.greeting)
        yield from (speech.text for speech in said if speech and speech.text)
