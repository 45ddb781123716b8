"""The embedded driver: two SQLite files, no server.

`sqlcipher3` is used as the SQLite it carries, without a SQLCipher key (see
docs/decisions/0008-sqlite-driver.md): the ledger holds only tokens and masked text and
stays readable by any SQLite; the vault's records are sealed one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import sqlcipher3.dbapi2 as sqlite
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

from dialer.store import schema
from dialer.store.agreements import Pens, no_pen
from dialer.store.assembly import assembled
from dialer.store.keys import TenantKey
from dialer.store.port import StoreError, Stores
from dialer.store.runner import Runner, Told, translated, untold
from dialer.store.vault import unlock

READERS = 2
OLDEST = (3, 51, 3)  # older ones may corrupt a WAL file (sqlite.org/wal.html)
ATTACH = 24  # SQLITE_ATTACH, sqlite.org/c3ref/c_alter_table.html
PRAGMAS: tuple[str, ...] = (
    "journal_mode = WAL",
    "synchronous = FULL",  # a commit that returned survives the power's end
    "foreign_keys = ON",
    "busy_timeout = 5000",  # another process writes: wait, then StoreDown
    "trusted_schema = OFF",
    "wal_autocheckpoint = 32000",  # a page that many commits change is copied once
    "cache_size = -65536",
    "mmap_size = 4294967296",  # read without a call and a copy; the kernel's memory
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
        found.set_authorizer(alone)
        return found

    engine = create_engine(
        "sqlite://", module=sqlite, creator=connect, poolclass=QueuePool
    )
    begin = "BEGIN" if reader else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def alone(action: int, *_: str | None) -> int:
    """What SQLite asks when it compiles a statement: no other file is opened beside
    this one, so the ledger's connection reaches no vault (R27)."""
    return int(sqlite.SQLITE_DENY if action == ATTACH else sqlite.SQLITE_OK)


def create_file(path: Path) -> None:
    """Before SQLite does, so that nobody else may read it for a moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


def prepared(path: Path, name: str) -> tuple[Engine, Engine]:
    """-> a writer and a reader on the database, made if there is none yet.
    SchemaError: it needs `dialer db upgrade`. StoreDown, StoreError: not usable."""
    with translated():
        create_file(path)
        writer = open_engine(path)
        with ExitStack() as if_refused:
            if_refused.callback(writer.dispose)
            with writer.begin() as connection:
                found = schema.check(connection, name)
            if found is None:
                schema.upgrade(writer, name)
            if_refused.pop_all()
        return writer, open_engine(path, reader=True)


def upgrade_file(path: Path, name: str) -> tuple[str | None, str]:
    """Create or upgrade one database. -> its schema before and after"""
    with translated():
        create_file(path)
        writer = open_engine(path)
        try:
            return schema.upgrade(writer, name)
        finally:
            writer.dispose()


def schema_of(path: Path) -> str | None:
    """The schema of one database file; None: there is none yet."""
    if not path.exists():
        return None
    with translated():
        reader = open_engine(path, reader=True)
        try:
            with reader.begin() as connection:
                return schema.revision(connection)
        finally:
            reader.dispose()


@asynccontextmanager
async def open_sqlite(
    vault: Path,
    ledger: Path,
    key: TenantKey,
    pens: Pens = no_pen,
    told: Told = untold,
) -> AsyncIterator[Stores]:
    """All of storage on two files (made when they do not exist). `pens` gives what
    signs agreements, when first needed; `told` hears of the ledger's commits.
    Leaving the block lets queued writes finish.
    KeyMissing: `key` does not open this vault."""
    async with AsyncExitStack() as stack:
        engines = await asyncio.to_thread(prepared, vault, "vault")
        private = await stack.enter_async_context(Runner(*engines, readers=READERS))
        usable, secret = await private.write(lambda work: unlock(work, key))
        engines = await asyncio.to_thread(prepared, ledger, "ledger")
        shared = await stack.enter_async_context(
            Runner(*engines, readers=READERS, told=told)
        )
        yield assembled(private, shared, (usable, key, secret), pens)
