"""From folders of TOML to one Rulebook, or every problem with its place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from dialer.compliance import stricter
from dialer.compliance.calendars import Announced, Calendars
from dialer.compliance.holidayfile import Country, Holidays
from dialer.compliance.packfile import RULE, Head
from dialer.compliance.rules import Facts, Hours, Pack, Rule, Rulebook

Problem = tuple[str, str, str]  # file, place in it, what is wrong


class PackError(Exception):
    """Packs or holidays are wrong; the text names each problem with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"{f}: {at}: {what}" for f, at, what in problems))
        self.problems = problems


def load(
    config: Path,
    *,
    today: date,
    packs: Path | None = None,
    holidays: Path | None = None,
) -> Rulebook:
    """Read config/packs and config/holidays, then the operator's own folders.

    today: a rule or pack outside its validity on this day is refused. An operator's
    pack may add rules; one that reads looser than a shipped rule is refused, naming
    it. PackError holds all problems of all files.
    """
    problems: list[Problem] = []
    shipped = _packs(config / "packs", today, problems, own=False)
    if packs is not None:
        for pack in _packs(packs, today, problems, own=True).values():
            path = str(packs / f"{pack.id}.toml")
            if pack.id in shipped:
                what = "is the id of a shipped pack, which cannot be replaced"
                problems.append((path, "pack.id", what))
            else:
                found = stricter.problems(pack, shipped.values())
                problems += [(path, at, what) for at, what in found]
                shipped[pack.id] = pack
    folders = [config / "holidays", *([holidays] if holidays is not None else [])]
    calendars = _calendars(folders, problems)
    facts, hours = _house(shipped.values(), config / "packs", problems)
    if problems or facts is None or hours is None:
        raise PackError(problems)
    return Rulebook(MappingProxyType(shipped), calendars, facts, hours)


def _house(
    packs: Any, folder: Path, problems: list[Problem]
) -> tuple[Facts | None, Hours | None]:
    """The two rules that the gate cannot do without."""
    rules = [rule for pack in packs if not pack.own for rule in pack.rules]
    facts = next((r for r in rules if isinstance(r, Facts)), None)
    hours = next((r for r in rules if isinstance(r, Hours) and r.default), None)
    for kind, found in (("facts", facts), ("default_hours", hours)):
        if found is None and not problems:
            problems.append(
                (str(folder), "rule", f"no rule of kind {kind} in any pack")
            )
    return facts, hours


def _packs(
    folder: Path, today: date, problems: list[Problem], *, own: bool
) -> dict[str, Pack]:
    found: dict[str, Pack] = {}
    for path, data in _files(folder, problems):
        pack = _pack(path, data, today, problems, own=own)
        if pack is not None:
            found[pack.id] = pack
    return found


def _pack(
    path: Path,
    data: Mapping[str, Any],
    today: date,
    problems: list[Problem],
    *,
    own: bool,
) -> Pack | None:
    before = len(problems)
    odd = sorted(set(data) - {"pack", "rule"})
    problems += [(str(path), k, "unknown; expected [pack], [[rule]]") for k in odd]
    head: Head | None = None
    try:
        head = Head.model_validate(data.get("pack", {}))
    except ValidationError as error:
        problems += _told(error, path, "pack")
    if head and head.id != path.stem:
        what = f"expected {path.stem}, as the file is named; found {head.id}"
        problems.append((str(path), "pack.id", what))
    rules = tuple(_rules(path, data.get("rule", []), today, problems))
    if head and own and "*" in head.applies_to:
        problems.append((str(path), "pack.applies_to", '"*" is for the house\'s own'))
    for rule in rules:
        if head and not rule.id.startswith(f"{head.id}."):
            problems.append((str(path), rule.id, f"expected an id in {head.id}.*"))
    if head is None or len(problems) > before:
        return None
    version = head.version.isoformat()
    return Pack(head.id, version, head.title, frozenset(head.applies_to), rules, own)


def _rules(
    path: Path, tables: Any, today: date, problems: list[Problem]
) -> Iterator[Rule]:
    if not isinstance(tables, list) or not tables:
        problems.append((str(path), "rule", "expected at least one [[rule]] table"))
        return
    seen: set[str] = set()
    for n, table in enumerate(tables, 1):
        name = table.get("id") if isinstance(table, dict) else None
        place = f"rule {name}" if isinstance(name, str) and name else f"rule #{n}"
        try:
            rule = RULE.validate_python(table).rule()
        except ValidationError as error:
            problems += _told(error, path, place, skip=1)  # the kind
            continue
        except ValueError as error:
            problems.append((str(path), place, str(error)))
            continue
        if rule.id in seen:
            problems.append((str(path), place, "this id is already taken"))
        seen.add(rule.id)
        problems += [(str(path), place, what) for what in _validity(rule, today)]
        yield rule


def _validity(rule: Rule, today: date) -> Iterator[str]:
    start, end = rule.effective_from, rule.effective_to
    if start and end and end < start:
        yield f"effective_to {end} is before effective_from {start}"
    elif start and today < start:
        yield f"not in force before {start}; today is {today}"
    elif end and today > end:
        yield f"not in force after {end}; today is {today}"


def _calendars(folders: list[Path], problems: list[Problem]) -> Calendars:
    """Later folders add days and may announce further years; they take nothing away."""
    found: dict[str, Announced] = {}
    for n, folder in enumerate(folders):
        for path, data in _files(folder, problems):
            try:
                file = Holidays.model_validate(data)
            except ValidationError as error:
                problems += _told(error, path, "holidays")
                continue
            for country in file.country:
                if n and (what := _years_without_days(country, found)):
                    problems.append((str(path), f"country {country.id}", what))
                found[country.id] = country.merged(found.get(country.id))
    return Calendars(MappingProxyType(found))


def _years_without_days(country: Country, known: Mapping[str, Announced]) -> str:
    """An operator who announces a year must say its days."""
    entry = known.get(country.id)
    if entry is None or not entry.through:
        return ""
    given = {d.year for d in country.closed}
    years = set(range(entry.through + 1, country.announced_through + 1)) - given
    if not years:
        return ""
    return f"announced_through {country.announced_through}, but no day of {min(years)}"


def _files(
    folder: Path, problems: list[Problem]
) -> Iterator[tuple[Path, dict[str, Any]]]:
    if not folder.is_dir():
        problems.append((str(folder), "folder", "does not exist"))
        return
    for path in sorted(folder.glob("*.toml")):
        try:
            yield path, tomllib.loads(path.read_text("utf-8-sig"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            problems.append((str(path), "file", str(error)))


def _told(
    error: ValidationError, path: Path, place: str, skip: int = 0
) -> Iterator[Problem]:
    """One line a problem: a list is not also too short because an entry is wrong."""
    errors = error.errors()
    inner = {e["loc"][:n] for e in errors for n in range(len(e["loc"]))}
    for e in (e for e in errors if e["loc"] not in inner or not e["loc"]):
        key = ".".join(map(str, e["loc"][skip:]))
        what = e["msg"].removeprefix("Value error, ")
        found = "" if e["type"] == "missing" else f", found {e['input']!r}"
        yield str(path), f"{place}.{key}" if key else place, f"{what}{found}"
