"""The classifier behind the rules: which intent a sentence is most like.

A linear model on TF-IDF of `ivr.grams`, trained by `bench.train_intents` and read from
templates/lexicon/model-*.npz, whose sha256 stands in models.toml beside it. A rule that
holds speaks for its intent with so many points; the classifier acts only where the best
intent is clearly ahead of every other, admissible or not; else the answer is `unknown`,
and `guess` is what one might ask back about.
"""

from __future__ import annotations

import hashlib
import io
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivr.grams import WIDTH, columns
from ivr.inventory import LEGAL
from ivr.rules import LexiconError

Floats = NDArray[np.float32]

LATER = ("busy_now", "callback_time")  # told apart by the time named
#: In stage 1 "yes" answers another question than later.
SAME = {"yes": "identity_yes", "no": "identity_no"}
#: "I will pay on the first" is both; the likelier stands. Before stage 3 nobody asks
#: for a day: to name one is to promise.
PROMISE = ("propose_date", "promise_pay")
#: Whose death it is, rules tell less well than the words around it.
DEATHS = {"deceased", "distress"}
SUMS = "models.toml"


@dataclass(frozen=True, slots=True)
class Limits:
    """Set by cross-validation on the training sentences (`bench.train_intents`)."""

    margin: float  # over every other intent, to act
    care: float  # the same for legal and care intents
    guess: float  # to ask back
    slope: float  # of confidence over the margin
    legal: float  # points for a legal or care rule
    rule: float  # points for any other rule


@dataclass(frozen=True, slots=True)
class Decision:
    """`intent` is unknown where none stands out; `guess` is the likeliest admissible
    one if it is worth asking about, else empty. `confidence` is 0 to 1."""

    intent: str
    confidence: float
    guess: str


@dataclass(frozen=True, slots=True)
class Classifier:
    """Trained weights."""

    language: str
    intents: tuple[str, ...]
    idf: Floats  # WIDTH
    weights: NDArray[np.int8]  # WIDTH x intents
    scale: Floats  # of each intent's weights
    offset: Floats
    limits: Limits

    def scores(self, text: str) -> dict[str, float]:
        """For each intent about 1 where `text` (normal) means it, 0 where not."""
        at, often = columns(text, self.language)
        row = often * self.idf[at]
        row /= max(float(np.sqrt(row @ row)), 1e-9)
        found = (row @ self.weights[at].astype(np.float32)) * self.scale + self.offset
        return dict(zip(self.intents, map(float, found), strict=True))


def ranked(
    score: Mapping[str, float],
    admissible: Collection[str],
    legal: Sequence[str],
    rules: Collection[str],
    limits: Limits,
) -> tuple[str, float, dict[str, float]]:
    """The likeliest intent, how far it is ahead of the next, and all points. Intents
    that are not admissible compete too: what means one of them means nothing here.
    The first of `legal` gets points, the others stand back for it."""
    points = dict(score)
    for late, early in SAME.items():
        points.pop(early if late in admissible else late, None)
    day, promise = PROMISE
    if promise in admissible and day not in admissible:
        points[promise] = max(points[promise], points.pop(day))
    first = set(legal[:1])
    if first and first < DEATHS <= set(legal):
        first = DEATHS
    for intent in set(legal) - first:
        del points[intent]
    for intent in (*first, *rules):
        if intent in points:
            points[intent] += limits.legal if intent in LEGAL else limits.rule
    for pair in (LATER, PROMISE):
        there = [name for name in pair if name in points]
        for name in sorted(there, key=lambda name: points[name])[:-1]:
            del points[name]
    best = max(points, key=lambda name: points[name])
    margin = points[best] - max(s for n, s in points.items() if n != best)
    return best, margin, points


def decide(
    score: Mapping[str, float],
    admissible: Collection[str],
    legal: Sequence[str],
    rules: Collection[str],
    limits: Limits,
) -> Decision:
    """What is meant. `legal`: legal and care intents that rules took it for, first
    things first; `rules`: other intents that rules took it for."""
    best, margin, points = ranked(score, admissible, legal, rules, limits)
    least = limits.care if best in LEGAL else limits.margin
    confidence = float(1 / (1 + np.exp(-limits.slope * (margin - least))))
    if best != "unknown" and best in admissible and margin >= least:
        return Decision(best, confidence, "")
    likely = {n: s for n, s in points.items() if n in admissible and n != "unknown"}
    guess = max(likely, key=lambda name: likely[name], default="")
    worth = bool(guess) and likely[guess] >= limits.guess
    return Decision("unknown", min(confidence, 0.5), guess if worth else "")


def load_classifier(folder: Path, language: str) -> Classifier:
    """Read and verify the model of a language. LexiconError: absent, or not the file
    whose sha256 is recorded."""
    path = folder / f"model-{language}.npz"
    try:
        sums = tomllib.loads((folder / SUMS).read_text("utf-8"))
        raw = path.read_bytes()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LexiconError([f"{path}: {error}"]) from None
    found = hashlib.sha256(raw).hexdigest()
    if found != sums.get(path.name):
        problem = f"sha256 {found}, but {SUMS} says {sums.get(path.name)}"
        remedy = "build it anew: python -m bench.train_intents"
        raise LexiconError([f"{path}: {problem}; {remedy}"])
    with np.load(io.BytesIO(raw), allow_pickle=False) as data:
        return Classifier(
            language=language,
            intents=tuple(map(str, data["intents"])),
            idf=data["idf"].astype(np.float32),
            weights=data["weights"].reshape(WIDTH, -1),
            scale=data["scale"].astype(np.float32),
            offset=data["offset"].astype(np.float32),
            limits=Limits(*map(float, data["limits"])),
        )
