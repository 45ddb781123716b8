"""Local days and hours against a clock read at every minute."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dialer.compliance.localtime import day_start, spans

MINUTE = timedelta(minutes=1)
#: Clock changes: spring, autumn, at midnight, by half an hour, and a day skipped.
DAYS = [
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/London", date(2026, 3, 29)),
    ("Europe/London", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/Havana", date(2026, 11, 1)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Africa/Cairo", date(2026, 10, 29)),
    ("America/Nuuk", date(2026, 3, 28)),
    ("America/Nuuk", date(2026, 10, 24)),
    ("Pacific/Apia", date(2011, 12, 29)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Shanghai", date(2028, 2, 29)),
    ("Pacific/Kiritimati", date(2026, 12, 31)),
    ("Etc/GMT+12", date(2027, 1, 1)),
]


def minutes(zone: str, day: date) -> list[datetime]:
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=30)
    return [first + n * MINUTE for n in range(84 * 60)]


@pytest.mark.parametrize(("zone", "day"), DAYS)
@pytest.mark.parametrize(("start", "end"), [(0, 1440), (0, 150), (8 * 60, 21 * 60)])
def test_spans_are_what_the_clock_reads(
    zone: str, day: date, start: int, end: int
) -> None:
    info = ZoneInfo(zone)
    found = spans(zone, day, start, end)
    for at in minutes(zone, day):
        local = at.astimezone(info)
        reads = start <= local.hour * 60 + local.minute < end
        inside = any(a <= at < b for a, b in found)
        assert inside == (local.date() == day and reads), local


@pytest.mark.parametrize(("zone", "day"), DAYS)
def test_a_day_starts_at_its_first_instant(zone: str, day: date) -> None:
    info = ZoneInfo(zone)
    first = day_start(zone, day)
    reached = (at for at in minutes(zone, day) if at.astimezone(info).date() >= day)
    assert first == next(reached)


@pytest.mark.parametrize("seed", [20261124])
def test_any_day_of_any_year_of_some_zones(seed: int) -> None:
    chance = random.Random(seed)
    zones = ("Asia/Shanghai", "America/St_Johns", "Europe/Dublin", "Africa/Casablanca")
    for _ in range(40):
        zone = chance.choice(zones)
        day = date(2015, 1, 1) + timedelta(days=chance.randrange(365 * 20))
        test_spans_are_what_the_clock_reads(zone, day, 540, 1200)
