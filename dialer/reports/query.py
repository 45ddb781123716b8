"""Questions in SQL to the analysts' store, answered by DuckDB.

A question reads what the store's list names and nothing else: one SELECT, no other
files, no network, no extensions, no settings; so much memory, so many seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Timer
from typing import Any

from dialer.reports import manifest
from dialer.reports.columns import TABLES, Kind
from dialer.reports.manifest import Manifest
from dialer.store.port import StoreError

AT_ONCE = 1000  # rows fetched at once
TYPES = {
    Kind.TEXT: "VARCHAR",
    Kind.WHOLE: "INTEGER",
    Kind.NUMBER: "DOUBLE",
    Kind.YES_NO: "BOOLEAN",
    Kind.TIME: "TIMESTAMP WITH TIME ZONE",
    Kind.LOCAL: "TIMESTAMP",
    Kind.DAY: "DATE",
    Kind.LIST: "VARCHAR[]",
    Kind.MAP: "MAP(VARCHAR, VARCHAR)",
    Kind.FIGURES: "MAP(VARCHAR, DOUBLE)",
}
VIEWS = """
CREATE VIEW agreements AS SELECT * FROM {agreements}
    QUALIFY row_number() OVER (PARTITION BY agreement_id ORDER BY seq DESC) = 1;
CREATE VIEW attempts AS SELECT a.*, s.state AS agreement_state FROM {attempts} a
    LEFT JOIN (SELECT agreement_id, arg_max(state, seq) AS state FROM {agreements}
        GROUP BY agreement_id) s USING (agreement_id) WHERE {only};
CREATE VIEW turns AS SELECT * FROM {turns} WHERE {only};
"""


class Wrong(StoreError):
    """A question that cannot be answered; the text says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one question may use."""

    memory: str = "1GB"
    seconds: float = 60


@dataclass(frozen=True, slots=True)
class Only:
    """Of which attempts and turns: a campaign's, of days from one to another."""

    campaign: str | None = None  # its name
    since: date | None = None
    until: date | None = None

    def sql(self) -> str:
        """As a condition."""
        parts = ["true"]
        if self.campaign is not None:
            parts.append(f"campaign = {_text(self.campaign)}")
        if self.since:
            parts.append(f"date >= DATE '{self.since}'")
        if self.until:
            parts.append(f"date <= DATE '{self.until}'")
        return " AND ".join(parts)


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns by name, and the rows as they come."""

    columns: Sequence[str]
    rows: Iterator[tuple[Any, ...]]


@contextmanager
def asked(folder: Path, sql: str, only: Only, limits: Limits) -> Iterator[Answer]:
    """Ask one question. Wrong: no single SELECT, out of bounds, or out of time. Damaged
    as in `manifest`."""
    import duckdb

    with (
        manifest.reading(folder) as found,
        tempfile.TemporaryDirectory(prefix="accord-query-") as spill,
        duckdb.connect(":memory:", config=_config(limits, spill)) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        late = Timer(limits.seconds, connection.interrupt)
        late.daemon = True
        try:
            _prepare(connection, folder, found, only)
            question = _checked(connection, sql)
            late.start()
            _run(pool, connection, lambda: connection.execute(question))
            names = [column[0] for column in connection.description]
            yield Answer(names, _fetched(pool, connection))
        except duckdb.InterruptException:
            raise Wrong(f"stopped after {limits.seconds:g} seconds") from None
        except duckdb.Error as error:
            raise Wrong(str(error).strip()) from error
        finally:
            late.cancel()


def _config(limits: Limits, spill: str) -> dict[str, Any]:
    return {
        "memory_limit": limits.memory,
        "temp_directory": spill,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }


def _prepare(connection: Any, folder: Path, found: Manifest, only: Only) -> None:
    """The views; then the door is shut."""
    tables = {name: _table(folder, found, name) for name in TABLES}
    connection.execute(VIEWS.format(**tables, only=only.sql()))
    paths = [str(folder / piece.path) for piece in found.pieces]
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # it would be in the answer
    connection.execute(f"SET allowed_paths = {_listed(paths)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _table(folder: Path, found: Manifest, name: str) -> str:
    paths = [str(folder / p.path) for p in found.pieces if p.table == name]
    if paths:
        return f"read_parquet({_listed(paths)}, hive_partitioning = false)"
    blank = (f'NULL::{TYPES[kind]} AS "{n}"' for n, kind in TABLES[name].items())
    return f"(SELECT {', '.join(blank)} WHERE false)"


def _listed(paths: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, paths))}]"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _checked(connection: Any, sql: str) -> Any:
    """The one SELECT that it is: everything else could write, or change the rules.
    (EXPLAIN ANALYZE runs what it explains.)"""
    import duckdb

    found = connection.extract_statements(sql)
    if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
        raise Wrong("a question is one SELECT (or DESCRIBE, SUMMARIZE, SHOW TABLES)")
    return found[0]


def _fetched(pool: ThreadPoolExecutor, connection: Any) -> Iterator[tuple[Any, ...]]:
    while rows := _run(pool, connection, lambda: connection.fetchmany(AT_ONCE)):
        yield from rows


def _run(pool: ThreadPoolExecutor, connection: Any, work: Callable[[], Any]) -> Any:
    """In another thread: only so does Ctrl-C reach us while DuckDB is at work."""
    begun = pool.submit(work)
    try:
        return begun.result()
    except KeyboardInterrupt:
        connection.interrupt()
        wait([begun])
        raise
