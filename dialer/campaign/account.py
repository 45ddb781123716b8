"""A campaign's account of abandoned calls while it runs: the ledger's, and calls that
are not in it yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from dialer.campaign.abandonment import tallies
from dialer.campaign.pacing.ceiling import CEILINGS, Ceiling, Standing, Tally, standing
from dialer.store.port import Reached

Read = Callable[[], Awaitable[Iterable[Reached]]]


def ceilings(at_most: float) -> tuple[Ceiling, ...]:
    """Those of the regulators, or stricter: a campaign may ask for less, not more."""
    return tuple(replace(c, share=min(c.share, at_most)) for c in CEILINGS)


@dataclass(slots=True)
class _Call:
    at: datetime
    abandoned: bool = False
    written: float | None = None  # when the ledger had it


@dataclass
class Account:
    """`read`: what the ledger has of this campaign, other nodes' calls included."""

    read: Read
    ceilings: Sequence[Ceiling]
    _known: list[Tally] = field(default_factory=list)
    _calls: dict[str, _Call] = field(default_factory=dict)

    async def refresh(self, asked: float) -> None:
        """`asked`: now, by the stopwatch. StoreDown."""
        self._known = tallies(await self.read())
        for name in [n for n, c in self._calls.items() if _in(c, asked)]:
            del self._calls[name]

    def answered(self, attempt: str, at: datetime) -> None:
        self._calls[attempt] = _Call(at)

    def abandoned(self, attempt: str) -> None:
        self._calls[attempt].abandoned = True

    def nobody(self, attempt: str) -> None:
        """It was a machine: it counts for nothing."""
        self._calls.pop(attempt, None)

    def written(self, attempt: str, at: float) -> None:
        if attempt in self._calls:
            self._calls[attempt].written = at

    def standings(self, now: datetime) -> list[Standing]:
        """One for each ceiling, in their order."""
        tallied = [*self._known, *map(_tally, self._calls.values())]
        return [standing(tallied, now, (ceiling,)) for ceiling in self.ceilings]

    def standing(self, now: datetime) -> Standing:
        """The strictest."""
        return min(self.standings(now), key=lambda one: one.credit)


def _in(call: _Call, asked: float) -> bool:
    return call.written is not None and call.written <= asked


def _tally(call: _Call) -> Tally:
    return Tally(call.at, 1, int(call.abandoned))
