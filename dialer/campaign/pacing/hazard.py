"""When something under way will end: learnt from what ended, and from what goes on.

A hazard is the chance that what has lasted so long ends within the next bin. It is the
product-limit estimate (Kaplan and Meier, 1958): what is still alive counts as being at
risk, so that quick ends, which are seen first, do not pass for frequent ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Hazard:
    """Ends by cause, counted in bins of `width` seconds; the last bin has no end.

    prior: hazards that are believed at first, (causes, bins). `weight`: how many
    observations in each bin they are worth. `memory`: older observations fade, so that
    about so many are believed.
    """

    def __init__(
        self, prior: Floats, width: float, *, weight: float, memory: float
    ) -> None:
        self.width = width
        self._prior = prior
        self._weight = weight
        self._memory = memory
        self._ends = np.zeros_like(prior)
        self._seen = 0.0

    @property
    def bins(self) -> int:
        return int(self._prior.shape[1])

    def ended(self, seconds: float, cause: int = 0) -> None:
        """One lasted `seconds`."""
        self._ends[cause, min(int(seconds / self.width), self.bins - 1)] += 1.0
        self._seen += 1.0

    def rates(self, alive: Sequence[float] = ()) -> Floats:
        """Hazards, (causes, bins). `alive`: how long each one under way has lasted."""
        if self._seen > self._memory:
            self._ends *= self._memory / self._seen
            self._seen = self._memory
        left = self._ends.sum(0)
        if alive:
            ages = np.minimum(np.array(alive) / self.width, self.bins - 1).astype(int)
            left = left + np.bincount(ages, minlength=self.bins)
        at_risk = left[::-1].cumsum()[::-1]
        found = self._ends + self._weight * self._prior
        return np.asarray(found / (at_risk + self._weight)[None, :])


def survival(rates: Floats) -> Floats:
    """The chance to reach the start of each bin, (bins + 1,)."""
    kept = np.clip(1.0 - rates.sum(0), 0.0, 1.0)
    return np.concatenate(([1.0], kept.cumprod()))


def steady(mean: float, width: float, bins: int) -> Floats:
    """A hazard that does not change with age, (1, bins): "we know the mean only"."""
    return np.full((1, bins), 1.0 - np.exp(-width / mean))
