"""From a voice's name in settings, "kokoro:jf_nezumi", to the voice."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from speech.models import catalogue
from speech.port import SpeechError, Voice
from speech.voices import hibari, kokoro
from speech.voices.pace import Habit

FINISH = "finish-1"  #: count up when speech.voices.finish changes its sound
ENGINES = ("hibari", "kokoro")
REALTIME = frozenset({"hibari"})

#: Fitted by least squares to rendered sentences of 8 to 60 units: what the
#: first speed rests on. A voice that is not here takes its engine's line.
HABITS = {
    ("kokoro", "zh"): Habit(sign=0.228, mark=0.36),
    ("kokoro", "en"): Habit(sign=0.07, mark=0.20),
    ("hibari", "en"): Habit(sign=0.064, mark=0.19),
}


def named(spec: str) -> tuple[str, str]:
    """Engine and voice of "engine:voice". Raises SpeechError saying what is known."""
    engine, colon, name = spec.partition(":")
    if engine not in ENGINES or not colon or not name:
        known = " or ".join(f"{engine}:NAME" for engine in ENGINES)
        raise SpeechError(f"voice {spec!r}: expected {known}")
    return engine, name


def realtime(spec: str) -> bool:
    """Whether the voice may be rendered while a line waits, without loading it."""
    return named(spec)[0] in REALTIME


def habit(spec: str, language: str) -> Habit:
    return HABITS.get((named(spec)[0], language), Habit(sign=0.07, mark=0.2))


def open_voice(spec: str, language: str, models: Path) -> Voice:
    """Load the voice. Raises ModelMissing, or SpeechError for a language it lacks."""
    engine, name = named(spec)
    if engine == "hibari" and language != "en":
        raise SpeechError(f"voice {spec}: speaks en, not {language}")
    if language not in ("zh", "en"):
        raise SpeechError(f"voice {spec}: speaks zh and en, not {language}")
    if engine == "hibari":
        return hibari.Hibari(name, models)
    return kokoro.Kokoro(name, models, language=language)


@cache
def version(spec: str) -> str:
    """Changes whenever the same text would come out otherwise."""
    engine = named(spec)[0]
    model = catalogue()[kokoro.MODEL if engine == "kokoro" else hibari.MODEL]
    return f"{engine} {model.file[0].sha256[:16]} {FINISH}"
