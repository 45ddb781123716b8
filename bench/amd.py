"""Person, machine, announcement or tone? Confusion matrices on synthetic calls.

All of it is synthetic: tones made with the seed given, speech by installed voices that
were not used while the rules were written, from sentences written apart from the
phrases (tests/data/amd-*.tsv), on lines with noise, off pitch and uneven. So it shows
what is confused with what, and not how often on anybody's network.

`answered`: what a conversation takes the far end for; unsure means human, and `misled`
counts who is left as a machine and is none. `early`: what a call that failed is taken
to have said; `nothing` leaves the network's own cause, and `misled` counts the calls
that get a wrong one.

usage: python -m bench.amd [--json] [--seed N] [--tones N]
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.machine import described, machine
from dialer.call.announcement import agreed
from dialer.channels.port import Cause
from dialer.settings import shipped
from speech.amd import Beep, looks_recorded, read_phrases
from speech.announcements import Kind, listen, read_announcements, signalled
from speech.audio import Samples, frames, to_float
from speech.port import RATE, ModelMissing, Recogniser
from speech.recognisers.whisper import Whisper
from speech.tones import INFORMATION, TONES, tones
from speech.voices.roster import open_voice
from tests.kit.tones import Line, cadence, information, sine, through

DATA = Path(__file__).parents[1] / "tests" / "data"
LEXICON = shipped("templates") / "lexicon"
MODELS = Path.home() / ".cache" / "accord" / "models"
VOICES = {"zh": "kokoro:jf_gongitsune", "en": "hibari:bright"}
#: What information tones mean, as `listen` has it
MEANT = {
    "vacant": "unallocated",
    "intercept": "unallocated",
    "unobtainable": "unallocated",
    "reorder": "congestion",
    "no_circuit": "congestion",
}
#: Of full scale: a tone with the power that `speech.voices.finish` gives to speech
SPEECH = 0.1 * 2**0.5
#: On an answered line: nobody is left for these
PERSON = frozenset({"human", "silence"})
PITCHES = ({"L": 913.8, "H": 985.2}, {"L": 1370.6, "H": 1428.5})
LENGTHS = {"S": 0.274, "L": 0.38}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sound, what it is, and what it should be taken for."""

    row: str
    right: str
    pcm: bytes
    language: str = "zh"


def line(rng: np.random.Generator) -> Line:
    """Some line: -34 to -8 dB of full scale, 1 % off, 6 % uneven, noise 12 dB down."""
    return Line(
        level=float(rng.uniform(0.02, 0.4)),
        off=float(rng.uniform(-0.01, 0.01)),
        uneven=0.06,
        snr=float(rng.uniform(12, 35)),
    )


# --- tones


def toned(count: int, rng: np.random.Generator) -> Iterator[Sample]:
    """`count` of every tone of every plan, of every information tone and of silence."""
    for _ in range(count):
        for tone in TONES:
            pcm = cadence(tone.hertz, tone.cadence, 12.0, rng, line(rng))
            right = MEANT.get(tone.kind, tone.kind)
            yield Sample(f"{tone.kind} tone", right, pcm)
        for code, kind in INFORMATION.items():
            three = [
                (pitches[sign[0]], LENGTHS[sign[1]])
                for sign, pitches in zip(code, PITCHES, strict=True)
            ]
            pcm = information([*three, (1776.7, 0.38)], rng, line(rng))
            yield Sample(f"{kind} tones", MEANT[kind], pcm)
        still = through(np.zeros(6 * RATE, np.float32), rng, Line(level=0.01, snr=20))
        yield Sample("silence", "nothing", still)
        yield Sample("melody", "nothing", melody(rng))


def melody(rng: np.random.Generator) -> bytes:
    """Ten seconds of what some networks play in place of ringing."""
    scale = 262 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12)
    parts = list[Samples]()
    while sum(map(len, parts)) < 10 * RATE:
        pitch, lasts = float(rng.choice(scale)), float(rng.choice([0.2, 0.4, 0.8]))
        parts.append(sine([pitch, 2 * pitch, 3 * pitch], lasts, 0.3))
    return through(np.concatenate(parts), rng, line(rng))


# --- speech


def spoken(rng: np.random.Generator) -> Iterator[Sample]:
    """Each sentence in the voice of its language, each on another line."""
    for language, spec in VOICES.items():
        voice = open_voice(spec, language, MODELS)
        path = DATA / f"amd-{language}.tsv"
        with path.open(encoding="utf-8", newline="") as file:
            for one in csv.DictReader(file, delimiter="\t"):
                way, kind = line(rng), one["kind"]
                way = replace(way, level=way.level / 2)  # speech has peaks
                sound = to_float(voice.render(one["text"])) * way.level / SPEECH
                pcm = through(sound.astype(np.float32), rng, way)
                yield Sample(f"{kind} {language}", kind, pcm, language)


