"""Which local days are holidays, working days and days of rest.

What a country announces year by year is unknown until it is announced; unknown is
told apart from "no holiday", and the gate refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

import holidays

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KINDS = ("workday", "restday", "holiday")
PLAIN = tuple(frozenset({name}) for name in WEEKDAYS)


@dataclass(frozen=True, slots=True)
class Announced:
    """One country's entry in a holidays file."""

    country: str
    through: int  # last year whose holidays are known; 0: not said here
    closed: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()  # days of rest worked in exchange


@dataclass(frozen=True, slots=True)
class _Year:
    holidays: frozenset[date]
    rest: frozenset[date]  # weekends, less the days worked in exchange


@dataclass(frozen=True, eq=False, slots=True)
class Calendars:
    """Holidays by law (the `holidays` package) and by file, of all countries."""

    announced: Mapping[str, Announced] = field(default_factory=dict)

    def labels(self, country: str, region: str, day: date) -> frozenset[str] | None:
        """{"sat", "restday"}, {"mon", "workday"}, {"fri", "holiday"}; None: unknown.

        region: "" national holidays only; a subdivision, its own too; "*" those of
        every subdivision, for a callee whose region is not known.
        """
        year = self._year(country, region, day.year)
        if year is None:
            return None
        if day in year.holidays:
            return PLAIN[day.weekday()] | {"holiday"}
        kind = "restday" if day in year.rest else "workday"
        return PLAIN[day.weekday()] | {kind}

    def _year(self, country: str, region: str, year: int) -> _Year | None:
        entry = self.announced.get(country)
        if entry and entry.through and year > entry.through:
            return None
        found = _by_law(country, region, year)
        if entry is None or not (entry.closed or entry.workdays):
            return found
        base = found or _Year(frozenset(), _weekends(year, {5, 6}))
        if found is None and not any(d.year == year for d in entry.closed):
            return None
        return _Year(base.holidays | entry.closed, base.rest - entry.workdays)


@lru_cache(maxsize=512)
def _by_law(country: str, region: str, year: int) -> _Year | None:
    kind = getattr(holidays, country, None)
    if kind is None or not kind.start_year <= year <= kind.end_year:
        return None
    calendar = kind(years=year)
    days = {*calendar}
    for subdivision in _regions(kind.subdivisions, region):
        days |= {*kind(years=year, subdiv=subdivision)}
    rest = _weekends(year, set(calendar.weekend)) - set(calendar.weekend_workdays)
    return _Year(frozenset(d for d in days if d.year == year), rest)


def _regions(known: tuple[str, ...], region: str) -> tuple[str, ...]:
    if not region:
        return ()
    return (region,) if region in known else known


def _weekends(year: int, weekend: set[int]) -> frozenset[date]:
    first = date(year, 1, 1)
    days = (first + timedelta(days=n) for n in range(366))
    return frozenset(d for d in days if d.year == year and d.weekday() in weekend)
