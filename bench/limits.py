"""The limits of the classifier, from what it says of sentences it has not seen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ivr.classifier import LATER, Limits, ranked, taken_back, traits
from ivr.intent import spoken_for, values
from ivr.inventory import LEGAL, STAGED, STAGES

NOW = datetime(2026, 11, 24, 14, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
CARE = LEGAL - {"are_you_robot", "ask_who"}
PRECISION = 0.983  # wanted of sentences unlike any that was learnt from
CARE_PRECISION = 0.94  # the same of legal and care intents, talk off topic included
# So much talk off topic may be acted on as something that is no legal or care intent,
# and so much as one; the talk learnt from is mostly near misses.
OFF, CARE_OFF = 0.015, 0.035
OFF_COUNTS = 3.0  # an answer to talk off topic is so much worse than a wrong answer
GUESS = 0.25
SOFT = 0.1  # keeps the weights of traits from growing without end
Odds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence, what it may mean, its scores, and the rules that hold for it."""

    text: str
    means: frozenset[str]
    heard: bool
    score: dict[str, float]
    legal: list[str]
    rules: list[str]
    admissible: set[str]  # where it may be said


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
    score = taken_back(score, taken)
    return Judged(text, means, heard, score, legal, rules, set(STAGES[stage]))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of each sentence, with given points for rules: what was likeliest."""

    right: NDArray[np.bool_]
    done: NDArray[np.bool_]  # what was likeliest may be acted on at all
    traits: NDArray[np.float64]
    scope: NDArray[np.bool_]  # means something
    care: NDArray[np.bool_]  # the likeliest is a legal or care intent
    wants_care: NDArray[np.bool_]


def outcome(judged: Sequence[Judged], legal: float, rule: float) -> Outcome:
    points = Limits(0, 0, 0, legal, rule, ())
    rows = []
    for one in judged:
        best, scores = ranked(one.score, one.admissible, one.legal, one.rules, points)
        done = best != "unknown" and best in one.admissible
        means = one.means | (set(LATER) if one.means & set(LATER) else set())
        rows.append(
            (
                done and best in means and "unknown" not in one.means,
                done,
                traits(best, scores, [*one.legal, *one.rules]),
                "unknown" not in one.means,
                best in LEGAL,
                bool(one.means & CARE),
            )
        )
    return Outcome(*(np.array(column) for column in zip(*rows, strict=True)))


def weights(found: Outcome) -> Odds:
    """Of the traits, so that their sum is the log odds of being right (logistic
    regression, Newton's steps)."""
    x, y = found.traits, found.right.astype(float)
    counts = np.where(found.scope, 1.0, OFF_COUNTS) * found.done
    w = np.zeros(x.shape[1])
    for _ in range(40):
        chance = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        slope = x.T @ (counts * (y - chance)) - SOFT * w
        curve = (x * (counts * chance * (1 - chance))[:, None]).T @ x
        w += np.linalg.solve(curve + SOFT * np.eye(len(w)), slope)
    return w


def figures(found: Outcome, limits: Limits) -> dict[str, float]:
    """As INTENTS defines them, shares from 0 to 1."""
    odds = found.traits @ np.array(limits.weights)
    acted = found.done & (odds >= np.where(found.care, limits.care, limits.act))
    scope = found.scope
    return {
        "precision": float(found.right[acted & scope].mean()),
        "coverage": float(acted[scope].mean()),
        "care_recall": float((acted & found.right)[found.wants_care].mean()),
        "off_acted": float(acted[~scope].mean()),
    }


def least(found: Outcome, odds: Odds, of: NDArray[np.bool_], precision: float) -> float:
    """The lowest odds from which on that share of `of` is right."""
    order = np.argsort(-odds, kind="stable")
    order = order[(of & found.done)[order]]
    share = np.cumsum(found.right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= precision)
    return float(odds[order[enough[-1]]]) if len(enough) else float(odds.max())


def strict(found: Outcome, odds: Odds, of: NDArray[np.bool_], share: float) -> float:
    """The lowest odds from which on at most `share` of talk off topic is acted on as
    something that is `of` a kind."""
    off = ~found.scope
    wrong = np.sort(odds[off & found.done & of])[::-1]
    spare = int(share * off.sum())
    return float(wrong[spare]) + 1e-6 if len(wrong) > spare else -np.inf


def calibrated(judged: Sequence[Judged]) -> Limits:
    """The points with which most is acted on and most legal and care intents are found
    at the precision wanted, and the limits for it. A rule's points stay so few that
    with a strange sentence it cannot act by itself. Prints what they come to on
    sentences never seen."""
    best, most = Limits(1, 1, GUESS, 0, 0, ()), 0.0
    for legal, rule in itertools.product((0.2, 0.4, 0.6), (0.1, 0.2, 0.3)):
        found = outcome(judged, legal, rule)
        w = weights(found)
        odds = found.traits @ w
        act = least(found, odds, found.scope & ~found.care, PRECISION)
        act = max(act, strict(found, odds, ~found.care, OFF))
        care = least(found, odds, found.care, CARE_PRECISION)
        care = max(care, strict(found, odds, found.care, CARE_OFF))
        limits = Limits(act, care, GUESS, legal, rule, tuple(map(float, w)))
        shares = figures(found, limits)
        if (worth := shares["coverage"] + shares["care_recall"]) > most:
            best, most = limits, worth
    found = outcome(judged, best.legal, best.rule)
    print(f"  limits {best}")
    for name, share in figures(found, best).items():
        print(f"  {name:12} {share:.3f}")
    return best
