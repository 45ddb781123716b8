"""Person or machine? A beep by its sound, a recording by its words.

Unsure means human: only what no person says or whistles counts, and the caller keeps
listening, since a beep may still come.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from speech.audio import Samples, level_db, to_float
from speech.port import FRAME, FRAME_SECONDS, RATE, SpeechError

_WINDOW = 2 * FRAME  # 40 ms
_BINS = 1024  # of the padded transform: 7.8 Hz
_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


@dataclass(frozen=True, slots=True)
class BeepRules:
    """What a beep is: one steady tone, neither a key (two tones) nor speech."""

    lowest_hz: float = 400.0
    highest_hz: float = 2000.0
    shortest: float = 0.2  # seconds
    longest: float = 2.0
    purity: float = 0.85  # of the power within 60 Hz of the peak
    drift_hz: float = 15.0
    least_db: float = -45.0
    gap_frames: int = 4  # so many frames without the tone end it; fewer are loss


class Beep:
    """Hears the beep of an answering machine. One for each line, fed every frame."""

    def __init__(self, rules: BeepRules | None = None) -> None:
        self._rules = rules or BeepRules()
        self._before: Samples = np.zeros(FRAME, np.float32)
        self._pitch = 0.0  # Hz of the tone that goes on; 0.0: none does
        self._frames = 0  # since it began
        self._gap = 0  # frames since it was last heard

    def hear(self, pcm: bytes) -> bool:
        """Take 20 ms (320 bytes). True once, when a beep has just ended."""
        now = to_float(pcm)
        pitch = self._tone(np.concatenate([self._before, now]), level_db(pcm))
        self._before = now
        if self._pitch and abs(pitch - self._pitch) <= self._rules.drift_hz:
            self._frames += self._gap + 1
            self._gap = 0
            return False
        if not self._pitch:
            self._pitch, self._frames, self._gap = pitch, 1, 0
            return False
        self._gap += 1
        if self._gap < self._rules.gap_frames:
            return False
        seconds = (self._frames + 1) * FRAME_SECONDS  # a window is two frames
        self._pitch, self._frames, self._gap = pitch, 1, 0
        return self._rules.shortest <= seconds <= self._rules.longest

    def _tone(self, samples: Samples, level: float) -> float:
        """Hz of the one tone in these 40 ms, or 0.0."""
        rules = self._rules
        if level < rules.least_db:
            return 0.0
        power = np.abs(np.fft.rfft(samples * _HANN, _BINS)) ** 2
        peak = int(np.argmax(power))
        hertz = peak * RATE / _BINS
        if not rules.lowest_hz <= hertz <= rules.highest_hz:
            return 0.0
        around = round(60 * _BINS / RATE)
        near = float(power[max(0, peak - around) : peak + around + 1].sum())
        return hertz if near >= rules.purity * float(power.sum()) else 0.0


def looks_recorded(text: str, phrases: Sequence[str]) -> bool:
    """True where `text` holds one of the phrases of recordings.

    A `*` in a phrase stands for anything. Case, width and punctuation do not count;
    phrases in Latin letters match whole words.
    """
    plain = _plain(text)
    return any(_holds(plain, phrase) for phrase in phrases)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("'", "")
    words = re.sub(r"[\W_]+", " ", folded)
    return re.sub(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])", "", words).strip()


def _holds(plain: str, phrase: str) -> bool:
    parts = (re.escape(_plain(part)) for part in phrase.split("*"))
    bounded = (rf"\b{part}\b" if part.isascii() else part for part in parts)
    return re.search(".*".join(bounded), plain) is not None


def vague(phrase: str) -> bool:
    """Whether it is so short that it would match nearly anything."""
    return len(_plain(phrase.replace("*", ""))) < 3


_PHRASES = TypeAdapter(dict[str, tuple[str, ...]])


def read_phrases(file: Path) -> dict[str, tuple[str, ...]]:
    """Language -> phrases, of a file like templates/lexicon/machine.toml.

    SpeechError lists every problem with its place.
    """
    try:
        found = _PHRASES.validate_python(tomllib.loads(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpeechError(f"{file}: {error}") from error
    except ValidationError as error:
        places = ((".".join(map(str, e["loc"])), e["msg"]) for e in error.errors())
        raise SpeechError("\n".join(f"{file}: {p}: {m}" for p, m in places)) from error
    short = [
        f"{file}: {language}.{place}: {phrase!r} would match nearly anything"
        for language, phrases in found.items()
        for place, phrase in enumerate(phrases)
        if vague(phrase)
    ]
    if short:
        raise SpeechError("\n".join(short))
    return found
