"""How often: calls that count against a rule now, and when few enough will.

Time alone only ever lets calls drop out of a period, so each rule has one instant
from which it allows again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.compliance.localtime import MICROSECOND, day_start
from dialer.compliance.rules import Cap
from dialer.model import Case, PastCall

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Counted:
    """The calls that count now; with more than `cap.before` the rule refuses."""

    cap: Cap
    calls: tuple[PastCall, ...]

    @property
    def refuses(self) -> bool:
        return len(self.calls) > self.cap.before


def count(cap: Cap, case: Case, now: datetime, infos: Sequence[ZoneInfo]) -> Counted:
    """A call counts for a number or account it does not name: unknown means yes."""
    first = since(cap, now, infos)
    directions, outcomes = cap.directions, cap.outcomes
    found = [
        call
        for call in case.history
        if call.at >= first
        and call.outcome in outcomes
        and call.direction in directions
    ]
    if cap.per == "account":
        found = [c for c in found if not c.account or c.account == case.account]
    elif cap.per == "number":
        found = [c for c in found if not c.number or c.number == case.number]
    return Counted(cap, tuple(found))


def free_at(counted: Counted, infos: Sequence[ZoneInfo]) -> datetime:
    """When all but `cap.before` of the calls have left the period, in every zone."""
    cap = counted.cap
    # calls leave in the order in which they were made
    begun = sorted((call.at for call in counted.calls), reverse=True)
    return _leaves(cap, begun[cap.before], infos)


def why(counted: Counted) -> str:
    """The numbers compared."""
    cap, found = counted.cap, len(counted.calls)
    last = max(call.at for call in counted.calls).astimezone(UTC)
    what = f"{' or '.join(cap.outcomes)} ({'/'.join(cap.directions)})"
    return (
        f"{found} {what} with this {cap.per} in {_period(cap)}, "
        f"at most {cap.before} may come before another; last {last.isoformat()}"
    )


def _period(cap: Cap) -> str:
    days = f"{cap.days} local day{'s' * (cap.days > 1)}" if cap.days else ""
    hours = f"{cap.hours} hours" if cap.hours else ""
    return " or ".join(filter(None, (days, hours)))


def since(cap: Cap, now: datetime, infos: Sequence[ZoneInfo]) -> datetime:
    """The period's first instant. A call made `hours` ago to the microsecond has left
    it: periods end like windows, end-exclusive."""
    starts: list[datetime] = []
    if cap.hours:
        starts.append(now - timedelta(hours=cap.hours) + MICROSECOND)
    if cap.days:
        back = (cap.days - 1) * DAY
        starts += [day_start(i.key, now.astimezone(i).date() - back) for i in infos]
    return min(starts)


def _leaves(cap: Cap, at: datetime, infos: Sequence[ZoneInfo]) -> datetime:
    ends = [at + timedelta(hours=cap.hours)] if cap.hours else []
    if cap.days:
        ahead = cap.days * DAY
        ends += [day_start(i.key, at.astimezone(i).date() + ahead) for i in infos]
    return max(ends)
