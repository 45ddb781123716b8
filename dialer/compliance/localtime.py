"""Local days and hours as exact stretches of UTC, clock changes included.

A local hour that a clock change skips has no instants; one that it repeats has
twice as many. Nothing here assumes that changes fall at night.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

Span = tuple[datetime, datetime]  # [start, end), UTC

STEP = timedelta(hours=6)
MICROSECOND = timedelta(microseconds=1)


def spans(zone: str, day: date, start: int, end: int) -> tuple[Span, ...]:
    """All instants of the local `day` whose clock reads in [start, end) minutes."""
    midnight = datetime.combine(day, time(), UTC)
    found: list[Span] = []
    for since, until, offset in segments(zone, day):
        low = max(since, midnight + timedelta(minutes=start) - offset)
        high = min(until, midnight + timedelta(minutes=end) - offset)
        if low >= high:
            continue
        if found and found[-1][1] == low:
            low = found.pop()[0]
        found.append((low, high))
    return tuple(found)


@lru_cache(maxsize=65536)
def day_start(zone: str, day: date) -> datetime:
    """The first instant at which the local date is `day` or later."""
    midnight = datetime.combine(day, time(), UTC)
    begins = (
        max(since, midnight - offset)
        for since, until, offset in segments(zone, day)
        if midnight - offset < until
    )
    return min(begins)


@lru_cache(maxsize=8192)
def segments(zone: str, day: date) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """[since, until) with one offset from UTC each, around the local `day`."""
    info = ZoneInfo(zone)
    since = datetime.combine(day, time(), UTC) - 4 * STEP
    last = since + 12 * STEP
    found: list[tuple[datetime, datetime, timedelta]] = []
    at = since
    while at < last:
        before, after = _offset(info, at), _offset(info, at + STEP)
        if before != after:
            change = _change(info, at, at + STEP)
            found.append((since, change, before))
            since = change
        at += STEP
    return (*found, (since, last, _offset(info, last)))


def _change(info: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The first instant of the offset that holds at `high`: to the microsecond."""
    after = _offset(info, high)
    while high - low > MICROSECOND:
        middle = low + (high - low) // 2
        if _offset(info, middle) == after:
            high = middle
        else:
            low = middle
    return high


def _offset(info: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(info).utcoffset()
    assert offset is not None  # a ZoneInfo always has one
    return offset


def shown(at: datetime, zone: str) -> str:
    """What a clock there shows, as 09:00; "?" in a zone that nobody knows."""
    try:
        return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"
    except (KeyError, ValueError):
        return "?"
