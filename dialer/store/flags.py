"""What stops calls: to a person, a number, on an account, for a creditor, to all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from dialer.store.port import FlagRow
from dialer.store.runner import PATIENCE, Runner
from dialer.store.tables import flags, stamp
from dialer.store.work import Lock, Work

#: Flags about a line and not about a person; do_not_call is about both.
OF_NUMBER = frozenset({"wrong_number", "workplace", "do_not_call"})
OF_PERSON_TOO = frozenset({"do_not_call"})

KEY = ("flag", "scope", "token", "source")
_same = select(flags).where(*(flags.c[name] == bindparam(name) for name in KEY))
_longer = update(flags).where(*(flags.c[n] == bindparam(f"key_{n}") for n in KEY))
_of = (
    select(flags)
    .where(flags.c.token.in_(bindparam("tokens", expanding=True)))
    .order_by(flags.c.at, flags.c.flag, flags.c.scope)
)
_every = select(flags).order_by(flags.c.at, flags.c.flag, flags.c.scope, flags.c.token)


class SqlFlags:
    """`port.Flags` on any SQL database."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def add(self, rows: Sequence[FlagRow]) -> int:
        return await self._runner.write(lambda work: add(work, rows), patience=PATIENCE)

    async def of(self, tokens: Sequence[str]) -> list[FlagRow]:
        return await self._runner.read(lambda c: of(c, tokens))

    async def all(self) -> list[FlagRow]:
        return await self._runner.read(every)


#: The token of a flag of scope `all`: it stops calls to everybody.
EVERYBODY = ""


def add(work: Work, rows: Iterable[FlagRow]) -> int:
    """A flag set again by the same source lasts as long as the longer of both. No call
    that is placed after our commit was judged without it."""
    work.alone(Lock.GATE)
    work.wake()
    return sum(add_one(work, row) for row in rows)


def add_one(work: Work, row: FlagRow) -> int:
    key: dict[str, str] = {name: getattr(row, name) for name in KEY}
    if row.scope == "all":
        key["token"] = EVERYBODY
    there = work.connection.execute(_same, key).first()
    if there is None:
        values = {**key, "at": row.at, "until": row.until}
        work.connection.execute(insert(flags), values)
    elif there.until is None or (row.until and row.until <= there.until):
        return 0
    else:
        changed = {f"key_{name}": value for name, value in key.items()}
        work.connection.execute(_longer, {**changed, "until": row.until})
    until = row.until and stamp(row.until)
    work.note(row.at, "flag.set", row.flag, {**key, "until": until})
    return 1


def of(connection: Connection, tokens: Sequence[str]) -> list[FlagRow]:
    """All of them, also those that have ended (whoever asks compares `until`), with
    those of scope `all`."""
    rows = connection.execute(_of, {"tokens": [*tokens, EVERYBODY]})
    return list(map(row_of, rows))


def every(connection: Connection) -> list[FlagRow]:
    return list(map(row_of, connection.execute(_every)))


def row_of(row: Any) -> FlagRow:
    return FlagRow(row.flag, row.scope, row.token, row.at, row.source, row.until)


def from_call(
    names: Iterable[str], person: str, number: str, row: FlagRow
) -> list[FlagRow]:
    """The rows for flags heard in a call; `row` gives the time and the source."""
    found = list[FlagRow]()
    for name in names:
        if name not in OF_NUMBER or name in OF_PERSON_TOO:
            found.append(replace(row, flag=name, scope="person", token=person))
        if name in OF_NUMBER:
            found.append(replace(row, flag=name, scope="number", token=number))
    return found
