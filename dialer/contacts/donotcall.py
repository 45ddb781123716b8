"""Do-not-call lists: files of people, numbers, debts and creditors not to be called.

A mark hangs on the vault's token of what it names, not on a contact: it holds for
whoever is imported later, under any campaign. What it names goes into the vault, so
that the list can be written out again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from dialer.contacts import dates, person, phone
from dialer.contacts.encoding import detect
from dialer.contacts.problem import Bad, FileRefused, Problem, masked
from dialer.contacts.tokens import folded, person_key
from dialer.model import Personal
from dialer.store.port import FlagRow, Vault, creditor_token

COLUMNS = (
    *("scope", "number", "id_number", "name", "account", "creditor"),
    *("flag", "until", "at", "source"),
)
SCOPES = ("person", "number", "account", "creditor", "all")
#: What may be marked, and which of them may end: what a person or the law said stays.
FLAGS = ("do_not_call", "cease", "attorney", "deceased", "dispute", "workplace", "hold")
ENDING = ("dispute", "workplace", "hold")
HOURS = "inconvenient:"  # ... and the hours of a day: see docs/compliance.md
SOURCE = "list"
ANYWHERE = timedelta(hours=36)  # from 00:00 UTC until a day is over everywhere


@dataclass(frozen=True, slots=True)
class Listed:
    """One row: the mark, and what it names as the vault keeps it."""

    row: FlagRow
    named: Personal


def read(
    path: Path, vault: Vault, region: str, now: datetime
) -> Iterator[Listed | Problem]:
    """Row by row, what is wrong with one as a Problem. FileRefused: the whole file.

    region: where a number without + is local.
    """
    with path.open(encoding=detect(path).encoding, newline="") as file:
        reader = csv.DictReader(file, strict=True)
        _header(path, reader.fieldnames)
        count = 0
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                why = [f"{path.name}, line {line}: {error}"]
                raise FileRefused(why) from error
            count += 1
            found = {k: (v or "").strip() for k, v in cells.items() if k in COLUMNS}
            if None in cells:
                yield _problem(
                    count, line, "scope", "", Bad("has more cells", "one each")
                )
            else:
                yield _listed(count, line, found, vault, region, now)


def _header(path: Path, names: object) -> None:
    given = set(names or ()) if isinstance(names, list) else set[str]()
    odd = sorted(map(str, given - set(COLUMNS)))
    if odd:
        raise FileRefused(
            [
                f"{path.name}: unknown column {n!r}; known: {', '.join(COLUMNS)}"
                for n in odd
            ]
        )
    if "number" not in given and "scope" not in given:
        raise FileRefused([f"{path.name}: expected a column `scope` or `number`"])


def _listed(
    count: int,
    line: int,
    cells: Mapping[str, str],
    vault: Vault,
    region: str,
    now: datetime,
) -> Listed | Problem:
    column = "scope"
    try:
        scope = _one_of(cells.get("scope") or "number", SCOPES)
        column = "flag"
        flag = _flag(cells.get("flag") or "do_not_call")
        column = "until"
        until = _until(cells.get("until", ""), flag, scope, now)
        column = {"all": "scope"}.get(scope, scope)
        token, named = _what(scope, cells, vault, region)
    except Bad as bad:
        shown = _masked(column, cells)
        return _problem(count, line, column, shown, bad)
    return Listed(FlagRow(flag, scope, token, now, SOURCE, until), named)


def _masked(column: str, cells: Mapping[str, str]) -> str:
    value = cells.get(column, "")
    return masked("phone", value) if column in {"number", "person"} else value[:24]


def _problem(count: int, line: int, column: str, value: str, bad: Bad) -> Problem:
    return Problem(count, line, column, value, bad.reason, bad.expected)


def _one_of(value: str, known: tuple[str, ...]) -> str:
    word = value.casefold()
    if word not in known:
        raise Bad("is not known", " or ".join(known))
    return word


def _flag(value: str) -> str:
    return value.casefold() if value.startswith(HOURS) else _one_of(value, FLAGS)


def _until(text: str, flag: str, scope: str, now: datetime) -> datetime | None:
    """The end of the last day it holds, wherever that day ends last."""
    if not text:
        return None
    if flag not in ENDING:
        raise Bad(f"{flag} does not end", f"nothing here, or {' or '.join(ENDING)}")
    day: date = dates.read(text)
    end = datetime.combine(day, time(), UTC) + ANYWHERE
    if end <= now:
        raise Bad("lies in the past", "a day to come")
    return end


def _what(
    scope: str, cells: Mapping[str, str], vault: Vault, region: str
) -> tuple[str, Personal]:
    """The token, and what it stands for."""
    match scope:
        case "number":
            e164 = _number(cells, region)
            return vault.token("number", e164), _named(phones=(e164,))
        case "person":
            found = _person(cells, region)
            return vault.token("person", person_key(found)), found
        case "account":
            account, creditor = _needed(cells, "account"), _needed(cells, "creditor")
            token = vault.token("account", f"{folded(account)}|{folded(creditor)}")
            return token, _named(account=account, creditor=creditor)
        case "creditor":
            creditor = _needed(cells, "creditor")
            return creditor_token(creditor), _named(creditor=creditor)
        case _:
            return "", _named()


def _person(cells: Mapping[str, str], region: str) -> Personal:
    """As contacts are told apart: by identity number, or by name and first number."""
    if paper := person.id_number(cells.get("id_number", "")):
        return _named(id_number=paper)
    if not (cells.get("name") and cells.get("number")):
        raise Bad("cannot be told from others", "id_number, or name and number")
    name, number = person.name(cells["name"]), _number(cells, region)
    return _named(name=name, phones=(number,))


def _number(cells: Mapping[str, str], region: str) -> str:
    return phone.read(_needed(cells, "number"), region).e164


def _needed(cells: Mapping[str, str], column: str) -> str:
    value = person.tidy(cells.get(column, ""))
    if not value:
        raise Bad(f"names no {column}", f"the column `{column}` filled in")
    return value


def _named(
    *,
    name: str = "",
    phones: tuple[str, ...] = (),
    id_number: str = "",
    account: str = "",
    creditor: str = "",
) -> Personal:
    return Personal(name, phones, id_number, account, creditor, None, "", None)
