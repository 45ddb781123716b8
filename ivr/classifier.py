"""The classifier behind the rules: which intent a sentence is most like.

Two views of a sentence are compared with those learnt from: runs of its characters,
sounds or words (`ivr.grams`, linear), and its point in space (`ivr.encoder`: the nearer
a sentence learnt from, the more it counts). Trained by `bench.train_intents` and read
from templates/lexicon/model-*.npz, whose sha256 stands in models.toml beside it. A rule
that holds speaks for its intent with so many points. The classifier acts only where the
best intent is likely enough to be right, given how far it is ahead of every other,
admissible or not, and of talk off topic; else the answer is `unknown`, and `guess` is
what one might ask back about. What a recogniser wrote needs better odds than what was
typed: both pairs of limits stand in models.toml.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivr.encoder import SUMS, Encoder, Floats, encoder, verified
from ivr.grams import WIDTH, columns
from ivr.inventory import LEGAL
from ivr.rules import LexiconError

LATER = ("busy_now", "callback_time")  # told apart by the time named
#: In stage 1 "yes" answers another question than later.
SAME = {"yes": "identity_yes", "no": "identity_no"}
#: "I will pay on the first" is both; the likelier stands. Before stage 3 nobody asks
#: for a day: to name one is to promise.
PROMISE = ("propose_date", "promise_pay")
#: Whose death it is, rules tell less well than the words around it.
DEATHS = {"deceased", "distress"}
#: How fast what a near sentence counts falls with the distance, and how much it
#: counts beside the grams.
REACH, NEARNESS = 0.3, 2.0
#: Points less for a legal intent that the exceptions of its rules speak against.
TAKEN = 0.53


@dataclass(frozen=True, slots=True)
class Limits:
    """Set by cross-validation on the training sentences (`bench.limits`). The first
    four are log odds of being right."""

    act: float  # from which on to act
    care: float  # the same for legal and care intents
    guess: float  # from which on to ask back
    guess_care: float  # the same for legal and care intents
    legal: float  # points for a legal or care rule
    rule: float  # points for any other rule
    weights: tuple[float, ...]  # of `traits`, to log odds


POINTS = ("legal", "rule")  # as they stand in the model's file
ODDS = ("act", "care", "guess", "guess_care")  # as they stand in models.toml
KINDS = ("written", "heard")


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
    center: Floats  # of the points learnt from
    basis: Floats  # width of a point x dimensions kept
    points: Floats  # sentences x dimensions, of unit length
    pull: Floats  # intents x sentences: what being near them counts
    encoder: Encoder
    written: Limits
    heard: Limits  # of what a recogniser wrote

    def limits(self, heard: bool) -> Limits:
        return self.heard if heard else self.written

    def scores(self, text: str) -> dict[str, float]:
        """For each intent about 1 where `text` (normal) means it, 0 where not."""
        at, often = columns(text, self.language)
        row = often * self.idf[at]
        row /= max(float(np.sqrt(row @ row)), 1e-9)
        found = (row @ self.weights[at].astype(np.float32)) * self.scale + self.offset
        point = placed(self.encoder.vector(text), self.center, self.basis)
        # einsum: a product so small is slower on the threads of a BLAS
        near = nearness(np.einsum("ij,j->i", self.points, point))
        found += np.einsum("ji,i->j", self.pull, near)
        return dict(zip(self.intents, map(float, found), strict=True))


def placed(vectors: Floats, center: Floats, basis: Floats) -> Floats:
    """What the encoder says, about the center, in the dimensions kept; unit length."""
    return unit((vectors - center) @ basis)


def unit(rows: NDArray[np.floating[Any]]) -> Floats:
    """Each row at length 1."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    at_one: Floats = (rows / length).astype(np.float32)
    return at_one


def nearness(cosine: Floats) -> Floats:
    """How much sentences at these cosines count."""
    counts: Floats = (NEARNESS * np.exp((cosine - 1) / REACH)).astype(np.float32)
    return counts


def taken_back(score: Mapping[str, float], taken: Collection[str]) -> dict[str, float]:
    """The scores, less for legal and care intents that the text seems to take back."""
    return {n: s - TAKEN if n in taken else s for n, s in score.items()}


