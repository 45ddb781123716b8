"""How fast somebody speaks: units a minute, and the speed that gives a wanted rate.

A unit is a Han character or a digit in Chinese, a word in English. The rate is
counted over the time from the first to the last sound of a clip, pauses between
the words included (what R12 and public-speaking practice call speaking rate).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from speech.audio import to_float
from speech.port import RATE
from speech.voices.finish import STEP, spoken_steps

FEW = 12  #: a clip of fewer units is rendered at the calibrated speed, not judged
SLOWEST, FASTEST = 0.4, 1.6  #: speeds at which the engines still sound like people
_ZH = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff0-9\U00020000-\U0002ebef]")
_EN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_ENDING = " ,.;:!?，。；：！？、—…\"'”’"
_BREAK = re.compile(r"[,.;:!?，。；：！？、—…]+")


@dataclass(frozen=True, slots=True)
class Habit:
    """How long a voice takes at speed 1.0, in seconds: for a Han character (zh) or a
    letter (a better measure than the word), and for a punctuation mark inside."""

    sign: float
    mark: float


def units(language: str, text: str) -> int:
    """Han characters and digits (zh), or words (any other language)."""
    return len((_ZH if language == "zh" else _EN).findall(text))


def speech_seconds(pcm: bytes) -> float:
    """From the first sound to the last, in seconds; 0.0 where nobody speaks."""
    first, last = spoken_steps(to_float(pcm))
    return (last - first) * STEP / RATE


def per_minute(count: int, seconds: float) -> float:
    return 60.0 * count / seconds if seconds > 0 else 0.0


def first_speed(habit: Habit, language: str, text: str, wanted: float) -> float:
    """The speed at which this text should come out at `wanted` units a minute."""
    count = units(language, text)
    if not count:
        return 1.0
    signs = count if language == "zh" else sum(map(str.isalnum, text))
    marks = len(_BREAK.findall(text.rstrip(_ENDING)))
    expected = habit.sign * signs + habit.mark * marks
    return bounded(expected * wanted / (60.0 * count))


def next_speed(speed: float, measured: float, wanted: float) -> float:
    """A better speed, from what the last one gave."""
    return bounded(speed * wanted / measured) if measured > 0 else speed


def bounded(speed: float) -> float:
    return min(FASTEST, max(SLOWEST, speed))
