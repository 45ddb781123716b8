"""The opinion: every rule at every minute, until one minute breaks none.

The case is the object of `dialer compliance check --batch`, whole and well formed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from tests.oracle import law
from tests.oracle.law import Count, Hours
from tests.oracle.sky import Flags, Ints, closed_days, local, national_days

HORIZON = 400 * 86400  # seconds: beyond it nobody waits
CHUNKS = (
    600,
    2000,
    6000,
    10_000,
)  # minutes looked at in one go; the last again and again

Case = dict[str, Any]
# rule -> [weekday, (from, to)]; a closed day is open from 0 to 0
WEEKS = {h.rule: np.array([w or (0, 0) for w in h.week]) for h in law.HOURS.values()}


@dataclass(frozen=True, slots=True)
class Opinion:
    """Rules broken at the instant asked for, and the first minute that breaks none."""

    broken: frozenset[str]
    next_allowed: datetime | None


def judge(case: Case) -> Opinion:
    at = int(datetime.fromisoformat(case["at"]).timestamp())
    always = frozenset(unbending(case))
    now = np.array([at], np.int64)
    broken = always | {rule for rule, bad in bending(case, now) if bad[0]}
    if "accord.age" in broken:  # nothing gets younger
        return Opinion(broken, None)
    if not broken:
        return Opinion(broken, datetime.fromisoformat(case["at"]))
    when = None if always else first_open(case, at)
    return Opinion(
        broken, None if when is None else datetime.fromtimestamp(when).astimezone()
    )


def first_open(case: Case, at: int) -> int | None:
    start, turn = at // 60 * 60 + 60, 0
    while start <= at + HORIZON:
        size = CHUNKS[min(turn, len(CHUNKS) - 1)]
        minutes = start + 60 * np.arange(size, dtype=np.int64)
        bad = np.zeros(size, np.bool_)
        for _, closed in bending(case, minutes):
            bad |= closed
            if bad.all():
                break
        free = np.flatnonzero(~bad)
        if len(free):
            found = int(minutes[free[0]])
            return found if found <= at + HORIZON else None
        start, turn = start + size * 60, turn + 1
    return None


# What no waiting mends.


def unbending(case: Case) -> Iterator[str]:
    if len(set(case["sources"]) & law.KINDS) < 3:
        yield "accord.sources"
    people = {name.strip().casefold() for name in case["reviewers"]}
    if len(people - {case["importer"].strip().casefold()}) < 2:
        yield "accord.reviews"
    if case["flags"]:
        yield "accord.flags"
    if "us" in packs(case) and law.US_FLAGS & set(case["flags"]):
        yield "us.flags"
    if case["purpose"] != "collection":
        yield "accord.purpose"


# Who is asked.


def countries(case: Case) -> dict[str, set[str | None]]:
    """Countries the callee may be in, with the regions that are known there."""
    found: dict[str, set[str | None]] = {}
    for place in case["locations"]:
        country, _, region = place.partition("-")
        found.setdefault(country, set()).add(region or None)
    for zone in case["zones"]:
        found.setdefault(law.OF_ZONE[zone], set())
    for country, pack in law.OF_COUNTRY.items():
        if pack in case["packs"]:
            found.setdefault(country, set())
    return found


def packs(case: Case) -> set[str]:
    found = set(case["packs"])
    for country in countries(case):
        if country in law.OF_COUNTRY:
            found.add(law.OF_COUNTRY[country])
    return found | {law.OF_STATE[p] for p in case["locations"] if p in law.OF_STATE}


# What time mends.


def bending(case: Case, seconds: Ints) -> Iterator[tuple[str, Flags]]:
    """Each rule with the instants that break it."""
    if since := case.get("sources_dated"):
        born = datetime.fromisoformat(f"{since}T00:00:00+00:00").timestamp()
        yield "accord.age", seconds // 86400 - int(born) // 86400 > law.OLDEST
    asked = packs(case)
    clocks = {zone: local(zone, seconds) for zone in case["zones"]}
    agreed = {scope: consented(case, scope, seconds) for scope in ("night", "any")}
    if "us" in asked:
        yield "us.artificial_voice", ~agreed["any"]
    for pack in sorted(asked):
        if pack in law.HOURS:
            yield outside(law.HOURS[pack], clocks, agreed)
        for count in law.COUNTS.get(pack, ()):
            yield count.rule, too_many(count, case, seconds, clocks)
    for country, regions in countries(case).items():
        if law.OF_COUNTRY.get(country) not in law.HOURS:
            yield "accord.hours", outside_own(country, regions, clocks)


def consented(case: Case, scope: str, seconds: Ints) -> Flags:
    found = np.zeros(len(seconds), np.bool_)
    for consent in case["consents"]:
        if consent["scope"] == scope:
            start = datetime.fromisoformat(consent["from"]).timestamp()
            end = datetime.fromisoformat(consent["to"]).timestamp()
            found |= (seconds >= start) & (seconds < end)
    return found


def within(clock: Ints, window: tuple[int, int]) -> Flags:
    minute = clock % law.DAY
    return (minute >= window[0]) & (minute < window[1])


def outside(
    hours: Hours, clocks: dict[str, Ints], agreed: dict[str, Flags]
) -> tuple[str, Flags]:
    closed = np.zeros(len(agreed["any"]), np.bool_)
    for clock in clocks.values():
        day = clock // law.DAY
        windows = WEEKS[hours.rule][(day + 3) % 7]  # 1970-01-01 was a Thursday
        minute = clock % law.DAY
        free = (minute >= windows[:, 0]) & (minute < windows[:, 1])
        if hours.holidays_of is not None:
            free &= ~national_days(hours.holidays_of)[day]
        for scope in hours.opens_all:
            free |= agreed[scope]
        if hours.sunday_by_consent is not None:
            for scope in hours.opens_closed:
                free |= agreed[scope] & within(clock, hours.sunday_by_consent)
        closed |= ~free
    return hours.rule, closed


def outside_own(
    country: str, regions: set[str | None], clocks: dict[str, Ints]
) -> Flags:
    """Working days 09-20, Saturdays 10-17, never on Sundays and public holidays."""
    closed = np.zeros(len(next(iter(clocks.values()))), np.bool_)
    for clock in clocks.values():
        day = clock // law.DAY
        weekday = (day + 3) % 7
        free = (weekday < law.SATURDAY) & within(clock, law.OWN_WORKDAY)
        free |= (weekday == law.SATURDAY) & within(clock, law.OWN_RESTDAY)
        for region in regions or {None}:
            free &= ~closed_days(country, region)[day]
        closed |= ~free
    return closed


def too_many(count: Count, case: Case, seconds: Ints, clocks: dict[str, Ints]) -> Flags:
    """Has the period that ends at each instant its fill? Each call, each time."""
    total = np.zeros(len(seconds), np.int64)
    for call in case["history"]:
        if call["outcome"] not in count.outcomes:
            continue
        if call["direction"] not in count.directions:
            continue
        if count.same is not None and call[count.same] != case[count.same]:
            continue
        began = int(datetime.fromisoformat(call["at"]).timestamp())
        inside = np.zeros(len(seconds), np.bool_)
        if count.hours is not None:
            inside |= seconds < began + count.hours * 3600
        if count.days is not None:
            for zone, clock in clocks.items():
                first = int(local(zone, np.array([began], np.int64))[0]) // law.DAY
                inside |= clock // law.DAY < first + count.days
        total += inside
    return total >= count.most
