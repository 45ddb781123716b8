"""Zones and countries, as the tz database that we ship with names them."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

LOCATION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", re.ASCII)


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2 codes."""
    return frozenset(line.split("\t")[0] for line in _lines("iso3166.tab"))


@cache
def zones() -> frozenset[str]:
    """Every zone name and alias; `Factory`, a placeholder, is not one."""
    names = resources.files("tzdata").joinpath("zones").read_text("utf-8").split()
    return frozenset(names) - {"Factory"}


@cache
def countries_of(zone: str) -> frozenset[str]:
    """Countries a zone lies in; none for UTC and the like."""
    name = zone if zone in _by_zone() else _aliases().get(zone, zone)
    return _by_zone().get(name, frozenset())


def known(location: str) -> bool:
    """Is it a country, or a subdivision of one? (That it exists is not checked.)"""
    return bool(LOCATION.fullmatch(location)) and location[:2] in countries()


@cache
def _by_zone() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for table in ("zone.tab", "zone1970.tab"):
        for line in _lines(table):
            codes, _, name, *_ = line.split("\t")
            if table == "zone.tab" or name not in found:
                found.setdefault(name, set()).update(codes.split(","))
    return {name: frozenset(codes) for name, codes in found.items()}


@cache
def _aliases() -> dict[str, str]:
    links = (line.split() for line in _lines("tzdata.zi") if line.startswith("L "))
    return {alias: target for _, target, alias in links}


def _lines(name: str) -> list[str]:
    text = resources.files("tzdata").joinpath("zoneinfo", name).read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
