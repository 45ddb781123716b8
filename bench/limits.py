"""The limits of the classifier, from what it says of sentences it has not seen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ivr.classifier import LATER, Limits, ranked
from ivr.intent import spoken_for, values
from ivr.inventory import LEGAL, STAGED, STAGES

NOW = datetime(2026, 11, 24, 14, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
CARE = LEGAL - {"are_you_robot", "ask_who"}
PRECISION = 0.97  # wanted of sentences unlike any that was learnt from
CARE_PRECISION = 0.94  # the same of legal and care intents, talk off topic included
GUESS, SLOPE = 0.25, 8.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence, what it may mean, its scores, and the rules that hold for it."""

    text: str
    means: frozenset[str]
    heard: bool
    score: dict[str, float]
    legal: list[str]
    rules: list[str]
    admissible: set[str]  # where it may be said, less what it takes back


def judge(
    text: str,
    means: frozenset[str],
    language: str,
    *,
    heard: bool,
    score: dict[str, float],
) -> Judged:
    """What the rules say of it, in a stage where what it means is admissible."""
    stage = 1 if means & STAGED[1] else 4
    found = values(text, language, NOW)
    legal, rules, taken = spoken_for(text, language, STAGES[stage], found)
    return Judged(text, means, heard, score, legal, rules, set(STAGES[stage]) - taken)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of each sentence, with given points for rules: what was likeliest."""

    right: NDArray[np.bool_]
    margin: NDArray[np.float64]  # -1 where nothing would be done
    scope: NDArray[np.bool_]  # means something
    care: NDArray[np.bool_]  # the likeliest is a legal or care intent
    wants_care: NDArray[np.bool_]


def outcome(judged: Sequence[Judged], legal: float, rule: float) -> Outcome:
    points = Limits(0, 0, 0, 0, legal, rule)
    rows = []
    for one in judged:
        best, margin, _ = ranked(
            one.score, one.admissible, one.legal, one.rules, points
        )
        done = best != "unknown" and best in one.admissible
        means = one.means | (set(LATER) if one.means & set(LATER) else set())
        rows.append(
            (
                best in means,
                margin if done else -1.0,
                "unknown" not in one.means,
                best in LEGAL,
                bool(one.means & CARE),
            )
        )
    return Outcome(*(np.array(column) for column in zip(*rows, strict=True)))


def figures(found: Outcome, margin: float, care: float) -> dict[str, float]:
    """As INTENTS defines them, shares from 0 to 1."""
    acted = found.margin >= np.where(found.care, care, margin)
    scope = found.scope
    return {
        "precision": float(found.right[acted & scope].mean()),
        "coverage": float(acted[scope].mean()),
        "care_recall": float((acted & found.right)[found.wants_care].mean()),
        "off_acted": float(acted[~scope].mean()),
    }


def least(found: Outcome, of: NDArray[np.bool_], precision: float) -> float:
    """The lowest margin from which on that share of `of` is right."""
    order = np.argsort(-found.margin)
    order = order[of[order] & (found.margin[order] > 0)]
    share = np.cumsum(found.right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= precision)
    return float(found.margin[order[enough[-1]]]) if len(enough) else 1.0


def calibrated(judged: Sequence[Judged]) -> Limits:
    """The points with which most is acted on at the precision wanted, and the margins
    for it. A rule's points stay so few that with a strange sentence it cannot act by
    itself. Prints what they come to on sentences never seen."""
    best, most = Limits(1, 1, GUESS, SLOPE, 0, 0), 0.0
    for legal, rule in itertools.product((0.4, 0.6, 0.8), (0.1, 0.2, 0.3)):
        found = outcome(judged, legal, rule)
        margin = least(found, found.scope & ~found.care, PRECISION)
        care = least(found, found.care, CARE_PRECISION)
        covered = figures(found, margin, care)["coverage"]
        if covered > most:
            best, most = Limits(margin, care, GUESS, SLOPE, legal, rule), covered
    found = outcome(judged, best.legal, best.rule)
    print(f"  limits {best}")
    for name, share in figures(found, best.margin, best.care).items():
        print(f"  {name:12} {share:.3f}")
    return best
