"""At which local hour are people of a campaign reached? Learnt from its own calls.

Hours with few calls are drawn towards the campaign's mean, so that one lucky call makes
no best hour; the same figures give the same hour. Only hours in which we have called
are known, and the gate has let those calls through: nothing lawless can be learnt, and
the gate judges the next attempt again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dialer.store.port import Reached

ENOUGH = 100  # calls in all, before an hour is called the best
EACH = 20  # calls in an hour, before it can be
WEIGHT = 50.0  # calls at the campaign's mean, added to each hour
DAYS = 35  # older calls say nothing


@dataclass(frozen=True, slots=True)
class Best:
    """The hour, and what it rests on."""

    hour: int  # local, 0-23
    dialed: int
    spoke: int

    @property
    def why(self) -> str:
        share = 100 * self.spoke / self.dialed
        return f"{self.hour:02}:00, where {share:.0f} % of {self.dialed} were reached"

    def after(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The first instant of this hour in `zone` at or after `at`; `at` itself while
        the hour runs."""
        local = at.astimezone(zone)
        if local.hour == self.hour:
            return at
        day = local.date() + timedelta(days=local.hour > self.hour)
        return datetime.combine(day, time(self.hour), zone).astimezone(UTC)


def best(found: Iterable[Reached]) -> Best | None:
    """The hour with the highest smoothed share, the earliest of equals; None: too
    little is known."""
    dialed, spoke = Counter[int](), Counter[int]()
    for one in found:
        if one.zone:
            hour = one.hour.astimezone(ZoneInfo(one.zone)).hour
            dialed[hour] += one.dialed
            spoke[hour] += one.spoke
    if dialed.total() < ENOUGH:
        return None
    mean = spoke.total() / dialed.total()
    known = [hour for hour in sorted(dialed) if dialed[hour] >= EACH]
    if not known:
        return None

    def share(hour: int) -> float:
        return (spoke[hour] + WEIGHT * mean) / (dialed[hour] + WEIGHT)

    top = max(known, key=share)
    return Best(top, dialed[top], spoke[top])
