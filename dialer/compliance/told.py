"""Hours that a person told us not to call in: flags such as `inconvenient:12:00-14:00`.

On some days only: `inconvenient:sat+sun:08:00-12:00`. Over midnight: `22:00-07:30`,
which belongs to the day it begins on. The clock is that of every candidate zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dialer.compliance.calendars import WEEKDAYS
from dialer.compliance.localtime import Span, spans
from dialer.compliance.rules import Inconvenient
from dialer.model import Consent

PREFIX = "inconvenient:"
DAY = timedelta(days=1)
WHOLE = 24 * 60
_DAYS = "|".join(WEEKDAYS)
_CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"
_FORM = re.compile(
    rf"{PREFIX}(?:((?:{_DAYS})(?:\+(?:{_DAYS}))*):)?{_CLOCK}-(?:{_CLOCK}|24:00)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Quiet:
    """[start, end) in minutes of a local day; end beyond 24 hours is the next day's."""

    days: frozenset[int]  # 0: Monday
    start: int
    end: int


@lru_cache(maxsize=4096)
def read(flag: str) -> Quiet | None:
    """None: it does not tell hours, and blocks as any other flag does."""
    found = _FORM.fullmatch(flag)
    if found is None:
        return None
    names, hour, minute, end_hour, end_minute = found.groups()
    start = int(hour) * 60 + int(minute)
    end = WHOLE if end_hour is None else int(end_hour) * 60 + int(end_minute)
    if start == end:
        return None
    days = map(WEEKDAYS.index, names.split("+")) if names else range(7)
    return Quiet(frozenset(days), start, end if end > start else end + WHOLE)


def split(flags: Sequence[str]) -> tuple[list[Quiet], tuple[str, ...]]:
    """-> hours told, the other flags"""
    quiet = [found for found in map(read, flags) if found is not None]
    return quiet, tuple(flag for flag in flags if read(flag) is None)


class ToldHours:
    """`rule` in one zone, with what this person told. The same questions as to
    `OpenHours`; no consent opens what the person closed."""

    def __init__(self, rule: Inconvenient, zone: str, quiet: Sequence[Quiet]) -> None:
        self.rule = rule
        self.zone = zone
        self._info = ZoneInfo(zone)
        self._quiet = tuple(quiet)

    def open(self, now: datetime, consents: Sequence[Consent]) -> bool:
        return self._until(now) is None

    def open_until(self, now: datetime, consents: Sequence[Consent]) -> datetime:
        """Not worked out: these hours are one person's."""
        return now

    def next_open(
        self, at: datetime, until: datetime, consents: Sequence[Consent]
    ) -> datetime | None:
        """The first open instant from `at` on, or None before `until`."""
        while at < until:
            end = self._until(at)
            if end is None:
                return at
            at = end
        return None

    def why(self, now: datetime) -> str:
        local = now.astimezone(self._info)
        return (
            f"{local:%a %H:%M} in {self.zone}: a time the person asked us not to call"
        )

    def _until(self, at: datetime) -> datetime | None:
        """The end of the told hours that `at` lies in."""
        day = at.astimezone(self._info).date()
        ends = (end for start, end in self._spans(day) if start <= at < end)
        return max(ends, default=None)

    def _spans(self, day: date) -> Iterator[Span]:
        before = day - DAY
        for quiet in self._quiet:
            if day.weekday() in quiet.days:
                yield from spans(self.zone, day, quiet.start, min(quiet.end, WHOLE))
            if before.weekday() in quiet.days and quiet.end > WHOLE:
                yield from spans(self.zone, day, 0, quiet.end - WHOLE)
