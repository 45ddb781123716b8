"""The limits of the classifier, from what it says of sentences it has not seen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ivr.classifier import (
    KINDS,
    LATER,
    ODDS,
    Limits,
    guessed,
    ranked,
    taken_back,
    traits,
)
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
# Of what a recogniser wrote: so much of all that is acted on is right, and of legal and
# care intents, and at most so much talk off topic is acted on.
HEARD_PRECISION, HEARD_CARE_PRECISION, HEARD_OFF = 0.97, 0.94, 0.03
HIGHEST, STEP = 6.0, 0.05  # of odds tried
# A guess is asked about where it is right at least so often; to ask whether they meant
# a legal or care intent protects them.
GUESS, GUESS_CARE = 0.40, 0.25
SOFT = 0.1  # keeps the weights of traits from growing without end
Odds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence, what it may mean, its scores, and the rules that hold for it.
    `made` up as if heard (`bench.mishear`); `apart`: not among those learnt from."""

    text: str
    means: frozenset[str]
    heard: bool
    made: bool
    apart: bool
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
    made: bool = False,
    apart: bool = False,
    score: dict[str, float],
) -> Judged:
    """What the rules say of it, in a stage where what it means is admissible."""
    stage = 1 if means & STAGED[1] else 4
    found = values(text, language, NOW)
    legal, rules, taken = spoken_for(text, language, STAGES[stage], found)
    score = taken_back(score, taken)
    here = set(STAGES[stage])
    return Judged(text, means, heard, made, apart, score, legal, rules, here)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of each sentence, with given points for rules: what was likeliest, and which
    of those that can be asked about."""

    right: NDArray[np.bool_]
    done: NDArray[np.bool_]  # what was likeliest may be acted on at all
    traits: NDArray[np.float64]
    scope: NDArray[np.bool_]  # means something
    care: NDArray[np.bool_]  # the likeliest is a legal or care intent
    wants_care: NDArray[np.bool_]
    guess_right: NDArray[np.bool_]
    guess_traits: NDArray[np.float64]
    guess_care: NDArray[np.bool_]


def outcome(judged: Sequence[Judged], legal: float, rule: float) -> Outcome:
    points = Limits(0, 0, 0, 0, legal, rule, ())
    rows = []
    for one in judged:
        best, scores = ranked(one.score, one.admissible, one.legal, one.rules, points)
        done = best != "unknown" and best in one.admissible
        means = one.means | (set(LATER) if one.means & set(LATER) else set())
        scope, supported = "unknown" not in one.means, [*one.legal, *one.rules]
        guess = guessed(scores, one.admissible)
        rows.append(
            (
                done and best in means and scope,
                done,
                traits(best, scores, supported),
                scope,
                best in LEGAL,
                bool(one.means & CARE),
                guess in means and scope,
                traits(guess, scores, supported),
                guess in LEGAL,
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
    acted, asked, scope = acts(found, limits), asks(found, limits), found.scope
    kept = (acted & found.right) | (asked & found.guess_right)
    return {
        "precision": float(found.right[acted & scope].mean()),
        "coverage": float(acted[scope].mean()),
        "care_recall": float((acted & found.right)[found.wants_care].mean()),
        "care_kept": float(kept[found.wants_care].mean()),
        "off_acted": float(acted[~scope].mean()),
        "asked": float(asked[scope].mean()),
        "off_asked": float(asked[~scope].mean()),
        "asked_right": float(found.guess_right[asked].mean()),
        "care_asked_right": float(found.guess_right[asked & found.guess_care].mean()),
    }


def acts(found: Outcome, limits: Limits) -> NDArray[np.bool_]:
    """Which sentences would be acted on."""
    odds = found.traits @ np.array(limits.weights)
    sure: NDArray[np.bool_] = odds >= np.where(found.care, limits.care, limits.act)
    return sure & found.done


def asks(found: Outcome, limits: Limits) -> NDArray[np.bool_]:
    """Which would be asked back about."""
    odds = found.guess_traits @ np.array(limits.weights)
    least = np.where(found.guess_care, limits.guess_care, limits.guess)
    worth: NDArray[np.bool_] = odds >= least
    return worth & ~acts(found, limits)


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
    best, most = Limits(1, 1, 0, 0, 0, 0, ()), 0.0
    for legal, rule in itertools.product((0.2, 0.4, 0.6), (0.1, 0.2, 0.3)):
        found = outcome(judged, legal, rule)
        w = weights(found)
        odds = found.traits @ w
        act = least(found, odds, found.scope & ~found.care, PRECISION)
        act = max(act, strict(found, odds, ~found.care, OFF))
        care = least(found, odds, found.care, CARE_PRECISION)
        care = max(care, strict(found, odds, found.care, CARE_OFF))
        limits = Limits(act, care, 0, 0, legal, rule, tuple(map(float, w)))
        shares = figures(found, limits)
        if (worth := shares["coverage"] + shares["care_recall"]) > most:
            best, most = limits, worth
    return guessing(outcome(judged, best.legal, best.rule), best)


def guessing(found: Outcome, limits: Limits) -> Limits:
    """The same with the odds from which on a guess is right often enough, of the
    sentences that would not be acted on."""
    odds = found.guess_traits @ np.array(limits.weights)
    left = ~acts(found, limits)
    plain, care = left & ~found.guess_care, left & found.guess_care
    return replace(
        limits,
        guess=rising(odds[plain], found.guess_right[plain], GUESS),
        guess_care=rising(odds[care], found.guess_right[care], GUESS_CARE),
    )


def rising(odds: Odds, right: NDArray[np.bool_], share: float) -> float:
    """The odds from which on so many are right, not on average but at those odds: the
    best curve that never falls (pool adjacent violators)."""
    order = np.argsort(odds, kind="stable")
    steps: list[tuple[float, int, float]] = []  # right, of how many, lowest odds
    for one, good in zip(odds[order], right[order], strict=True):
        hit, many, lowest = float(good), 1, float(one)
        while steps and steps[-1][0] * many >= hit * steps[-1][1]:
            before = steps.pop()
            hit, many, lowest = hit + before[0], many + before[1], before[2]
        steps.append((hit, many, lowest))
    return next((low for hit, n, low in steps if hit >= share * n), HIGHEST)


def for_heard(judged: Sequence[Judged], limits: Limits) -> Limits:
    """Limits for what a recogniser wrote: of those that keep to what is wanted, the
    pair that acts rightly most often. On the copies really heard; for talk off topic,
    of which few were, also on those made up. None is less than for what was typed."""
    real = [one for one in judged if not one.made]
    found = outcome(real, limits.legal, limits.rule)
    off = [one for one in judged if "unknown" in one.means]
    talk = outcome(off, limits.legal, limits.rule)
    best, most = replace(limits, act=HIGHEST, care=HIGHEST), 0
    acting = np.arange(limits.act, HIGHEST, STEP)
    for act, care in itertools.product(acting, np.arange(limits.care, HIGHEST, STEP)):
        tried = replace(limits, act=float(act), care=float(care))
        acted = acts(found, tried)
        right = int((acted & found.right).sum())
        legal = acted & found.care & found.scope
        if (
            right > most
            and right >= HEARD_PRECISION * (acted & found.scope).sum()
            and found.right[legal].sum() >= HEARD_CARE_PRECISION * legal.sum()
            and acted[~found.scope].mean() <= HEARD_OFF
            and acts(talk, tried).mean() <= HEARD_OFF
        ):
            best, most = tried, right
    sure = guessing(found, best)  # what typed would be done is at least asked about
    return replace(sure, guess_care=min(sure.guess_care, limits.care))


def show(name: str, found: Outcome, limits: Limits) -> None:
    print(f"  {name}: {len(found.right)} sentences, {int((~found.scope).sum())} off")
    odds = {name: round(getattr(limits, name), 2) for name in ODDS}
    print(f"    {odds}")
    for what, share in figures(found, limits).items():
        print(f"    {what:16} {share:.3f}")


def typed(judged: Sequence[Judged]) -> list[Judged]:
    """Those that the points and limits for written text rest on, heard copies too."""
    return [one for one in judged if not one.made and not one.apart]


def limited(every: Sequence[Judged], limits: Limits) -> dict[str, Limits]:
    """The limits of each kind of text; prints what they come to on sentences unseen."""
    said, far = typed(every), [one for one in every if one.heard]
    real = [one for one in far if not one.made]
    all_of = outcome(said, limits.legal, limits.rule)
    odds = dict(
        zip(KINDS, (guessing(all_of, limits), for_heard(far, limits)), strict=True)
    )
    show("all, as written", all_of, odds["written"])
    found = outcome(real, limits.legal, limits.rule)
    show("heard, as if written", found, odds["written"])
    show("heard", found, odds["heard"])
    made = [one for one in far if "unknown" in one.means]
    off = outcome(made, limits.legal, limits.rule)
    print(f"  off topic heard or as if, {len(made)}: acted on, as if written / heard:")
    print("   ", *(f"{float(acts(off, odds[kind]).mean()):.3f}" for kind in KINDS))
    return odds
