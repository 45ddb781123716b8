"""How many of the calls under way will find nobody free: bounds, not a ratio.

In each bin of the time ahead some callees answer and some agents come free. A callee
is lost when nobody is free within the patience. Two upper bounds are taken, and the
lower of them counts:

- **Walk.** The number of free agents is a walk on 0, 1, 2, ... with a step up for each
  agent and one down for each callee; a step down from 0 is a callee lost. It is worked
  out exactly for increments that are Poisson and independent between bins. A real call
  answers once at most and a real agent comes free once at most; their sums spread less
  than Poisson sums, and the number lost is convex and supermodular in them, so the
  walk loses at least as many on average (convex order; Shaked and Shanthikumar,
  "Stochastic Orders", 2007, chapters 3 and 7).
- **Nobody comes free.** The lost are those beyond the free agents, of callees whose
  number is binomial (Hoeffding 1956: of all sums of as many chances with the same
  mean, that of equal chances spreads most).

Rates are rounded, arrivals up and releases down, by less than 4 %: tables are kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP = math.log(1.04)
LEAST = 1e-4  # calls; fewer expected in a bin count as so many
SIZES = (12, 24, 48, 96, 160)  # of the walk; a longer lead counts as the longest
FEW = 60  # calls under way, up to which the second bound is worked out


def expected_lost(
    lead: int, arrivals: Sequence[float], releases: Sequence[float], calls: int
) -> float:
    """Upper bound of the mean number lost.

    lead: agents free now less callees who wait now (may be below 0).
    arrivals[i]: callees expected to answer in bin i, of `calls` under way.
    releases[i]: agents expected to come free after bin i-1's and before bin i's callees
    lose patience.
    """
    waiting = max(0, -lead)
    walk = _walk(max(0, lead), (arrivals[0] + waiting, *arrivals[1:]), releases)
    if lead <= 0 or calls > FEW:
        return walk
    return min(walk, beyond(calls, math.fsum(arrivals), lead))


def _walk(lead: int, arrivals: Sequence[float], releases: Sequence[float]) -> float:
    up = math.fsum(releases)
    wanted = lead + up + 4.0 * math.sqrt(up) + 2
    size = next((s for s in SIZES if s >= wanted), SIZES[-1])
    here = np.zeros(size)
    here[min(lead, size - 1)] = 1.0
    lost = 0.0
    for came, freed in zip(arrivals, releases, strict=True):
        if freed > LEAST:
            here = here @ _up(math.floor(math.log(freed / LEAST) / STEP), size)
        if came > LEAST:
            down, short = _down(math.ceil(math.log(came / LEAST) / STEP), size)
            lost += float(here @ short)
            here = here @ down
    return lost


@lru_cache(maxsize=4096)
def _up(step: int, size: int) -> Floats:
    """The walk's matrix for Poisson agents coming free."""
    chances = _poisson(LEAST * math.exp(step * STEP), size)
    found = np.zeros((size, size))
    for row in range(size):
        found[row, row:] = chances[: size - row]
        found[row, -1] += max(0.0, 1.0 - found[row].sum())
    return found


@lru_cache(maxsize=4096)
def _down(step: int, size: int) -> tuple[Floats, Floats]:
    """For Poisson callees: the walk's matrix, and how many are lost from each place."""
    mean = LEAST * math.exp(step * STEP)
    chances = _poisson(mean, size)
    found = np.zeros((size, size))
    short = np.zeros(size)
    for row in range(size):
        found[row, : row + 1] = chances[row::-1]
        found[row, 0] = max(0.0, 1.0 - chances[:row].sum())
        # E(N - r)+ = mean - r + sum over n < r of (r - n) P(n)
        short[row] = mean - row + float(chances[:row] @ np.arange(row, 0, -1))
    return found, np.maximum(short, 0.0)


def _poisson(mean: float, size: int) -> Floats:
    n = np.arange(size)
    logs = np.concatenate(([0.0], np.log(n[1:]).cumsum()))
    return np.asarray(np.exp(n * math.log(mean) - mean - logs))


def beyond(calls: int, mean: float, free: int) -> float:
    """E(B - free)+ for B binomial of `calls` chances, `mean` expected (rounded up)."""
    if calls <= free:
        return 0.0
    return _beyond(calls, min(1.0, math.ceil(mean / calls * 250) / 250), free)


@lru_cache(maxsize=65536)
def _beyond(calls: int, chance: float, free: int) -> float:
    if chance >= 1.0:
        return float(calls - free)
    odds, part, below = chance / (1.0 - chance), (1.0 - chance) ** calls, 0.0
    for n in range(free):
        below += (free - n) * part
        part *= odds * (calls - n) / (n + 1)
    return max(0.0, calls * chance - free + below)
