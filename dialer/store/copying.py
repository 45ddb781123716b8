"""Carry a database to another one, row by row, on whichever engines they are.

Rows go in the order of their keys, which is the same everywhere (text is compared byte
by byte). What the other side has already is compared and left, so a copy that was cut
off is simply begun again, and a copy of a copy finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    Select,
    String,
    Table,
    and_,
    delete,
    func,
    insert,
    select,
    tuple_,
    type_coerce,
    update,
)

from dialer.store import tables, vault_tables
from dialer.store.port import StoreError
from dialer.store.tables import UtcTime

CHUNK = 2000
TABLES: dict[str, MetaData] = {"vault": vault_tables.vault, "ledger": tables.ledger}
Found = tuple[Any, ...]
#: Told now and then: table, rows dealt with, rows there are.
Told = Callable[[str, int, int], None]


class Different(StoreError):
    """A copy is not what it was made from."""

    def __init__(self, table: str, key: Found) -> None:
        super().__init__(f"table {table} differs from its copy at {key}")
        self.table = table


def order(name: str) -> list[Table]:
    """The tables of a database; those that others refer to come first."""
    return TABLES[name].sorted_tables


def counts(connection: Connection, name: str) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: int(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
        )
        for table in order(name)
    }


def copy(source: Connection, target: Engine, name: str, told: Told) -> int:
    """Make the target's tables those of the source, in transactions of a chunk each.
    -> rows written"""
    written = 0
    for table in order(name):
        total = source.execute(select(func.count()).select_from(table)).scalar_one()
        done = 0
        for after, last, rows in chunks(source, table):
            with target.begin() as connection:
                written += settle(connection, table, rows, after, last)
            done += len(rows)
            told(table.name, done, total)
    return written


def verify(
    source: Connection, target: Connection, name: str, told: Told
) -> dict[str, int]:
    """Compare every row. -> rows by table. Different."""
    found = dict[str, int]()
    for table in order(name):
        found[table.name] = 0
        for after, last, rows in chunks(source, table):
            there = list(target.execute(span(table, after, last)))
            for mine, other in zip(rows, there, strict=False):
                if mine != tuple(other):
                    raise Different(table.name, key(table, mine))
            if len(rows) != len(there):
                raise Different(table.name, after or ())
            found[table.name] += len(rows)
            told(table.name, found[table.name], found[table.name])
    return found


# --- rows in the order of their keys


def columns(table: Table) -> list[Any]:
    """As the database holds them: times are text."""
    return [
        type_coerce(column, String) if isinstance(column.type, UtcTime) else column
        for column in table.columns
    ]


def key(table: Table, row: Sequence[Any]) -> Found:
    names = list(table.columns.keys())
    return tuple(row[names.index(c.name)] for c in table.primary_key)


def span(
    table: Table, after: Found | None, last: Found | None, limit: int | None = None
) -> Select[Any]:
    """Rows whose keys lie beyond `after` and not beyond `last`."""
    mine = tuple_(*table.primary_key)
    within = [mine > after] if after else []
    within += [mine <= last] if last else []
    found = select(*columns(table)).where(*within).order_by(*table.primary_key)
    return found if limit is None else found.limit(limit)


def chunks(
    source: Connection, table: Table
) -> Iterator[tuple[Found | None, Found | None, list[Found]]]:
    """-> after which key, up to which (None: to the end), the rows. The last chunk may
    be empty: so is told that nothing may be there."""
    after: Found | None = None
    while True:
        rows = [tuple(r) for r in source.execute(span(table, after, None, CHUNK))]
        last = key(table, rows[-1]) if len(rows) == CHUNK else None
        yield after, last, rows
        if last is None:
            return
        after = last


def settle(
    connection: Connection,
    table: Table,
    rows: Sequence[Found],
    after: Found | None,
    last: Found | None,
) -> int:
    """Make the target's part of a table what the source's is. -> rows written"""
    there = {
        key(table, r): tuple(r) for r in connection.execute(span(table, after, last))
    }
    mine = {key(table, row): row for row in rows}
    for gone in there.keys() - mine.keys():
        connection.execute(delete(table).where(at(table, gone)))
    new = [row for name, row in mine.items() if name not in there]
    changed = [row for n, row in mine.items() if n in there and there[n] != row]
    for row in changed:
        values = named(table, row)
        connection.execute(
            update(_plain(table)).where(at(table, key(table, row))), values
        )
    if new:
        pour(connection, table, new)
    return len(new) + len(changed) + len(there.keys() - mine.keys())


def at(table: Table, name: Found) -> Any:
    return and_(*(c == v for c, v in zip(table.primary_key, name, strict=True)))


def named(table: Table, row: Found) -> Mapping[str, Any]:
    return dict(zip(table.columns.keys(), row, strict=True))


def pour(connection: Connection, table: Table, rows: Sequence[Found]) -> None:
    """New rows, the fastest way the engine has."""
    if connection.dialect.name != "postgresql":
        found = [named(table, row) for row in rows]
        connection.execute(insert(_plain(table)), found)
        return
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(map(quote, table.columns.keys()))
    cursor: Any = connection.connection.cursor()
    with cursor.copy(f"COPY {quote(table.name)} ({names}) FROM STDIN") as into:
        for row in rows:
            into.write_row(row)


_plains: dict[str, Table] = {}


def _plain(table: Table) -> Table:
    """The table with its times as the text they are."""
    if table.name not in _plains:
        made = table.to_metadata(MetaData())
        for column in made.columns:
            if isinstance(column.type, UtcTime):
                column.type = String(27)
        _plains[table.name] = made
    return _plains[table.name]
