"""Which column of a file is which field of ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dialer.contacts.problem import FileRefused
from dialer.contacts.rules import Rules, plain

IGNORE = "ignore"
MANY = {"phone", "sources", "flags"}  # fields that may stand in several columns
NUMBERED = re.compile(r"(.*?)([1-9]?)")
PHONE = re.compile(r"^phone[1-9]$")
SOURCE_PART = re.compile(r"source([1-9])_(kind|reference|date)")


@dataclass(frozen=True, slots=True)
class Columns:
    """`places` gives each field's column indexes; `unused` the names of the rest."""

    header: tuple[str, ...]
    places: dict[str, tuple[int, ...]]
    unused: tuple[str, ...]

    @staticmethod
    def match(header: Sequence[str], rules: Rules, mapping: dict[str, str]) -> Columns:
        """FileRefused lists every column that is missing, unknown or named twice."""
        fields = [_field(name, rules, mapping) for name in header]
        problems = [*_wrong_map(header, rules, mapping), *_wrong(header, fields, rules)]
        if problems:
            usage = bool(_wrong_map(header, rules, mapping))
            raise FileRefused(problems, usage=usage)
        places: dict[str, tuple[int, ...]] = {}
        for index, field in enumerate(fields):
            if field and field != IGNORE:
                places[field] = (*places.get(field, ()), index)
        unused = [name for name, f in zip(header, fields, strict=True) if not f]
        return Columns(tuple(header), places, tuple(filter(None, unused)))

    def name(self, field: str) -> str:
        """The header's word for a field, or the field's own name."""
        found = self.places.get(field)
        return self.header[found[0]] if found else field


def mapping_of(pairs: Sequence[str]) -> dict[str, str]:
    """`column=field` pairs as given with --map. FileRefused when one is not."""
    wrong = [pair for pair in pairs if not all(map(str.strip, pair.partition("=")))]
    if wrong:
        expected = "expected column=field, such as 手机=phone"
        raise FileRefused([f"--map {pair}: {expected}" for pair in wrong], usage=True)
    split = [pair.rpartition("=") for pair in pairs]
    return {
        column.strip(): PHONE.sub("phone", field.strip()) for column, _, field in split
    }


def known(header: Sequence[str], rules: Rules, mapping: dict[str, str]) -> int:
    """How many cells of this line are names of columns."""
    return sum(1 for name in header if _field(name, rules, mapping))


def fields(rules: Rules) -> list[str]:
    """Every name that may stand on the right of --map column=field."""
    return [*rules.columns, "source1_kind", "source1_reference", "source1_date", IGNORE]


def _field(name: str, rules: Rules, mapping: dict[str, str]) -> str:
    """The field a header names; empty when none."""
    wanted = {plain(column): field for column, field in mapping.items()}
    key = plain(name)
    if key in wanted:
        return wanted[key]
    for field, names in rules.columns.items():
        if key in map(plain, (field, *names)):
            return field
    if part := _source_part(key, rules):
        return part
    match = NUMBERED.fullmatch(key)
    if match and match[2] and match[1] in map(plain, rules.columns["phone"]):
        return "phone"
    return ""


def _source_part(key: str, rules: Rules) -> str:
    parts = rules.source_columns
    for n in "123456789":
        for part, names in (
            ("kind", parts.kind),
            ("reference", parts.reference),
            ("date", parts.dated),
        ):
            if key in (plain(name.format(n=n)) for name in names):
                return f"source{n}_{part}"
    return ""


def _wrong_map(
    header: Sequence[str], rules: Rules, mapping: dict[str, str]
) -> list[str]:
    there = set(map(plain, header))
    problems = []
    for column, field in mapping.items():
        if plain(column) not in there:
            has = ", ".join(name for name in header if _field(name, rules, {}))
            problems.append(f"--map {column}={field}: no such column; found {has}")
        if field not in rules.columns and not SOURCE_PART.fullmatch(field):
            if field == IGNORE:
                continue
            names = ", ".join(fields(rules))
            problems.append(f"--map {column}={field}: no such field; expected {names}")
    return problems


def _wrong(header: Sequence[str], found: list[str], rules: Rules) -> list[str]:
    problems = [
        f"no column for {field}; expected one of: {', '.join(rules.columns[field][:6])}"
        f" (or --map column={field})"
        for field in rules.required
        if field not in found
    ]
    for field in sorted(set(found) - MANY - {"", IGNORE}):
        if found.count(field) > 1:
            names = [n for n, f in zip(header, found, strict=True) if f == field]
            problems.append(
                f"{len(names)} columns for {field}: {', '.join(names)};"
                " expected one (--map column=ignore leaves one out)"
            )
    return problems
