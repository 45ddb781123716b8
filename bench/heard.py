"""How sentences arrive: spoken, sent through a telephone, and written down again.

Takes any TSV with the columns id, lang, stage, text, intent. Every row is spoken by a
voice that our prompts do not use, at a speed of its own, without noise or with noise 20
or 10 dB down, goes through mu-law at 8 kHz and our embedded recogniser. Voice, speed
and noise follow from the id alone, so that a second run says the same. The result has
the same columns, `text` being what was heard, and `said`, `error`, `audible`, `voice`,
`noise_db`. Rows that are there already are not done again.

`error` is the edit distance of syllables (pinyin without tones; words in English) over
the syllables said; numbers are left out, as they come back as digits. `audible` is 0
where nothing was heard or `error` is above 0.7: nobody could tell from that text.

usage: python -m bench.heard --file TSV --out TSV [--styles FOLDER] [--limit N]
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from pypinyin import lazy_pinyin

from speech.audio import add_noise, telephone
from speech.port import RATE, Recogniser, Voice
from speech.recognisers.whisper import Whisper
from speech.voices.roster import open_voice

MODELS = Path.home() / ".cache" / "accord" / "models"
#: By language: which further styles speak, and who does where none is there
STYLES = {"zh": "z[fm]_*.bin", "en": "am_*.bin"}
SHIPPED = {"zh": ("kokoro:jf_gongitsune",), "en": ("hibari:deep", "hibari:bright")}
SPEEDS = (0.9, 1.0, 1.1)
NOISES = (None, 20, 10)  #: dB below the speech
INAUDIBLE = 0.7
PAUSE = bytes(2 * RATE * 3 // 10)  #: on both sides, and there is noise in it

T = TypeVar("T")

_NUMBERS = {
    "zh": re.compile(r"[\d〇零一二三四五六七八九十百千万两幺]"),
    "en": re.compile(
        r"\b(?:\d+(?:st|nd|rd|th)?|(?:one|two|three|four|five|six|seven|eight|nine|ten|"
        r"eleven|twelve|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|"
        r"thousand|first|second|third)|\w+teen)\b"
    ),
}
_WORD = re.compile(r"[a-z0-9']+|[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Heard:
    """One row of the result; the fields are its columns, in their order."""

    id: str
    lang: str
    stage: str
    text: str
    intent: str
    said: str
    error: str
    audible: int
    voice: str
    noise_db: str


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path, required=True, help="what is said")
    parser.add_argument("--out", type=Path, required=True, help="grows row by row")
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--styles", type=Path, help="folder of Kokoro styles, *.bin")
    parser.add_argument("--limit", type=int, help="rows at most")
    given = parser.parse_args()
    styles = given.styles or given.models / "kokoro-voices"
    done = {row["id"] for row in read(given.out)} if given.out.exists() else set()
    todo = [row for row in read(given.file) if row["id"] not in done][: given.limit]
    whisper = Whisper.load(given.models, workers=1)
    with given.out.open("a", encoding="utf-8", newline="") as file:
        names = [field.name for field in fields(Heard)]
        writer = csv.DictWriter(file, names, delimiter="\t", lineterminator="\n")
        if not file.tell():
            writer.writeheader()
        for count, row in enumerate(todo, 1):
            spec = pick(voices(row["lang"], styles), row["id"], "voice")
            voice = _voice(spec, row["lang"], given.models)
            writer.writerow(asdict(hear(row, voice, whisper)))
            file.flush()
            if not count % 50:
                print(f"{count} of {len(todo)}", file=sys.stderr)


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a TSV with a head."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def voices(language: str, styles: Path) -> tuple[str, ...]:
    """The further styles found, in English beside the shipped ones."""
    found = [f"kokoro:{path}" for path in sorted(styles.glob(STYLES[language]))]
    if language == "zh" and found:
        return tuple(found)
    return (*SHIPPED[language], *found)


def pick(options: Sequence[T], key: str, what: str) -> T:
    """One of `options`, always the same for a key."""
    return options[zlib.crc32(f"{what} {key}".encode()) % len(options)]


@cache
def _voice(spec: str, language: str, models: Path) -> Voice:
    return open_voice(spec, language, models)


def hear(row: dict[str, str], voice: Voice, recogniser: Recogniser) -> Heard:
    """Say a row over a telephone and write down what arrives."""
    key, lang, said = row["id"], row["lang"], row["text"]
    noise = pick(NOISES, key, "noise")
    pcm = PAUSE + voice.render(said, pick(SPEEDS, key, "speed")) + PAUSE
    if noise is not None:
        pcm = add_noise(pcm, noise, np.random.default_rng(zlib.crc32(key.encode())))
    hearing = recogniser.open(lang)
    hearing.feed(telephone(pcm))
    text = " ".join(hearing.finish().text.split())
    error = distance(syllables(said, lang), syllables(text, lang))
    return Heard(
        id=key,
        lang=lang,
        stage=row["stage"],
        text=text,
        intent=row["intent"],
        said=said,
        error=f"{error:.2f}",
        audible=int(bool(text) and error <= INAUDIBLE),
        voice=voice.name.rpartition("/")[2].removesuffix(".bin"),
        noise_db="" if noise is None else str(noise),
    )


def syllables(text: str, language: str) -> list[str]:
    """Pinyin without tones and Latin words; in English words. No numbers."""
    words = _WORD.findall(_NUMBERS[language].sub(" ", text.lower()))
    return [sound for word in words for sound in lazy_pinyin(word)]


def distance(said: list[str], heard: list[str]) -> float:
    """Edit distance as a share of `said`; where that is empty, of one syllable."""
    row = list(range(len(heard) + 1))
    for above, one in enumerate(said, 1):
        row = list(_next(row, above, one, heard))
    return row[-1] / max(1, len(said))


def _next(row: list[int], above: int, one: str, heard: list[str]) -> Iterator[int]:
    left = above
    yield left
    for place, other in enumerate(heard):
        left = min(left + 1, row[place + 1] + 1, row[place] + (one != other))
        yield left


if __name__ == "__main__":
    main()
