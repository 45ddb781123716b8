"""A do-not-call list into the store, and out of it again."""

from __future__ import annotations

import csv
import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dialer.contacts import donotcall
from dialer.contacts.donotcall import COLUMNS, Listed
from dialer.contacts.problem import Problem
from dialer.model import Personal
from dialer.store.port import FlagRow, NotFound, Stores

CHUNK = 500  # rows of one transaction


@dataclass(slots=True)
class Report:
    """What became of a file's rows: `rows` = `new` + `known` + the problems."""

    rows: int = 0
    new: int = 0
    known: int = 0
    problems: list[Problem] = field(default_factory=list)


async def take_in(path: Path, stores: Stores, region: str, now: datetime) -> Report:
    """Every good row holds when this returns, and those before a crash stay: the next
    number any process dials is judged with them. FileRefused: nothing was stored."""
    report, chunk = Report(), list[Listed]()
    for found in donotcall.read(path, stores.vault, region, now):
        report.rows += 1
        if isinstance(found, Problem):
            report.problems.append(found)
            continue
        chunk.append(found)
        if len(chunk) == CHUNK:
            await _store(chunk, stores, report)
            chunk = []
    await _store(chunk, stores, report)
    return report


async def _store(chunk: list[Listed], stores: Stores, report: Report) -> None:
    if not chunk:
        return
    named = {one.row.token: one.named for one in chunk if one.row.token}
    await stores.vault.put(named)
    new = await stores.flags.add([one.row for one in chunk])
    report.new += new
    report.known += len(chunk) - new


async def write_out(path: Path, stores: Stores, now: datetime) -> tuple[int, int]:
    """All marks in force, in the columns that `take_in` reads; the file is its owner's
    only. -> (rows written, marks that name nothing the vault can tell)"""
    rows, unnamed = list[dict[str, str]](), 0
    async for row, named in _in_force(stores, now):
        if named is None:
            unnamed += 1
        else:
            rows.append(_cells(row, named))
    _write(path, rows)
    return len(rows), unnamed


def _write(path: Path, rows: Iterable[dict[str, str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="", opener=_private) as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        table.writerows(rows)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


async def _in_force(
    stores: Stores, now: datetime
) -> AsyncIterator[tuple[FlagRow, Personal | None]]:
    rows = [r for r in await stores.flags.all() if r.until is None or r.until > now]
    owners = await stores.contacts.owners(_tokens(rows))
    for row in rows:
        yield row, await _named(row, owners.get(row.token), stores)


def _tokens(rows: Iterable[FlagRow]) -> list[str]:
    return sorted({row.token for row in rows if row.token})


async def _named(
    row: FlagRow, owner: tuple[str, int] | None, stores: Stores
) -> Personal | None:
    """What a mark names: by the list it came with, or by a contact that has it."""
    if row.scope == "all":
        return Personal("", (), "", "", "", None, "", None)
    try:
        return await stores.vault.get(row.token)
    except NotFound:
        if owner is None:
            return None
    contact_id, position = owner
    found = await stores.vault.get(contact_id)
    phones = (found.phones[position],) if row.scope == "number" else found.phones[:1]
    return Personal(
        found.name,
        phones,
        found.id_number,
        found.account,
        found.creditor,
        None,
        "",
        None,
    )


def _cells(row: FlagRow, named: Personal) -> dict[str, str]:
    """Of what is known only what the scope needs: a list is no copy of the vault."""
    cells = {
        "scope": row.scope,
        "flag": row.flag,
        "until": f"{(row.until - donotcall.ANYWHERE):%Y-%m-%d}" if row.until else "",
        "at": row.at.isoformat(),
        "source": row.source,
    }
    match row.scope:
        case "number":
            cells["number"] = named.phones[0]
        case "person" if named.id_number:
            cells["id_number"] = named.id_number
        case "person":
            cells |= {"name": named.name, "number": named.phones[0]}
        case "account":
            cells |= {"account": named.account, "creditor": named.creditor}
        case "creditor":
            cells["creditor"] = named.creditor
        case _:
            pass
    return cells
