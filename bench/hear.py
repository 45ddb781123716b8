"""Copies of the sentences in `bench/said` as a recogniser writes them.

Each is read aloud by one of several voices at some speed, sent over a mu-law line with
noise at 10 to 30 dB, and recognised. What is there already is kept: run it again and
it goes on. About 2 CPU-s a Chinese sentence, a fifth of that an English one. With
`--unlearnt` the copies are those that limits are set on and nothing is learnt from
(`unlearnt-LANGUAGE.tsv`), of sentences that have no other copy.

usage: python -m bench.hear zh [--minutes 40] [--voices kokoro:jf_nezumi,...]
       python -m bench.hear zh --unlearnt --intents unknown,stop_calling
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from zlib import crc32

import numpy as np

from bench.said import HEARD, HERE, UNLEARNT, written
from speech.audio import add_noise, telephone
from speech.port import SpeechError, Voice
from speech.recognisers.whisper import Whisper
from speech.voices.roster import open_voice

VOICES = {
    "zh": "kokoro:jf_nezumi,kokoro:jf_gongitsune",
    "en": "hibari:heart,hibari:deep,hibari:bright",
}
SPEEDS = {"kokoro": (0.85, 1.0, 1.15), "hibari": (0.7, 0.8, 0.9)}
NOISE = (10.0, 15.0, 20.0, 25.0, 30.0)  # dB below the speech
PAUSE = bytes(4800)  # 300 ms of silence before and after
COLUMNS = ("said", "heard")


def waiting(language: str, done: set[str], intents: set[str]) -> Iterator[str]:
    """Sentences not heard yet: one of each intent in turn, in a mixed order. Those of
    `intents` alone, if there are any."""
    by_intent: dict[str, dict[str, None]] = defaultdict(dict)
    lines = written(language)
    for line in sorted(lines, key=lambda n: crc32(f"order {n.text}".encode())):
        if line.text not in done and (not intents or line.intent in intents):
            by_intent[line.intent][line.text] = None
    for turn in zip_longest(*by_intent.values()):
        yield from dict.fromkeys(text for text in turn if text)


def spoken(text: str, voices: list[Voice]) -> bytes:
    """`text` as it arrives over the telephone; which voice, how fast and how noisy
    depends on the text alone."""
    dice = np.random.default_rng(crc32(text.encode()))
    voice = voices[int(dice.integers(len(voices)))]
    speed = float(dice.choice(SPEEDS[voice.name.partition(":")[0]]))
    pcm = PAUSE + voice.render(text, speed) + PAUSE
    return telephone(add_noise(pcm, float(dice.choice(NOISE)), dice))


def _done(path: Path) -> set[str]:
    """The sentences that a file has copies of."""
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["said"] for row in rows}


def main() -> int:
    """Add lines to bench/said/heard-LANGUAGE.tsv until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("language", choices=("zh", "en"))
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--voices", default="", help="engine:name, comma separated")
    parser.add_argument("--models", type=Path, help="folder of models")
    parser.add_argument("--intents", default="", help="those alone, comma separated")
    parser.add_argument("--unlearnt", action="store_true", help="for limits alone")
    asked = parser.parse_args()
    models = asked.models or Path.home() / ".cache" / "accord" / "models"
    language = asked.language
    names = (asked.voices or VOICES[language]).split(",")
    voices = [open_voice(name, language, models) for name in names]
    whisper = Whisper.load(asked.models)
    files = [HERE / f"{kind}-{language}.tsv" for kind in (HEARD, UNLEARNT)]
    path = files[asked.unlearnt]
    done = set().union(*map(_done, files))
    intents = {name for name in asked.intents.split(",") if name}
    new = not path.is_file()
    with path.open("a", encoding="utf-8", newline="") as file:
        if new:
            file.write("\t".join(COLUMNS) + "\n")
        end = time.monotonic() + asked.minutes * 60
        for text in waiting(language, done, intents):
            if time.monotonic() > end:
                break
            try:
                pcm = spoken(text, voices)
            except SpeechError as error:
                print(f"{text}: {error}", file=sys.stderr)
                continue
            hearing = whisper.open(language)
            hearing.feed(pcm)
            file.write(f"{text}\t{hearing.finish().text}\n")
            file.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
