"""A statement of the hot path: compiled once, run on the driver's own cursor.

SQLAlchemy writes the SQL for the dialect (there is one set of statements), but to
execute one costs it 20 µs, and the driver 4; an attempt's life takes a dozen. What goes
in and comes out is what the database holds: times are text (`tables.stamp`).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, bindparam
from sqlalchemy.sql.expression import ClauseElement, SelectBase

from dialer.store.port import StoreDown

T = TypeVar("T")
Values = Mapping[str, object]
Fill = Callable[[Values], object]
Names = tuple[str, ...]
Order = Callable[[Sequence[tuple[object, ...]]], Sequence[object]]


class Conflict(Exception):
    """A row breaks a constraint: somebody was quicker."""


class Prepared:
    """`values` give the statement's bind parameters by name, all that it does not give
    itself. No expanding parameters: their SQL varies."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Fill]] = {}
        self._orders: dict[tuple[str, Names], Order] = {}
        self._row = row_type(statement)

    def run(self, connection: Connection, values: Values) -> Any:
        """The driver's cursor. StoreDown."""
        sql, fill = self._sql(connection)
        return execute(connection, "execute", sql, fill(values))

    def many(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Once for each row, in one go."""
        if not rows:
            return
        sql, fill = self._sql(connection)
        execute(connection, "executemany", sql, list(map(fill, rows)))

    def tuples(
        self, connection: Connection, names: Names, rows: Sequence[tuple[object, ...]]
    ) -> None:
        """As `many`, of rows that hold their values in the order of `names`. The
        quickest way in, where that is the driver's order too."""
        if not rows:
            return
        sql, _ = self._sql(connection)
        key = connection.dialect.name, names
        ordered = self._orders.get(key)
        if ordered is None:
            ordered = self._orders[key] = self._order(connection, names)
        execute(connection, "executemany", sql, ordered(rows))

    def _order(self, connection: Connection, names: Names) -> Order:
        made: Any = self._statement.compile(dialect=connection.dialect)
        if not made.positional:
            return lambda rows: [dict(zip(names, row, strict=True)) for row in rows]
        if tuple(made.positiontup) == names:
            return lambda rows: rows
        pick = itemgetter(*(names.index(name) for name in made.positiontup))
        return lambda rows: list(map(pick, rows))

    def all(self, connection: Connection, values: Values) -> list[Any]:
        """The rows by column name."""
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


MOST = 256  # entries in a list of `Listed`: SQLite takes 32,766 parameters in all
Lists = Callable[[str], list[BindParameter[Any]]]


class Listed:
    """A statement over lists (`IN`), prepared for lists of 1, 2, 4 ... entries: a list
    is filled up with its last entry, so that there are few texts.

    `make` builds it and gets a function that names a list's parameters. All lists of
    one run are of one length, from 1 to MOST (see `parts`)."""

    def __init__(self, make: Callable[[Lists], ClauseElement]) -> None:
        self._make = make
        self._sizes: dict[int, tuple[Prepared, dict[str, list[str]]]] = {}

    def all(
        self,
        connection: Connection,
        lists: Mapping[str, Sequence[object]],
        values: Values | None = None,
    ) -> list[Any]:
        """The rows by column name."""
        (length,) = {len(entries) for entries in lists.values()}
        statement, names = self.sized(1 << (length - 1).bit_length())
        whole = dict(values or {})
        for name, entries in lists.items():
            whole.update(zip(names[name], entries, strict=False))
            whole.update(dict.fromkeys(names[name][length:], entries[-1]))
        return statement.all(connection, whole)

    def sized(self, size: int) -> tuple[Prepared, dict[str, list[str]]]:
        """The statement for lists of `size` entries, and its parameters' names."""
        found = self._sizes.get(size)
        if found is None:
            names = dict[str, list[str]]()

            def name(listed: str) -> list[BindParameter[Any]]:
                names[listed] = [f"{listed}_{i}" for i in range(size)]
                return [bindparam(each) for each in names[listed]]

            found = self._sizes[size] = Prepared(self._make(name)), names
        return found


def parts(entries: Sequence[T]) -> list[Sequence[T]]:
    """Lists of at most MOST."""
    return [entries[i : i + MOST] for i in range(0, len(entries), MOST)]


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
    except dbapi.Error as error:
        cut = getattr(connection.connection.dbapi_connection, "broken", False)
        if cut or isinstance(error, dbapi.OperationalError):
            raise StoreDown(f"storage does not answer: {error}") from error
        if isinstance(error, dbapi.IntegrityError):
            raise Conflict(str(error)) from error
        raise
    return cursor
