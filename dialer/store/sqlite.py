"""The embedded driver: two SQLite files, no server.

`sqlcipher3` is used as the SQLite it carries, without a SQLCipher key (see
docs/decisions/0008-sqlite-driver.md): the ledger holds only tokens and masked text and
stays readable by any SQLite; the vault's records are sealed one by one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import sqlcipher3.dbapi2 as sqlite
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

from dialer.store import schema
from dialer.store.port import StoreError, Stores

OLDEST = (3, 51, 3)  # older ones may corrupt a WAL file (sqlite.org/wal.html)
PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",  # a commit that returned survives the power's end
    "foreign_keys = ON",
    "busy_timeout = 5000",  # another process writes: wait, then StoreDown
    "trusted_schema = OFF",
    "wal_autocheckpoint = 4000",
    "cache_size = -65536",
)


def open_engine(path: Path, *, reader: bool = False) -> Engine:
    """An engine on one file. Writers take the lock when they begin, so that two
    processes wait for each other and never fail in the middle."""
    if sqlite.sqlite_version_info < OLDEST:
        raise StoreError(
            f"SQLite {sqlite.sqlite_version} is too old: 3.51.3 or newer is needed"
        )

    def connect() -> Any:
        found = sqlite.connect(str(path), isolation_level=None, check_same_thread=False)
        for pragma in (*PRAGMAS, *(["query_only = ON"] if reader else [])):
            found.execute(f"PRAGMA {pragma}").fetchall()
        return found

    engine = create_engine(
        "sqlite://", module=sqlite, creator=connect, poolclass=QueuePool
    )
    begin = "BEGIN" if reader else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
