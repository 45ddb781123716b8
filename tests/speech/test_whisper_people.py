"""Whisper on human recordings, where they are at hand. Run with -s for the figures."""

from __future__ import annotations

import csv
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from pypinyin import lazy_pinyin

from speech.audio import read_sound, telephone, to_float, to_pcm
from speech.recognisers.whisper import Whisper

ROOT = Path(__file__).parents[2]
SIMPLE = "gb2312"  # an encoding without traditional characters


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Whisper:
    return Whisper.load(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def recordings() -> Path:
    folder = ROOT.parent / "shared" / "speech"
    if not folder.is_dir():
        pytest.skip("human recordings are not at hand: ../shared/speech is absent")
    return folder


def hear(whisper: Whisper, pcm: bytes, language: str) -> str:
    hearing = whisper.open(language)
    hearing.feed(pcm)
    return hearing.finish().text


def plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


def _telephoned(file: Path) -> bytes:
    samples = to_float(read_sound(file))
    loud = samples / max(float(np.abs(samples).max()), 1e-6) * np.float32(0.3)
    return telephone(bytes(3200) + to_pcm(loud) + bytes(4160))


def _rows(folder: Path) -> list[tuple[Path, str]]:
    with (folder / "transcripts.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [(folder / row["file"], row["text"]) for row in rows]


def _errors(expected: str, found: str) -> int:
    """Characters to change, add or drop (Levenshtein)."""
    row = list(range(len(found) + 1))
    for i, one in enumerate(expected, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(found, 1):
            cheapest = min(row[j] + 1, row[j - 1] + 1, before + (one != other))
            before, row[j] = row[j], cheapest
    return row[-1]


def _sounds_like(one: str, other: str) -> bool:
    return lazy_pinyin(plain(one)) == lazy_pinyin(plain(other))


REPLIES = (
    "是",
    "不是",
    "对",
    "好",
    "可以",
    "不行",
    "不要",
    "不用",
    "没有",
    "有",
    "同意",
    "人工",
    "取消",
    "算了",
    "没关系",
    "谢谢",
)


@pytest.mark.model
@pytest.mark.slow
def test_short_replies_of_people_survive(whisper: Whisper, recordings: Path) -> None:
    rows = [(f, t) for f, t in _rows(recordings / "callwords-zh") if t in REPLIES]
    heard = [(text, hear(whisper, _telephoned(file), "zh")) for file, text in rows]
    right = sum(_sounds_like(a, b) or _sounds_like(a + a, b) for a, b in heard)
    wrong = [pair for pair in heard if not _sounds_like(*pair)]
    sys.stdout.write(f"\nreplies: {right}/{len(heard)} right; others: {wrong}\n")
    assert len(heard) == len(REPLIES)
    assert all(text for _, text in heard), "a reply was dropped"
    assert right >= 0.85 * len(heard)


@pytest.mark.model
@pytest.mark.slow
def test_words_of_many_people(whisper: Whisper, recordings: Path) -> None:
    rows = _rows(recordings / "words-zh-en")[::17]
    right = {"zh": 0, "en": 0}
    empty = 0
    for file, text in rows:
        language = "en" if text.isascii() else "zh"
        found = hear(whisper, _telephoned(file), language)
        empty += not found
        right[language] += _sounds_like(text, found)
    sys.stdout.write(f"\nwords: right {right} of {len(rows)}, empty {empty}\n")
    assert empty <= 0.25 * len(rows)
    assert sum(right.values()) >= 0.35 * len(rows)


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize(("folder", "most"), [("sentences-zh", 0.36), ("tts-zh", 0.30)])
def test_sentences(
    whisper: Whisper, recordings: Path, folder: str, most: float
) -> None:
    wrong = length = alike = other = 0
    for file, text in _rows(recordings / folder):
        found = hear(whisper, _telephoned(file), "zh")
        wrong += _errors(plain(text), plain(found))
        length += len(plain(text))
        alike += _sounds_like(text, found)
        other += any(0x4E00 <= ord(c) <= 0x9FFF and not _simple(c) for c in found)
    sys.stdout.write(
        f"\n{folder}: CER {wrong / length:.3f}, {alike} whole sentences alike\n"
    )
    assert wrong / length <= most
    assert other <= 1, "traditional characters"


def _simple(character: str) -> bool:
    try:
        return bool(character.encode(SIMPLE))
    except UnicodeEncodeError:
        return False
