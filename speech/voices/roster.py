"""From a voice's name in settings, "kokoro:jf_nezumi", to the voice."""

from __future__ import annotations

from pathlib import Path

from speech.port import SpeechError, Voice
from speech.voices.hibari import Hibari
from speech.voices.kokoro import Kokoro
from speech.voices.pace import Habit

ENGINES = ("hibari", "kokoro")
REALTIME = frozenset({"hibari"})

#: Fitted by least squares to rendered sentences of 8 to 60 units: what the
#: first speed rests on. A voice that is not here takes its engine's line.
HABITS = {
    ("kokoro", "zh"): Habit(unit=0.225, mark=0.25),
    ("kokoro", "en"): Habit(unit=0.36, mark=0.25),
    ("hibari", "en"): Habit(unit=0.30, mark=0.35),
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
    return HABITS.get((named(spec)[0], language), Habit(unit=0.3, mark=0.3))


def open_voice(spec: str, language: str, models: Path) -> Voice:
    """Load the voice. Raises ModelMissing, or SpeechError for a language it lacks."""
    engine, name = named(spec)
    if engine == "hibari" and language != "en":
        raise SpeechError(f"voice {spec}: speaks en, not {language}")
    if language not in ("zh", "en"):
        raise SpeechError(f"voice {spec}: speaks zh and en, not {language}")
    if engine == "hibari":
        return Hibari(name, models)
    return Kokoro(name, models, language=language)
