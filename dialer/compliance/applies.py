"""Which rules a case meets: by its locations, its number's zones, the packs asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from zoneinfo import ZoneInfo

from dialer.compliance import places
from dialer.compliance.hours import OpenHours, Place
from dialer.compliance.lists import reason
from dialer.compliance.rules import (
    Cap,
    ConsentNeeded,
    Duty,
    Facts,
    Hours,
    Pack,
    Rule,
    Rulebook,
)
from dialer.compliance.told import ToldHours
from dialer.model import Reason

KEPT = 4096  # combinations of places worked out and kept


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """Everything to be checked for one combination of places."""

    infos: tuple[ZoneInfo, ...]  # every known candidate zone
    hours: tuple[OpenHours | ToldHours, ...]
    caps: tuple[Cap, ...]
    consents: tuple[ConsentNeeded, ...]
    lists: tuple[Rule, ...]
    unknown: tuple[Reason, ...]


@lru_cache(maxsize=KEPT)
def plan(
    book: Rulebook,
    locations: tuple[str, ...],
    zones: tuple[str, ...],
    asked: tuple[str, ...],
) -> Plan:
    """All rules of all packs that any of these imply; what is unknown, as reasons."""
    good_zones = tuple(dict.fromkeys(z for z in zones if z in places.zones()))
    implied = _countries(book, asked)
    where = _where(filter(places.known, locations), good_zones, implied)
    packs = [p for p in book.packs.values() if _applies(p, where) or p.id in asked]
    rules = [r for p in packs for r in p.rules]
    hours = chain(_stated(rules, good_zones, book), _default(where, good_zones, book))
    return Plan(
        tuple(ZoneInfo(z) for z in good_zones),
        tuple(hours),
        tuple(r for r in rules if isinstance(r, Cap)),
        tuple(r for r in rules if isinstance(r, ConsentNeeded)),
        tuple(r for r in rules if not isinstance(r, TIMED)),
        tuple(_unknown(book, locations, zones, asked)),
    )


TIMED = (Hours, Cap, ConsentNeeded, Facts, Duty)


def _where(
    locations: Iterable[str], zones: Iterable[str], implied: Iterable[str]
) -> tuple[str, ...]:
    """Locations, then the countries of zones and packs that no location names."""
    named = tuple(dict.fromkeys(locations))
    seen = {location[:2] for location in named}
    others = {c for z in zones for c in places.countries_of(z)}.union(implied) - seen
    return (*named, *sorted(others))


def _countries(book: Rulebook, asked: Iterable[str]) -> Iterator[str]:
    """Who asks for `gb` is held to our hours of GB too, which states none."""
    for name in asked:
        pack = book.packs.get(name)
        if pack and not pack.own and len(pack.applies_to) == 1:
            yield from (place for place in pack.applies_to if len(place) == 2)


def _applies(pack: Pack, where: Iterable[str]) -> bool:
    if "*" in pack.applies_to:
        return True
    return any(w in pack.applies_to or w[:2] in pack.applies_to for w in where)


def _stated(
    rules: Iterable[Rule], zones: tuple[str, ...], book: Rulebook
) -> Iterator[OpenHours]:
    for rule in rules:
        if isinstance(rule, Hours) and not rule.default:
            place = Place(rule.calendar) if rule.calendar else Place()
            for zone in zones:
                yield OpenHours(rule, zone, place, book.calendars)


def _default(
    where: Iterable[str], zones: tuple[str, ...], book: Rulebook
) -> Iterator[OpenHours]:
    """Our own hours, for each country for which no shipped pack states any."""
    for location in where:
        if not has_stated_hours(book, location[:2]):
            place = Place(location[:2], location[3:] or "*")
            for zone in zones:
                yield OpenHours(book.default_hours, zone, place, book.calendars)


def has_stated_hours(book: Rulebook, country: str) -> bool:
    """Does a shipped pack for the whole country state hours?"""
    return any(
        isinstance(rule, Hours) and not rule.default
        for pack in book.packs.values()
        if not pack.own and country in pack.applies_to
        for rule in pack.rules
    )


def _unknown(
    book: Rulebook,
    locations: tuple[str, ...],
    zones: tuple[str, ...],
    asked: tuple[str, ...],
) -> Iterator[Reason]:
    facts = book.facts
    if not locations:
        yield reason(facts, "no location: expected a country or region", "locations")
    if not zones:
        yield reason(facts, "no time zone: the local hour is not known", "zones")
    for name in locations:
        if not places.known(name):
            detail = f"location {name!r}: expected ISO 3166, as CN or US-NV"
            yield reason(facts, detail, "locations")
    for name in zones:
        if name not in places.zones():
            yield reason(facts, f"zone {name!r} is not in the tz database", "zones")
    for name in asked:
        if name not in book.packs:
            yield reason(facts, f"pack {name!r} is not loaded", "packs")
