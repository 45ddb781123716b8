"""A statement of the hot path: compiled once, run on the driver's own cursor.

SQLAlchemy writes the SQL for the dialect (there is one set of statements), but to
execute one costs it 20 µs, and the driver 4; an attempt's life takes a dozen. What goes
in and comes out is what the database holds: times are text (`tables.stamp`).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.expression import ClauseElement, SelectBase

from dialer.store.port import StoreDown

Values = Mapping[str, object]


class Prepared:
    """`values` give the statement's bind parameters by name; one that is not given
    keeps what the statement says. No expanding parameters: their SQL varies."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Sequence[str] | None, Values]] = {}
        self._row = row_type(statement)

    def run(self, connection: Connection, values: Values) -> Any:
        """The driver's cursor. StoreDown."""
        sql, order, given = self._sql(connection)
        filled = {**given, **values}
        wanted = filled if order is None else tuple([filled[name] for name in order])
        return execute(connection, "execute", sql, wanted)

    def many(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Once for each row, in one go."""
        sql, order, given = self._sql(connection)
        if order is None:
            execute(connection, "executemany", sql, [{**given, **r} for r in rows])
        else:
            wanted = [tuple([row[name] for name in order]) for row in rows]
            execute(connection, "executemany", sql, wanted)

    def first(self, connection: Connection, values: Values) -> Any:
        """The first row by column name, or None."""
        row = self.run(connection, values).fetchone()
        return None if row is None else self._row._make(row)

    def all(self, connection: Connection, values: Values) -> list[Any]:
        return [self._row._make(row) for row in self.run(connection, values).fetchall()]

    def _sql(self, connection: Connection) -> tuple[str, Sequence[str] | None, Values]:
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            made: Any = self._statement.compile(dialect=dialect)
            order = made.positiontup if made.positional else None
            self._compiled[dialect.name] = str(made), order, made.params
        return self._compiled[dialect.name]


def row_type(statement: ClauseElement) -> Any:
    """A named tuple of the columns that a SELECT gives."""
    if not isinstance(statement, SelectBase):
        return None
    return namedtuple("Found", statement.exported_columns.keys(), rename=True)


def execute(connection: Connection, how: str, sql: str, values: object) -> Any:
    dbapi = connection.dialect.loaded_dbapi
    cursor = connection.connection.cursor()
    try:
        getattr(cursor, how)(sql, values)
    except dbapi.OperationalError as error:
        raise StoreDown(f"storage does not answer: {error}") from error
    return cursor
