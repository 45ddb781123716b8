"""How many more callees may be lost: each regulator's own definition, the strictest.

The account is kept in calls. With A callees answered and B of them lost in a period,
`share * A - B` more may be lost; below zero nothing is placed that could be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Ceiling:
    """At most `share` of the live answers of the last `hours` (None: of all)."""

    rule: str  # the id of the rule in config/packs it comes from
    share: float
    hours: int | None


#: US: 30 days a campaign (16 CFR 310.4(b)(4)(i)); GB: 24 hours a campaign (Ofcom's
#: superseded guidance); ours: the whole campaign, so that no period hides another.
CEILINGS = (
    Ceiling("us.abandonment", 0.03, 30 * 24),
    Ceiling("gb.misuse", 0.03, 24),
    Ceiling("accord.abandonment", 0.03, None),
)


@dataclass(frozen=True, slots=True)
class Tally:
    """Live answers from `at` on (for up to an hour), and how many of them were lost."""

    at: datetime
    answered: int
    abandoned: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Of the ceiling that leaves least: `credit` calls may yet be lost."""

    ceiling: Ceiling
    answered: int
    abandoned: int

    @property
    def credit(self) -> float:
        return self.ceiling.share * self.answered - self.abandoned


def standing(
    tallies: Iterable[Tally], now: datetime, ceilings: Sequence[Ceiling] = CEILINGS
) -> Standing:
    """The strictest of the ceilings as it stands at `now`."""
    kept = tuple(tallies)
    return min((_one(c, kept, now) for c in ceilings), key=lambda s: s.credit)


def _one(ceiling: Ceiling, tallies: Sequence[Tally], now: datetime) -> Standing:
    hours = ceiling.hours
    since = None if hours is None else now - timedelta(hours=hours)
    counted = [t for t in tallies if since is None or t.at > since]
    return Standing(
        ceiling, sum(t.answered for t in counted), sum(t.abandoned for t in counted)
    )