def with_beep(greeting: Sample, rng: np.random.Generator) -> Sample:
    """The greeting of a machine, half a second, and the beep."""
    way = line(rng)
    pitch, lasts = float(rng.uniform(420, 1900)), float(rng.uniform(0.25, 1.5))
    gap = np.zeros(RATE // 2, np.float32)
    beep = np.concatenate([gap, sine([pitch], lasts, way.level), gap])
    pcm = greeting.pcm + through(beep, rng, way)
    return Sample(f"beep {greeting.language}", "beep", pcm, greeting.language)


# --- what they are taken for


class Judges:
    """The product's own parts, put together as the product does."""

    def __init__(self, recogniser: Recogniser | None) -> None:
        self._recogniser = recogniser
        self._recorded = read_phrases(LEXICON / "machine.toml")
        self._lexicon = read_announcements(LEXICON / "announcements.toml")

    def answered(self, sample: Sample) -> str:
        """As `Conversation` does within its first seconds."""
        beep = Beep()
        if sum(beep.hear(frame) for frame in frames(sample.pcm)):
            return "beep"
        text = self._text(sample)
        if looks_recorded(text, self._recorded[sample.language]):
            return "machine"
        return "human" if text else "silence"

    def _text(self, sample: Sample) -> str:
        if self._recogniser is None:
            return ""
        hearing = self._recogniser.open(sample.language)
        hearing.feed(sample.pcm)
        return hearing.finish().text

    def early(self, sample: Sample) -> str:
        """As `dialer.call.announcement` does. Ringing says nothing; it is shown."""
        if self._recogniser is None:
            kinds = signalled(sample.pcm)
        else:
            words = (sample.language, self._recogniser, self._lexicon)
            kinds = listen(sample.pcm, *words)
        ringing = any(one.kind == "ringback" for one in tones(sample.pcm))
        return "+".join(sorted(kinds)) or ("ringback" if ringing else "nothing")


def leaves(sample: Sample, answer: str) -> bool:
    """Taken for a machine, and is none."""
    return sample.right in PERSON and answer not in PERSON


def misleads(sample: Sample, answer: str) -> bool:
    """Gives a call of no clear cause one that is not its own."""
    return cause(answer) not in (Cause.FAILED, cause(sample.right))


def cause(answer: str) -> Cause:
    """What becomes of a call that the network gave no clear cause."""
    told = answer.split("+")
    kinds = [] if told[0] in ("ringback", "nothing") else [Kind(one) for one in told]
    return agreed(Cause.FAILED, kinds)


def table(
    samples: Sequence[Sample],
    judge: Callable[[Sample], str],
    harm: Callable[[Sample, str], bool],
) -> dict[str, object]:
    """The matrix, row by row, and its figures."""
    matrix = defaultdict[str, Counter[str]](Counter)
    right = misled = 0
    for sample in samples:
        answer = judge(sample)
        matrix[sample.row][answer] += 1
        right += {answer, sample.right} <= PERSON or answer == sample.right
        misled += harm(sample, answer)
    rows = {row: dict(taken.most_common()) for row, taken in matrix.items()}
    return {"samples": len(samples), "right": right, "misled": misled, "matrix": rows}


def measure(seed: int, count: int) -> dict[str, object]:
    """Both tables. Without models: tones only."""
    rng = np.random.default_rng(seed)
    played = list(toned(count, rng))
    try:
        recogniser = Whisper.load(MODELS)
        said = list(spoken(rng))
    except ModelMissing as missing:
        recogniser, said = None, list[Sample]()
        print(f"speech left out: {missing}", file=sys.stderr)
    judges = Judges(recogniser)
    machines = [one for one in said if one.right == "machine"]
    people = [one for one in said if one.right == "human"]
    told = [one for one in said if one.right not in ("human", "machine")]
    other = [replace(one, right="nothing") for one in people]
    recorded = [
        replace(one, row=f"announcement {one.language}", right="machine")
        for one in told
    ]
    beeps = [with_beep(one, rng) for one in machines]
    after = [replace(one, right="silence") for one in played if "tones" not in one.row]
    answered = [*people, *machines, *recorded, *beeps, *after]
    return {
        "synthetic": True,
        "seed": seed,
        "voices": VOICES,
        "answered": table(answered, judges.answered, leaves),
        "early": table([*told, *other, *played], judges.early, misleads),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", type=int, default=4711)
    parser.add_argument("--tones", type=int, default=10, help="of each kind and plan")
    asked = parser.parse_args()
    result = measure(asked.seed, asked.tones)
    if asked.json:
        print(json.dumps({"machine": machine(), **result}))
        return
    print(described())
    print(f"synthetic sound, seed {result['seed']}")
    for name in ("answered", "early"):
        show(name, result[name])


def show(name: str, found: object) -> None:
    """Rows are what it was, columns what it was taken for."""
    assert isinstance(found, dict)
    rows: dict[str, dict[str, int]] = found["matrix"]
    columns = sorted({answer for taken in rows.values() for answer in taken})
    figures = {one: found[one] for one in ("samples", "right", "misled")}
    print(f"\n{name}: {figures}")
    print(" " * 18, *columns)
    for row, taken in rows.items():
        cells = (f"{taken.get(one, '.'):>{len(one)}}" for one in columns)
        print(f"{row:18}", *cells)


if __name__ == "__main__":
    main()
