"""Due dates: month by month, never on a day on which nobody can pay."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

Closed = Callable[[date], bool]
ClosedIn = Callable[[str], Closed]  # by where they are: "CN", "US-NY"; "" not known
LONGEST_CLOSED = 31  # days; a calendar that is closed for longer is wrong


def weekend(day: date) -> bool:
    return day.weekday() >= 5


def weekends(place: str) -> Closed:
    """Where no calendar is known."""
    return weekend


def open_day(day: date, closed: Closed) -> date:
    """`day`, or the next one that is not closed: later, in the callee's favour
    (Civil Code of China Art. 203: a term that ends on a holiday ends after it)."""
    for ahead in range(LONGEST_CLOSED):
        found = day + timedelta(days=ahead)
        if not closed(found):
            return found
    return day


def month_after(first: date, months: int) -> date:
    """The same day some months later; the last of the month where it is shorter."""
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))


def schedule(first: date, count: int, closed: Closed) -> tuple[date, ...]:
    """When each of `count` parts is due; strictly later each time."""
    return tuple(open_day(month_after(first, i), closed) for i in range(count))