def ranked(
    score: Mapping[str, float],
    admissible: Collection[str],
    legal: Sequence[str],
    rules: Collection[str],
    limits: Limits,
) -> tuple[str, dict[str, float]]:
    """The likeliest intent, and all points. Intents that are not admissible compete
    too: what means one of them means nothing here. The first of `legal` gets points,
    the others stand back for it."""
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
    return max(points, key=lambda name: points[name]), points


def traits(
    best: str, points: Mapping[str, float], supported: Collection[str]
) -> tuple[float, ...]:
    """What tells whether `best` is right: its points, those of the next and of talk
    off topic, whether it is a legal or care intent and whether a rule says so too."""
    first, off = points[best], points.get("unknown", 0.0)
    next_best = max(s for n, s in points.items() if n not in {best, "unknown"})
    legal, rule = float(best in LEGAL), float(best in supported)
    plain = (first, next_best, off)
    squares = tuple(value * value for value in plain)
    return (
        1.0,
        *plain,
        *squares,
        legal,
        *(legal * v for v in plain),
        rule,
        rule * first,
    )


def decide(
    score: Mapping[str, float],
    admissible: Collection[str],
    legal: Sequence[str],
    rules: Collection[str],
    limits: Limits,
) -> Decision:
    """What is meant. `legal`: legal and care intents that rules took it for, first
    things first; `rules`: other intents that rules took it for."""
    best, points = ranked(score, admissible, legal, rules, limits)
    supported = [*legal, *rules]
    odds = chance(best, points, supported, limits)
    odds -= limits.care if best in LEGAL else limits.act
    confidence = float(1 / (1 + np.exp(-odds)))
    if best != "unknown" and best in admissible and odds >= 0:
        return Decision(best, confidence, "")
    guess = guessed(points, admissible)
    limit = limits.guess_care if guess in LEGAL else limits.guess
    worth = bool(guess) and chance(guess, points, supported, limits) >= limit
    return Decision("unknown", min(confidence, 0.5), guess if worth else "")


def chance(
    name: str, points: Mapping[str, float], supported: Collection[str], limits: Limits
) -> float:
    """Log odds that it is this."""
    return float(np.dot(limits.weights, traits(name, points, supported)))


def guessed(points: Mapping[str, float], admissible: Collection[str]) -> str:
    """The likeliest that can be asked about, or ''."""
    likely = {n: s for n, s in points.items() if n in admissible and n != "unknown"}
    return max(likely, key=lambda name: likely[name], default="")


def load_classifier(folder: Path, language: str) -> Classifier:
    """Read and verify the model of a language. LexiconError: absent, or not the file
    whose sha256 is recorded."""
    raw, told = verified(folder / f"model-{language}.npz")
    with np.load(io.BytesIO(raw), allow_pickle=False) as data:
        return Classifier(
            language=language,
            intents=tuple(map(str, data["intents"])),
            idf=data["idf"].astype(np.float32),
            weights=data["weights"].reshape(WIDTH, -1),
            scale=data["scale"].astype(np.float32),
            offset=data["offset"].astype(np.float32),
            center=data["center"].astype(np.float32),
            basis=data["basis"].astype(np.float32),
            points=unit(data["points"].astype(np.float32)),
            pull=np.ascontiguousarray(data["pull"].T, np.float32),
            encoder=encoder(folder),
            **_limits(told, language, data),
        )


def _limits(
    told: Mapping[str, Any], language: str, data: Mapping[str, Any]
) -> dict[str, Limits]:
    """Of each kind of text: odds from models.toml, the rest from the model."""
    points = map(float, data["limits"][-len(POINTS) :])
    ours = dict(zip(POINTS, points, strict=True))
    weights = tuple(map(float, data["traits"]))
    try:
        odds = {kind: told["limits"][language][kind] for kind in KINDS}
        return {
            kind: Limits(
                **{name: float(odds[kind][name]) for name in ODDS},
                **ours,
                weights=weights,
            )
            for kind in KINDS
        }
    except (KeyError, TypeError, ValueError) as error:
        problem = f"{SUMS}: limits.{language}: no such number: {error}"
        raise LexiconError([problem]) from None
