"""The held-out sentences are what their figures say they are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.heard import (
    INAUDIBLE,
    NOISES,
    distance,
    hear,
    pick,
    read,
    syllables,
    voices,
)
from ivr.inventory import INTENTS, LEGAL, STAGES
from speech.port import Utterance

FOLDER = Path(__file__).parent
CARE = LEGAL - {"are_you_robot", "ask_who"}
LANGUAGES = ("zh", "en")
EACH, CARED_FOR, OUT_OF_SCOPE = 12, 25, 120  #: sentences of an intent at least


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_row_is_admissible(language: str) -> None:
    rows = read(FOLDER / f"{language}.tsv")
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({row["text"] for row in rows}) == len(rows)
    for row in rows:
        assert row["lang"] == language, row
        assert row["id"].startswith(f"{language}-"), row
        assert row["intent"] in STAGES[int(row["stage"])], row
        assert row["text"] == " ".join(row["text"].split()), row


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_intent_is_said_often_enough(language: str) -> None:
    said = Counter(row["intent"] for row in read(FOLDER / f"{language}.tsv"))
    least = dict.fromkeys(INTENTS, EACH) | dict.fromkeys(CARE, CARED_FOR)
    least["unknown"] = OUT_OF_SCOPE
    assert {name for name, count in least.items() if said[name] < count} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_heard_belongs_to_what_was_said(language: str) -> None:
    said = {row["id"]: row for row in read(FOLDER / f"{language}.tsv")}
    heard = read(FOLDER / "heard" / f"{language}.tsv")
    assert len({row["id"] for row in heard}) == len(heard)
    for row in heard:
        wanted = said[row["id"]]
        told = {name: row[name] for name in ("lang", "stage", "intent")}
        assert told == {name: wanted[name] for name in told}, row
        assert row["said"] == wanted["text"], row
        error = distance(syllables(row["said"], language), _heard(row, language))
        assert row["error"] == f"{error:.2f}", row
        assert row["audible"] == str(int(bool(row["text"]) and error <= INAUDIBLE))


def _heard(row: dict[str, str], language: str) -> list[str]:
    return syllables(row["text"], language)


def test_error_counts_syllables_by_sound() -> None:
    def error(said: str, heard: str, language: str) -> float:
        return distance(syllables(said, language), syllables(heard, language))

    assert error("慢点儿，我跟不上。", "慢点儿我根不上", "zh") == 0
    assert error("打错电话了", "打坐电话", "zh") == 2 / 5
    assert error("一个月还五百", "1个月还500", "zh") == 0
    assert error("Two hundred a month.", "200 a month", "en") == 0
    assert error("Who is this?", "", "en") == 1
    assert error("一二三", "请", "zh") == 1


def test_the_id_alone_decides_who_speaks_and_how_loud_it_is() -> None:
    noises = [pick(NOISES, f"zh-{number:03}", "noise") for number in range(600)]
    assert noises == [pick(NOISES, f"zh-{n:03}", "noise") for n in range(600)]
    assert all(count > 150 for count in Counter(noises).values())


def test_without_further_styles_the_shipped_voices_speak(tmp_path: Path) -> None:
    assert voices("zh", tmp_path) == ("kokoro:jf_gongitsune",)
    (tmp_path / "zm_somebody.bin").touch()
    assert voices("zh", tmp_path) == (f"kokoro:{tmp_path}/zm_somebody.bin",)
    assert voices("en", tmp_path) == ("hibari:deep", "hibari:bright")


class Tone:
    """A voice that hums."""

    name, language, realtime = "kokoro:/somewhere/zf_hum.bin", "zh", True

    def render(self, text: str, speed: float = 1.0) -> bytes:
        return b"\x00\x10\x00\xf0" * 80 * len(text)


class Deaf:
    """A recogniser, and a hearing, that hears one thing only."""

    languages, streaming = frozenset({"zh"}), False

    def __init__(self, text: str) -> None:
        self.text, self.pcm = text, b""

    def open(self, language: str, phrases: object = ()) -> Deaf:
        return self

    def feed(self, pcm: bytes) -> str:
        self.pcm += pcm
        return ""

    def finish(self) -> Utterance:
        return Utterance(self.text, "zh", 1.0, len(self.pcm) / 16000)


def test_what_nobody_can_hear_is_kept_and_marked() -> None:
    row = {"id": "zh-001", "lang": "zh", "stage": "1", "intent": "complaint"}
    row["text"] = "我要投诉"
    clear = hear(row, Tone(), Deaf("我要\n投诉"))
    assert (clear.text, clear.error, clear.audible) == ("我要 投诉", "0.00", 1)
    assert (clear.said, clear.voice) == ("我要投诉", "zf_hum")
    garbled = hear(row, Tone(), Deaf("卧"))
    assert (garbled.error, garbled.audible, garbled.intent) == ("0.75", 0, "complaint")
    assert hear(row, Tone(), Deaf("")).audible == 0
