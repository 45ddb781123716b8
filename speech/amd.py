"""Person or machine? A beep by its sound, a recording by its words.

Unsure means human: only what no person says or whistles counts, and the caller keeps
listening, since a beep may still come.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter
from pypinyin import lazy_pinyin

from speech.audio import SILENCE_DB, Samples, level_db, to_float
from speech.lexicon import read_lexicon
from speech.port import FRAME, FRAME_SECONDS, RATE, SpeechError

_WINDOW = 2 * FRAME  # 40 ms
_BINS = 1024  # of the padded transform: 7.8 Hz
_LOWEST = 370.0  # Hz, of what networks play
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
    network_hz: float = 490.0  # ringing and busy tones are below: no beep is, unless
    spoken: int = 25  # so many frames before it were other sound, a greeting,
    spoken_db: float = -10.0  # as loud as this beside the tone
    mixed: float = 0.6  # purity of two tones that beat, or of one in noise


class Beep:
    """Hears the beep of an answering machine. One for each line, fed every frame."""

    def __init__(self, rules: BeepRules | None = None) -> None:
        self._rules = rules or BeepRules()
        self._before: Samples = np.zeros(FRAME, np.float32)
        self._pitch = 0.0  # Hz of the tone that goes on; 0.0: none does
        self._frames = 0  # since it began
        self._gap = 0  # frames since it was last heard
        self._loud = SILENCE_DB  # level of the tone
        self._heard = deque[tuple[bool, float]](maxlen=500)  # 10 s: a tone? how loud?

    def hear(self, pcm: bytes) -> bool:
        """Take 20 ms (320 bytes). True once, when a beep has just ended."""
        now = to_float(pcm)
        level = level_db(pcm)
        hertz, purity = self._peak(np.concatenate([self._before, now]), level)
        pitch = self._pitch_of(hertz, purity)
        self._before = now
        self._note(hertz > _LOWEST and purity >= self._rules.mixed, level)
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
        found = self._rules.shortest <= seconds <= self._rules.longest and (
            self._pitch > self._rules.network_hz or self._greeted()
        )
        self._pitch, self._frames, self._gap = pitch, 1, 0
        return found

    def _note(self, tone: bool, level: float) -> None:
        self._loud = max(self._loud, level) if self._pitch else level
        if level >= self._rules.least_db:
            self._heard.append((tone, level))

    def _pitch_of(self, hertz: float, purity: float) -> float:
        """Hz of the one tone there, or 0.0."""
        rules = self._rules
        inside = rules.lowest_hz <= hertz <= rules.highest_hz
        return hertz if inside and purity >= rules.purity else 0.0

    def _greeted(self) -> bool:
        """Whether more of what was heard is speech than tones."""
        least = self._loud + self._rules.spoken_db
        spoken = sum(not tone and level >= least for tone, level in self._heard)
        return spoken >= max(self._rules.spoken, sum(tone for tone, _ in self._heard))

    def _peak(self, samples: Samples, level: float) -> tuple[float, float]:
        """Where these 40 ms are strongest, Hz, and the share of power that is there."""
        if level < self._rules.least_db:
            return 0.0, 0.0
        power = np.abs(np.fft.rfft(samples * _HANN, _BINS)) ** 2
        peak = int(np.argmax(power))
        around = round(60 * _BINS / RATE)
        near = float(power[max(0, peak - around) : peak + around + 1].sum())
        return peak * RATE / _BINS, near / float(power.sum())


def looks_recorded(text: str, phrases: Sequence[str]) -> bool:
    """True where `text` holds one of the phrases of recordings.

    A `*` in a phrase stands for anything. Case, width and punctuation do not count;
    phrases in Latin letters match whole words. Chinese is compared by sound as well:
    what is heard as 不再服务去 is 不在服务区.
    """
    plain = _plain(text)
    heard = _sounds(plain)
    return any(
        _holds(plain, phrase) or _holds(heard, _sounds(phrase)) for phrase in phrases
    )


@lru_cache(4096)
def _sounds(text: str) -> str:
    """Pinyin without tones and without what a telephone does not tell apart: zh ch sh
    from z c s, ng from n."""
    if text.isascii():
        return text
    return re.sub(r"(?<=[zcs])h|(?<=n)g\b", "", " ".join(lazy_pinyin(text)))


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
    found = read_lexicon(file, _PHRASES)
    short = [
        f"{file}: {language}.{place}: {phrase!r} would match nearly anything"
        for language, phrases in found.items()
        for place, phrase in enumerate(phrases)
        if vague(phrase)
    ]
    if short:
        raise SpeechError("\n".join(short))
    return found
