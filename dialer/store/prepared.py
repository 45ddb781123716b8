"""A statement of the hot path: compiled once, run on the driver's own cursor.

SQLAlchemy writes the SQL for the dialect (there is one set of statements), but to
execute one costs it 20 µs, and the driver 4; an attempt's life takes a dozen. What goes
in and comes out is what the database holds: times are text (`tables.stamp`).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.expression import ClauseElement, SelectBase

from dialer.store.port import StoreDown

Values = Mapping[str, object]
Fill = Callable[[Values], object]


class Prepared:
    """`values` give the statement's bind parameters by name, all that it does not give
    itself. No expanding parameters: their SQL varies."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Fill]] = {}
        self._row = row_type(statement)

    def run(self, connection: Connection, values: Values) -> Any:
        """The driver's cursor. StoreDown."""
        sql, fill = self._sql(connection)
        return execute(connection, "execute", sql, fill(values))

    def many(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Once for each row, in one go."""
        sql, fill = self._sql(connection)
        execute(connection, "executemany", sql, list(map(fill, rows)))

    def first(self, connection: Connection, values: Values) -> Any:
        """The first row by column name, or None."""
        row = self.run(connection, values).fetchone()
        return None if row is None else self._row._make(row)

    def all(self, connection: Connection, values: Values) -> list[Any]:
        return [self._row._make(row) for row in self.run(connection, values).fetchall()]

    def _sql(self, connection: Connection) -> tuple[str, Fill]:
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            made: Any = self._statement.compile(dialect=dialect)
            order = made.positiontup if made.positional else None
            given = {k: v for k, v in made.params.items() if v is not None}
            found = self._compiled[dialect.name] = str(made), filler(order, given)
        return found


def filler(order: Sequence[str] | None, given: Values) -> Fill:
    """From values by name to what the driver takes. KeyError: one is missing."""
    if order is None:
        return lambda values: {**given, **values}
    if not order:
        return lambda values: ()
    if given or len(order) == 1:

        def fill(values: Values) -> object:
            whole = {**given, **values}
            return tuple([whole[name] for name in order])

        return fill
    return itemgetter(*order)


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
