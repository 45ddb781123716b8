"""The classifier behind the rules: which admissible intent a sentence is most like.

Ridge regression (one against the rest, solved in the dual) on TF-IDF of character and
syllable n-grams, in Chinese, or of words and their parts, in English. It acts only
when the best admissible intent is clearly ahead of the next and of `unknown`, and some
example of that intent is near; else the answer is `unknown`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ivr.rules import LexiconError
from ivr.text import letters, plain, syllables

Floats = NDArray[np.float32]

WIDTH = 4096  # n-grams are hashed into so many columns
RIDGE = 0.5
SLOPE = 4.0  # margin -> confidence; from cross-validation on the examples
LEAST_MARGIN = 0.28  # over the next admissible intent
CARE_MARGIN = 0.14  # the same for intents where a miss is worse than a false alarm
VETO = -0.12  # a rule stands unless another intent is so much more like it
LEAST_NEAR = 0.25  # cosine to the nearest example of the intent
LATER = {"busy_now", "callback_time"}  # told apart by the time named, not by words
FEWEST = 5  # examples of an intent
NUMERALS = re.compile(r"[\d零一二两三四五六七八九十百千万]+")
FIGURES = re.compile(r"\d[\d.,:]*")


@dataclass(frozen=True, slots=True)
class Classifier:
    """Trained weights; `decide` is pure."""

    language: str
    intents: tuple[str, ...]
    idf: Floats
    weights: Floats  # WIDTH x intents
    offset: Floats
    examples: Floats  # WIDTH x sentences, unit length
    owner: NDArray[np.int64]  # of each example, its intent

    def scores(self, text: str) -> tuple[Floats, Floats]:
        """For each intent: its score, and the cosine of its nearest example."""
        row = _unit(_counts([text], self.language) * self.idf)[0]
        on = np.flatnonzero(row)
        score = row[on] @ self.weights[on] + self.offset
        cosine = row[on] @ self.examples[on]
        near = np.zeros(len(self.intents), np.float32)
        np.maximum.at(near, self.owner, cosine)
        return score, near

    def decide(
        self,
        text: str,
        admissible: Collection[str],
        rule: str | None = None,
        care: Collection[str] = (),
    ) -> tuple[str, float]:
        """The intent and a confidence from 0 to 1; `unknown` where none stands out.

        `rule`: what a rule took it for; it stands unless another intent is clearly
        more like it (`VETO`), and then the answer is `unknown` too. `care`: intents
        where a missed one is worse than a false one.
        """
        score, near = self.scores(text)
        ranked = sorted(
            (float(score[n]), n)
            for n, intent in enumerate(self.intents)
            if intent in admissible or intent == "unknown"
        )
        if rule is not None:
            alike = LATER if rule in LATER else {rule}
            mine = max((s for s, n in ranked if self.intents[n] in alike), default=0.0)
            rest = max(s for s, n in ranked if self.intents[n] not in alike)
            sure = mine - rest >= VETO
            return (rule if sure else "unknown"), _confidence(mine - rest, VETO)
        best, at = ranked[-1]
        margin = best - ranked[-2][0] if len(ranked) > 1 else best
        least = CARE_MARGIN if self.intents[at] in care else LEAST_MARGIN
        sure = bool(margin >= least and near[at] >= LEAST_NEAR)
        return (self.intents[at] if sure else "unknown"), _confidence(margin, least)


def _confidence(margin: float, least: float) -> float:
    return float(1 / (1 + np.exp(-SLOPE * (margin - least))))


def load_classifier(path: Path, language: str, intents: Collection[str]) -> Classifier:
    """Train on an examples file; LexiconError lists everything wrong with it."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LexiconError([f"{path}: {error}"]) from None
    problems = []
    for intent, said in raw.items():
        if intent not in intents:
            problems.append(f"{path}: {intent}: no such intent")
        if not isinstance(said, list) or not all(isinstance(s, str) for s in said):
            problems.append(f"{path}: {intent}: expected a list of sentences")
        elif len(said) < FEWEST:
            problems.append(f"{path}: {intent}: expected at least {FEWEST} sentences")
    if problems:
        raise LexiconError(problems)
    return train(raw, language)


def train(examples: Mapping[str, Sequence[str]], language: str) -> Classifier:
    """Deterministic: the same examples give the same weights."""
    intents = tuple(sorted(examples))
    texts = [
        letters(plain(t, language), language) for i in intents for t in examples[i]
    ]
    owner = np.array([n for n, i in enumerate(intents) for _ in examples[i]], np.int64)
    counts = _counts(texts, language)
    idf = np.log(len(texts) / (1.0 + (counts > 0).sum(0))).astype(np.float32)
    rows = _unit(counts * np.maximum(idf, 0))
    wanted = np.where(owner[:, None] == np.arange(len(intents)), 1.0, 0.0)
    mean = wanted.mean(0)
    kernel = (rows @ rows.T).astype(np.float64)
    kernel[np.diag_indices_from(kernel)] += RIDGE
    dual = np.linalg.solve(kernel, wanted - mean)
    weights = rows.T @ dual.astype(np.float32)
    return Classifier(
        language,
        intents,
        np.maximum(idf, 0),
        weights,
        mean.astype(np.float32),
        np.ascontiguousarray(rows.T),
        owner,
    )


def _counts(texts: Sequence[str], language: str) -> Floats:
    rows = np.zeros((len(texts), WIDTH), np.float32)
    for n, text in enumerate(texts):
        for gram in _grams(text, language):
            rows[n, crc32(gram.encode()) % WIDTH] += 1
    return np.sqrt(rows)


def _unit(rows: Floats) -> Floats:
    length = np.sqrt((rows * rows).sum(1, keepdims=True))
    unit: Floats = rows / np.maximum(length, 1e-9)
    return unit


def _grams(text: str, language: str) -> Iterator[str]:
    if language == "zh":
        text = NUMERALS.sub("0", text)
        yield from _runs("c", ["^", *text, "$"], 1, 3)
        yield from _runs("s", ["^", *syllables(text), "$"], 1, 3)
        return
    words = FIGURES.sub("0", text).split()
    yield from _runs("w", ["^", *words, "$"], 1, 3)
    for word in words:
        padded = f"_{word}_"
        for size in (3, 4):
            for at in range(len(padded) - size + 1):
                yield f"c{padded[at : at + size]}"


def _runs(
    kind: str, parts: Sequence[str], shortest: int, longest: int
) -> Iterator[str]:
    for size in range(shortest, longest + 1):
        for at in range(len(parts) - size + 1):
            yield kind + " ".join(parts[at : at + size])
