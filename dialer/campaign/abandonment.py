"""A campaign's abandoned calls as the ledger has them, by each definition we hold to.

The account that pacing spends from: it is read anew, so that it survives a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dialer.campaign.pacing.ceiling import CEILINGS, Standing, Tally, standing
from dialer.store.port import Reached


def tallies(found: Iterable[Reached]) -> list[Tally]:
    """Everybody who answered: those who were talked with, and those who were not."""
    return [
        Tally(one.hour, one.spoke + one.abandoned, one.abandoned)
        for one in found
        if one.spoke or one.abandoned
    ]


def standings(found: Iterable[Reached], now: datetime) -> list[Standing]:
    """One for each ceiling, in their order."""
    counted = tallies(found)
    return [standing(counted, now, (ceiling,)) for ceiling in CEILINGS]
