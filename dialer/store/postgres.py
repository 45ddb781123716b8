"""The driver for many nodes: two databases of one PostgreSQL, three credentials.

The same statements as on SQLite. What one writer at a time gives there is given here by
row locks, by advisory locks (`work.Lock`) and by constraints; see
docs/decisions/0040-postgresql.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

from sqlalchemy import Connection, Engine, create_engine, text

from dialer.store import roles, schema
from dialer.store.address import Address, Addresses
from dialer.store.agreements import Pens, no_pen
from dialer.store.assembly import assembled
from dialer.store.keys import TenantKey
from dialer.store.port import StoreError, Stores
from dialer.store.runner import Told, translated, untold
from dialer.store.server_runner import ServerRunner
from dialer.store.vault import unlock
from dialer.store.wakes import Listening
from dialer.store.work import Lock, Work

OLDEST = 15
READERS = 4
#: What every connection says. A node that froze in a transaction is cut off, so that it
#: does not keep its locks; a commit that returned survives the power's end.
SESSION = {
    "search_path": "public",
    "timezone": "UTC",
    "synchronous_commit": "on",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "10s",
}


def open_engine(
    address: Address, *, reader: bool = False, node: str = "", size: int = 1
) -> Engine:
    """An engine on one database. Readers see one snapshot a transaction, and cannot
    write. StoreError: the password file."""
    session = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    manner = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return create_engine(
        address.url,
        connect_args={
            **address.arguments(),
            "options": session,
            "application_name": f"accord {node}".strip(),
        },
        pool_size=size,
        max_overflow=0,
        pool_pre_ping=True,  # after the server was started anew
        execution_options=manner if reader else {},
        hide_parameters=True,
    )


def usable(connection: Connection) -> None:
    """StoreError: too old, or it would sort and compare otherwise than we do."""
    version = int(connection.scalar(text("SHOW server_version_num")) or 0) // 10000
    if version < OLDEST:
        raise StoreError(
            f"PostgreSQL {version} is too old: {OLDEST} or newer is needed"
        )
    asked = text(
        "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database"
        " WHERE datname = current_database()"
    )
    encoding, collation = connection.execute(asked).one()
    if encoding != "UTF8" or collation.split(".")[0] not in ("C", "POSIX"):
        raise StoreError(
            f"the database has encoding {encoding} and collation {collation};"
            " UTF8 and C are needed (`dialer db roles` writes how to create it)"
        )


def prepared(address: Address, name: str, node: str = "") -> tuple[Engine, Engine]:
    """-> a writer and readers on a database. SchemaError: it needs
    `dialer db upgrade`. StoreDown, StoreError: not usable."""
    with translated(), ExitStack() as if_refused:
        writer = open_engine(address, node=node)
        if_refused.callback(writer.dispose)
        with writer.begin() as connection:
            usable(connection)
            if schema.check(connection, name, ahead=1) is None:
                raise schema.SchemaError(
                    f"the {name} database has no tables yet: run `dialer db upgrade`"
                )
        if_refused.pop_all()
        return writer, open_engine(address, reader=True, node=node, size=READERS)


def upgrade_database(
    address: Address, name: str, addresses: Addresses
) -> tuple[str | None, str]:
    """Create or upgrade one database, as the role that owns it, and give the working
    roles what they need. -> its schema before and after"""
    with translated():
        engine = open_engine(address)
        try:
            with engine.begin() as connection:
                usable(connection)
                Work(connection).alone(Lock.UPGRADE)
                found = schema.upgrade_on(connection, name)
                roles.grant(connection, name, addresses)
                return found
        finally:
            engine.dispose()


def schema_of(address: Address) -> str | None:
    """The schema of one database; None: it has no tables yet."""
    with translated():
        engine = open_engine(address, reader=True)
        try:
            with engine.begin() as connection:
                return schema.revision(connection)
        finally:
            engine.dispose()


@asynccontextmanager
async def open_postgres(
    addresses: Addresses,
    key: TenantKey,
    pens: Pens = no_pen,
    told: Told = untold,
    *,
    node: str = "",
) -> AsyncIterator[Stores]:
    """All of storage on a server. As `open_sqlite`; but databases are made by
    `dialer db upgrade` only."""
    async with AsyncExitStack() as stack:

        async def runner(
            address: Address, name: str, told: Told = untold
        ) -> ServerRunner:
            engines = await asyncio.to_thread(prepared, address, name, node)
            return await stack.enter_async_context(
                ServerRunner(*engines, readers=READERS, told=told)
            )

        private = await runner(addresses.vault, "vault")
        opened, secret = await private.write(lambda work: unlock(work, key))
        shared = await runner(addresses.ledger, "ledger", told)
        feed = await runner(addresses.evidence, "ledger")
        wakes = Listening(lambda: open_engine(addresses.ledger, node=node))
        keys = opened, key, secret
        yield assembled(private, shared, keys, pens, feed=feed, wakes=wakes)
