"""Cases drawn near the edges: changes of the clock, ends of years, periods just over.

One seed is one case, whoever draws it and in whatever order.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.law import KINDS

Case = dict[str, Any]

# pack, locations to choose from, zones that belong to them
PLACES: tuple[tuple[str | None, tuple[str, ...], tuple[str, ...]], ...] = (
    ("cn", ("CN", "CN-32", "CN-11", "CN-XJ"), ("Asia/Shanghai", "Asia/Urumqi")),
    (
        "us",
        ("US", "US-NV", "US-PA", "US-AZ", "US-TN", "US-CA", "US-AK"),
        (
            "America/New_York",
            "America/Chicago",
            "America/Denver",
            "America/Phoenix",
            "America/Los_Angeles",
            "America/Anchorage",
            "Pacific/Honolulu",
        ),
    ),
    ("gb", ("GB", "GB-ENG", "GB-SCT", "GB-NIR"), ("Europe/London",)),
    ("ie", ("IE",), ("Europe/Dublin",)),
    (
        "au",
        ("AU", "AU-NSW", "AU-SA", "AU-WA"),
        (
            "Australia/Sydney",
            "Australia/Adelaide",
            "Australia/Perth",
            "Australia/Lord_Howe",
        ),
    ),
    ("in", ("IN", "IN-MH"), ("Asia/Kolkata",)),
    ("eu", ("FR",), ("Europe/Paris",)),
    ("eu", ("PT", "PT-11"), ("Europe/Lisbon",)),
    (None, ("CA", "CA-QC", "CA-ON"), ("America/Toronto",)),
    (None, ("JP",), ("Asia/Tokyo",)),
)
OFTEN = (4, 4, 2, 2, 2, 1, 1, 1, 1, 1)  # as they have rules
NUMBERS = ("+8613800138000", "+8613800138001", "+12025550123", "+442079460000")
ACCOUNTS = ("A1", "A2", "A3")
# days on which something changes somewhere
DAYS = (
    *(date(2024, 2, 28) + timedelta(n) for n in range(3)),
    *(date(y, 3, d) for y in (2024, 2025, 2026, 2027) for d in range(7, 16)),
    *(date(y, 3, d) for y in (2024, 2025, 2026, 2027) for d in range(24, 32)),
    *(date(y, 4, d) for y in (2024, 2025, 2026) for d in range(3, 8)),
    *(
        date(y, 10, d)
        for y in (2024, 2025, 2026)
        for d in (*range(1, 8), *range(24, 32))
    ),
    *(date(y, 11, d) for y in (2024, 2025, 2026) for d in range(1, 9)),
    *(date(y, 12, d) for y in (2024, 2025, 2026) for d in range(22, 32)),
    *(date(y, 1, d) for y in (2024, 2025, 2026, 2027) for d in range(1, 6)),
    *(date(2026, 4, d) for d in range(1, 8)),
    *(date(2026, 5, d) for d in range(1, 6)),
    *(date(2028, 2, d) for d in (28, 29)),
)
EDGES = (
    "00:00",
    "07:30",
    "08:00",
    "09:00",
    "10:00",
    "13:30",
    "17:00",
    "19:00",
    "20:00",
    "21:00",
    "22:00",
)
NUDGES = (-61, -60, -1, 0, 0, 0, 1, 30, 59, 60, 61)  # seconds
AGES = (24, 48, 72, 167, 168, 169, 744)  # hours


def draw(seed: int) -> Case:
    rng = random.Random(seed)
    pack, locations, zones = rng.choices(PLACES, OFTEN)[0]
    case: Case = {
        "id": str(seed),
        "packs": [pack] if pack and rng.random() < 0.8 else [],
        "number": rng.choice(NUMBERS),
        "zones": rng.sample(zones, rng.randint(1, min(3, len(zones)))),
        "locations": [rng.choice(locations)],
        "account": "A1",
        "person": "P1",
    }
    if rng.random() < 0.2:
        stray(rng, case)
    at = instant(rng, rng.choice(case["zones"]))
    case["at"] = written(rng, at)
    case |= papers(rng)
    case["history"] = history(rng, case, at)
    case["consents"] = consents(rng, at)
    case["purpose"] = "collection" if rng.random() < 0.99 else "marketing"
    if rng.random() < 0.05:  # most are just old enough, or become so within days
        age = rng.choice((10, 1790, *range(1823, 1829)))
        case["sources_dated"] = (at.date() - timedelta(days=age)).isoformat()
    return case


def stray(rng: random.Random, case: Case) -> None:
    """A second place: the person may be in either."""
    pack, locations, zones = rng.choice(PLACES)
    if rng.random() < 0.6:
        case["locations"].append(rng.choice(locations))
    if rng.random() < 0.6:
        case["zones"].append(rng.choice(zones))
    if pack and pack != "eu" and rng.random() < 0.4:
        case["packs"].append(pack)


def instant(rng: random.Random, zone: str) -> datetime:
    if rng.random() < 0.25:
        day = date(2024, 1, 1) + timedelta(rng.randrange(4 * 365))
    else:
        day = rng.choice(DAYS)
    if rng.random() < 0.5:
        hour, minute = map(int, rng.choice(EDGES).split(":"))
    else:
        hour, minute = rng.randrange(24), rng.randrange(60)
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
    local = local.replace(fold=rng.randint(0, 1))
    return local.astimezone(UTC) + timedelta(seconds=rng.choice(NUDGES))


def written(rng: random.Random, at: datetime) -> str:
    """The same instant, as people of different places would write it."""
    if rng.random() < 0.3:
        return at.isoformat().replace("+00:00", "Z")
    name = rng.choice(("UTC", "Asia/Shanghai", "America/New_York", "Asia/Kolkata"))
    return at.astimezone(ZoneInfo(name)).isoformat()


def papers(rng: random.Random) -> Case:
    kinds = sorted(KINDS)
    sources = rng.sample(kinds, rng.choices((2, 3, 4, 6), (2, 60, 20, 10))[0])
    if rng.random() < 0.05:
        sources[0] = rng.choice(("hearsay", sources[-1]))
    reviewers = rng.choices(
        (["r1", "r2"], ["r1", "r2", "r3"], ["r1", "i1"], ["r1", " R1"], ["r1"]),
        (80, 15, 2, 2, 1),
    )[0]
    flags = ("do_not_call", "attorney", "cease", "dispute", "workplace")
    flagged = rng.sample(flags, rng.randint(1, 2)) if rng.random() < 0.06 else []
    return {
        "sources": sources,
        "reviewers": reviewers,
        "importer": "i1",
        "flags": flagged,
    }


def history(rng: random.Random, case: Case, at: datetime) -> list[Case]:
    """Of one of three tempers: everything; mostly unanswered, so that caps are reached
    one by one; or all of it within a day or so, as caps a day need."""
    temper = rng.choice(("mixed", "calm", "dense"))
    zone = rng.choice(case["zones"])
    counts = (4, 6, 7, 8, 10) if temper == "dense" else (0, 1, 2, 3, 4, 6, 8, 12, 20)
    return [call(rng, case, at, zone, temper) for _ in range(rng.choice(counts))]


WEIGHTS = {"mixed": (4, 4, 1, 1), "calm": (1, 30, 1, 2), "dense": (5, 14, 3, 1)}
OUTCOMES = ("answered", "unanswered", "abandoned", "blocked")


def call(rng: random.Random, case: Case, at: datetime, zone: str, temper: str) -> Case:
    when = lately if temper == "dense" else before
    began = when(rng, at, zone).replace(microsecond=0)
    return {
        "at": written(rng, began - timedelta(seconds=began.second)),
        "direction": "out" if rng.random() < 0.85 else "in",
        "outcome": rng.choices(OUTCOMES, WEIGHTS[temper])[0],
        "number": case["number"] if rng.random() < 0.8 else rng.choice(NUMBERS),
        "account": "A1" if rng.random() < 0.8 else rng.choice(ACCOUNTS),
    }


def lately(rng: random.Random, at: datetime, zone: str) -> datetime:
    """Within 26 hours, often just where the day or the 24 hours begin."""
    kind = rng.random()
    if kind < 0.2:
        past = at - timedelta(hours=24, seconds=rng.choice(NUDGES))
    elif kind < 0.4:
        today = at.astimezone(ZoneInfo(zone)).date()
        midnight = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo(zone))
        past = midnight.astimezone(UTC) + timedelta(seconds=rng.choice(NUDGES))
    else:
        past = at - timedelta(minutes=rng.randrange(0, 26 * 60))
    return min(past, at)


def before(rng: random.Random, at: datetime, zone: str) -> datetime:
    """An instant in the past, often exactly where a period begins."""
    kind = rng.random()
    if kind < 0.3:
        past = at - timedelta(hours=rng.choice(AGES), seconds=rng.choice(NUDGES))
    elif kind < 0.6:
        today = at.astimezone(ZoneInfo(zone)).date() - timedelta(
            rng.choice((0, 1, 6, 7, 30, 31))
        )
        midnight = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo(zone))
        past = midnight.astimezone(UTC) + timedelta(seconds=rng.choice(NUDGES))
    elif kind < 0.8:
        past = at - timedelta(minutes=rng.randrange(1, 3 * 1440))
    else:
        past = at - timedelta(minutes=rng.randrange(1, 40 * 1440))
    return min(past, at)


def consents(rng: random.Random, at: datetime) -> list[Case]:
    given = []
    for scope in ("night", "any", "any"):
        if rng.random() < 0.4:
            begins = at + timedelta(days=rng.choice((-300, -30, -1, 0, 0, 1, 3)))
            begins -= timedelta(seconds=begins.second)
            ends = begins + timedelta(days=rng.choice((1, 30, 400)))
            given.append(
                {"scope": scope, "from": written(rng, begins), "to": written(rng, ends)}
            )
    return given
