"""config/import.toml, read once and checked whole."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cached_property
from importlib import resources
from pathlib import Path
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, ValidationError

from dialer.contacts.problem import FileRefused

BRACKETS = re.compile(r"\(.*?\)|\[.*?\]")
NOT_WORD = re.compile(r"[\s_\-.:/*#]+")


def plain(name: str) -> str:
    """A header or word as it is compared: NFKC, no case, spaces or brackets."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return NOT_WORD.sub("", BRACKETS.sub("", text))


class Defaults(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    chinese: frozenset[str]
    currency: dict[str, str]


class SourceColumns(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: tuple[str, ...]
    reference: tuple[str, ...]
    dated: tuple[str, ...]


class Rules(BaseModel):
    """How files are read. Zones are keyed by country, then subdivision or `any`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    source_columns: SourceColumns
    languages: dict[str, tuple[str, ...]]
    yes_no: dict[str, tuple[str, ...]]
    products: dict[str, tuple[str, ...]]
    roles: dict[str, tuple[str, ...]]
    defaults: Defaults
    currencies: dict[str, int]
    symbols: dict[str, tuple[str, ...]]
    zones: dict[str, dict[str, tuple[str, ...]]]
    places: dict[str, str]

    @cached_property
    def by_place(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Country -> subdivision (or `any`) -> zones; every country of tzdata."""
        found = {country: {"any": zones} for country, zones in _tz_countries().items()}
        for country, table in self.zones.items():
            found[country] = {
                code: zones for codes, zones in table.items() for code in codes.split()
            }
        return found

    @cached_property
    def zone_names(self) -> frozenset[str]:
        return frozenset(available_timezones())

    @cached_property
    def language_words(self) -> dict[str, str]:
        return {plain(w): code for code, ws in self.languages.items() for w in ws}

    @cached_property
    def product_words(self) -> dict[str, str]:
        return {plain(w): name for name, ws in self.products.items() for w in ws}

    @cached_property
    def role_words(self) -> dict[str, str]:
        return {plain(w): name for name, ws in self.roles.items() for w in ws}

    @cached_property
    def answers(self) -> dict[str, bool]:
        return {w: key == "yes" for key, words in self.yes_no.items() for w in words}


def load_rules(path: Path) -> Rules:
    """Read the rules. FileRefused names every problem with its place."""
    try:
        rules = Rules.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileRefused([f"{path.name}: {error}"]) from error
    except ValidationError as error:
        places = [(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors()]
        raise FileRefused([f"{path.name}: {p}: {m}" for p, m in places]) from error
    if wrong := _unknown_zones(rules):
        raise FileRefused([f"{path.name}: {line}" for line in wrong])
    return rules


def _unknown_zones(rules: Rules) -> list[str]:
    return [
        f"zones.{country}.{codes}: no IANA zone named {zone!r}"
        for country, table in rules.zones.items()
        for codes, zones in table.items()
        for zone in zones
        if zone not in rules.zone_names
    ]


def _tz_countries() -> dict[str, tuple[str, ...]]:
    """ISO 3166-1 country -> its zones, from the tz database's zone.tab."""
    table = resources.files("tzdata") / "zoneinfo" / "zone.tab"
    found: dict[str, tuple[str, ...]] = {}
    for line in table.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found[country] = (*found.get(country, ()), zone)
    return found
