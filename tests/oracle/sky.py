"""Local time and holidays as tables: an entry a minute, one a day. Nothing clever."""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import numpy as np

from tests.oracle.law import ANNOUNCED

FIRST, LAST = date(2023, 11, 1), date(2029, 6, 30)
_EPOCH = date(1970, 1, 1)
START = (FIRST - _EPOCH).days * 1440  # minutes since 1970
STEP = 30  # offsets change on half hours only

Ints = np.ndarray[Any, np.dtype[np.integer[Any]]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]


@functools.cache
def offsets(zone: str) -> Ints:
    """Minutes east of Greenwich, for each minute from FIRST to LAST."""
    place, at = ZoneInfo(zone), datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    found, before = list[int](), ahead(at, place)
    while at.date() < LAST:
        after = ahead(at + timedelta(days=1), place)
        if before == after:
            found += [after] * (1440 // STEP)
        else:  # the clock is changed within this day
            steps = (at + timedelta(minutes=n) for n in range(0, 1440, STEP))
            found += [ahead(step, place) for step in steps]
        at, before = at + timedelta(days=1), after
    return np.repeat(np.array(found, np.int16), STEP)


def ahead(at: datetime, place: ZoneInfo) -> int:
    offset = at.astimezone(place).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60


def local(zone: str, seconds: Ints) -> Ints:
    """The local clock in minutes since 1970-01-01 00:00 on that clock."""
    minutes = seconds // 60
    return minutes + offsets(zone)[minutes - START]


@functools.cache
def closed_days(country: str, region: str | None) -> Flags:
    """For each day since 1970: a public holiday there; of any region, if not known?"""
    calendars: list[Any]
    regions = holidays.country_holidays(country).subdivisions
    if region is not None:
        wanted: list[str | None] = [region] if region in regions else [None, *regions]
    else:
        wanted = [None, *regions]
    years = range(FIRST.year, LAST.year + 1)
    calendars = [
        holidays.country_holidays(country, subdiv=r, years=years) for r in wanted
    ]
    days = np.zeros((LAST - _EPOCH).days + 400, np.bool_)
    for day in {day for calendar in calendars for day in calendar}:
        days[(day - _EPOCH).days] = True
    if country in ANNOUNCED:  # nobody knows the days of later years: all are closed
        days[(date(ANNOUNCED[country] + 1, 1, 1) - _EPOCH).days :] = True
    return days


@functools.cache
def national_days(country: str) -> Flags:
    """The holidays of the whole country."""
    days = np.zeros((LAST - _EPOCH).days + 400, np.bool_)
    for day in holidays.country_holidays(
        country, years=range(FIRST.year, LAST.year + 1)
    ):
        days[(day - _EPOCH).days] = True
    return days
