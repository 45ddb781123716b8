"""What is believed of answers, of ringing and of how long agents take. Learnt online.

Of agents the worst is believed until it is seen otherwise: whoever has talked for as
long as nobody before is not expected to come free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialer.campaign.pacing.hazard import Hazard, steady, survival

Floats = NDArray[np.float64]

RING = 1.0  # seconds a bin
WORK = 2.0
LONGEST = 1200.0  # seconds of talk told apart
#: Of the time ahead, seconds: bins in which callees may answer.
EDGES = np.array([0.0, 4.0, 8.0, 12.0, 18.0, 60.0])
LIVE, OTHER = 0, 1


@dataclass(frozen=True, slots=True)
class Priors:
    """What is believed before anything was seen; it fades with the first calls."""

    live_rate: float = 0.2
    ring_s: float = 28.0  # a call that nobody takes ends then
    weight: float = 4.0  # observations, in each bin
    memory: float = 1500.0  # calls
    caution: float = 1.0  # standard errors of the live rate that are added to it


class Beliefs:
    """Counts in, tables out. `patience`: seconds a callee waits for an agent."""

    def __init__(self, priors: Priors, patience: float) -> None:
        self._priors = priors
        self._patience = patience
        bins = int(priors.ring_s / RING) + 6
        quick = steady(priors.ring_s / 2, RING, bins)
        prior = np.concatenate(
            (quick * priors.live_rate, quick * (1.0 - priors.live_rate))
        )
        kept = {"weight": priors.weight, "memory": priors.memory}
        work = int(LONGEST / WORK)
        self._ring = Hazard(prior, RING, **kept)
        never = np.zeros((1, work))
        self._talk = Hazard(never, WORK, **kept)
        self._wrap = Hazard(never[:, : work // 4], WORK, **kept)
        self._calls = 0
        self.live_rate = priors.live_rate
        self.learn((), (), ())

    def call_ended(self, seconds: float, *, live: bool) -> None:
        """A call stopped ringing: `live`, someone answered who wants an agent."""
        self._calls += 1
        self._ring.ended(seconds, LIVE if live else OTHER)

    def talk_ended(self, seconds: float) -> None:
        self._talk.ended(seconds)

    def wrap_ended(self, seconds: float) -> None:
        self._wrap.ended(seconds)

    def learn(
        self,
        ringing: Sequence[float],
        talking: Sequence[float],
        wrapping: Sequence[float],
    ) -> None:
        """Work the tables out anew. Given: how long each one under way has lasted."""
        self._learn_ring(self._ring.rates(ringing))
        self._learn_work(self._talk.rates(talking), self._wrap.rates(wrapping))

    def _learn_ring(self, rates: Floats) -> None:
        alive = survival(rates)
        live = np.concatenate(([0.0], (alive[:-1] * rates[LIVE]).cumsum()))
        self.live_rate = float(live[-1])
        sure = min(self._calls, self._priors.memory) + self._priors.weight
        error = (self.live_rate * (1.0 - self.live_rate) / sure) ** 0.5
        surer = 1.0 + self._priors.caution * error / max(self.live_rate, 1e-3)
        ages = np.arange(rates.shape[1])
        ahead = np.minimum(ages[:, None] + EDGES[None, :].astype(int), rates.shape[1])
        chances = np.diff(live[ahead], axis=1) / np.maximum(alive[:-1, None], 1e-9)
        self._answers = np.minimum(chances * surer, 1.0)

    def _learn_work(self, talk: Floats, wrap: Floats) -> None:
        until = EDGES[:-1] + self._patience
        done = 1.0 - survival(wrap)  # of a wrap-up that begins now
        self._wrapped = _ended_by(survival(wrap), until)
        alive = survival(talk)
        ends = alive[:-1] * talk[0]
        bins = len(ends)
        found = np.zeros((bins, len(until)))
        padded = np.concatenate((ends, np.zeros(64)))
        for column, seconds in enumerate(until):
            for ahead in range(int(seconds / WORK)):
                chance = done[int(seconds / WORK) - ahead]
                found[:, column] += padded[ahead : ahead + bins] * chance
        self._freed = np.minimum(found / np.maximum(alive[:-1, None], 1e-9), 1.0)

    def answers(self, ringing: Sequence[float]) -> Floats:
        """Callees expected to answer, in each bin ahead, of calls that have rung so
        long."""
        return _of(self._answers, ringing, RING)

    def releases(self, talking: Sequence[float], wrapping: Sequence[float]) -> Floats:
        """Agents expected to come free in time for each bin, but not for the one
        before."""
        freed = _of(self._freed, talking, WORK) + _of(self._wrapped, wrapping, WORK)
        freed[1:] -= freed[:-1].copy()
        return freed


def _ended_by(alive: Floats, until: Floats) -> Floats:
    """The chance to have ended within `until` more seconds, by age, (bins, until)."""
    bins = len(alive) - 1
    ahead = np.arange(bins)[:, None] + (until / WORK).astype(int)[None, :]
    later = alive[np.minimum(ahead, bins)]
    return np.asarray(1.0 - later / np.maximum(alive[:-1, None], 1e-9))


def _of(table: Floats, ages: Sequence[float], width: float) -> Floats:
    if not ages:
        return np.zeros(table.shape[1])
    bins = np.minimum(np.array(ages) / width, len(table) - 1).astype(int)
    return np.asarray(table[bins].sum(0))
