"""People who do not exist, and what each does when called for the n-th time.

What a person does depends on the seed, the person's place on the list and how often
they have been called: never on the mode, the order or the moment of dialing. So two
modes that are compared have met the same people (common random numbers).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dialer.model import Disposition
from dialer.simulate.parameters import Parameters

BLOCK = 4096  # people drawn together


class Answer(IntEnum):
    LIVE = 0
    NO_ANSWER = 1
    MACHINE = 2
    BUSY = 3
    UNALLOCATED = 4


class Reaction(NamedTuple):
    """To one call. `after`: seconds from dialing to the answer, or to its end; `talk`,
    `wrap`: seconds, if a person answers and an agent takes it; `found`: a machine
    that is known for one in time."""

    answer: Answer
    after: float
    talk: float
    wrap: float
    end: Disposition
    found: bool


class People:
    """`reaction(person, n)` for the n-th call (from 0) to a person of the list."""

    def __init__(
        self, seed: int, live_rate: float, talk: float, wrap: float, given: Parameters
    ) -> None:
        self._seed = seed
        self._live = live_rate
        self._talk, self._wrap = talk, wrap
        self._given = given
        self._blocks: dict[tuple[int, int], list[Reaction]] = {}
        ends = given.ends.model_dump()
        self._ends = [Disposition(name) for name in ends]
        self._end_bounds = np.cumsum(list(ends.values()))

    def reaction(self, person: int, n: int) -> Reaction:
        block, place = divmod(person, BLOCK)
        found = self._blocks.get((n, block))
        if found is None:
            found = self._blocks[n, block] = self._draw(n, block)
        return found[place]

    def _draw(self, n: int, block: int) -> list[Reaction]:
        chance = np.random.default_rng([self._seed, n, block])
        given, size = self._given, BLOCK
        answers = self._answers(chance.random(size))
        answers, after = self._after(chance, answers)
        spread = given.work
        talk = _lognormal(chance.standard_normal(size), self._talk, spread.talk_spread)
        wrap = _lognormal(chance.standard_normal(size), self._wrap, spread.wrap_spread)
        which = np.searchsorted(self._end_bounds, chance.random(size), side="right")
        which = np.minimum(which, len(self._ends) - 1)
        found = chance.random(size) < given.machine.found
        columns = (answers, after, talk, wrap, which, found)
        return [
            Reaction(Answer(a), s, t, w, self._ends[e], f)
            for a, s, t, w, e, f in zip(*(c.tolist() for c in columns), strict=True)
        ]

    def _answers(self, draws: NDArray[np.float64]) -> NDArray[np.int64]:
        rest = np.array(list(self._given.answers.model_dump().values()))
        shares = np.concatenate(([self._live], (1.0 - self._live) * rest))
        found = np.searchsorted(shares.cumsum(), draws, side="right")
        return np.minimum(found, len(shares) - 1)

    def _after(
        self, chance: np.random.Generator, answers: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """A machine that would answer after we have given up does not answer."""
        ring = self._given.ring
        size, most = len(answers), ring.ring_seconds
        live = _gamma(chance, ring.live_mean_s, ring.live_spread, size)
        machine = _gamma(chance, ring.machine_mean_s, ring.machine_spread, size)
        found = np.select(
            [answers == a for a in Answer],
            [
                # a live rate is of those who answer in time: none is cut off by it
                np.where(live < most, live, most * chance.random(size)),
                np.full(size, most),
                np.minimum(machine, most),
                np.full(size, ring.busy_s),
                np.full(size, ring.unallocated_s),
            ],
        )
        late = (answers == Answer.MACHINE) & (machine >= most)
        return np.where(late, Answer.NO_ANSWER, answers), found + ring.setup_s


def _gamma(
    chance: np.random.Generator, mean: float, spread: float, size: int
) -> NDArray[np.float64]:
    shape = spread**-2
    return chance.gamma(shape, mean / shape, size)


def _lognormal(
    draws: NDArray[np.float64], mean: float, spread: float
) -> NDArray[np.float64]:
    """With this mean; `spread` is the standard deviation over the mean."""
    variance = np.log1p(spread**2)
    return np.asarray(mean * np.exp(draws * variance**0.5 - variance / 2))
