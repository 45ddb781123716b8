"""Carry an installation's databases into a server's, and leave one that may call.

While it is under way the server's databases have a table `moving` that names where the
rows come from: no engine opens them. At the end every row has been compared, the files
are marked as moved (no engine opens those either), and `moving` is dropped. Cut off
anywhere, it is run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select, text

from dialer.store import copying, postgres, roles, schema
from dialer.store.address import Addresses
from dialer.store.copying import Told
from dialer.store.port import Refused
from dialer.store.runner import translated
from dialer.store.sqlite import open_engine
from dialer.store.vault_tables import keyring

NAMES = ("vault", "ledger")
Files = Mapping[str, Path]


def move(
    source: Files, target: Addresses, owner: str, told: Told, *, mark: bool = True
) -> dict[str, dict[str, int]]:
    """`mark`: the files will not be opened again (not for a backup that is restored).
    -> rows by table, all compared. Refused: the target has other data."""
    with translated(), ExitStack() as stack:
        mine = {n: stack.enter_context(held(source[n], n, marked=mark)) for n in NAMES}
        identity = whose(mine["vault"])
        engines = dict[str, Engine]()
        for name in NAMES:
            address = target.items()[name].owned_by(owner)
            engines[name] = postgres.open_engine(address)
            stack.callback(engines[name].dispose)
            begin(engines[name], name, identity)
        found = dict[str, dict[str, int]]()
        for name in NAMES:
            with engines[name].begin() as connection:
                schema.upgrade_on(connection, name)
            copying.copy(mine[name], engines[name], name, told)
            with engines[name].begin() as connection:
                found[name] = copying.verify(mine[name], connection, name, told)
                continued(connection, name)
                roles.grant(connection, name, target)
        if mark:
            for name in NAMES:
                mine[name].execute(text(MARK), {"moved": schema.MOVED})
                mine[name].commit()
        for name in NAMES:
            with engines[name].begin() as connection:
                connection.execute(text(f"DROP TABLE {schema.MOVING}"))
        return found


MARK = "UPDATE alembic_version SET version_num = :moved"


@contextmanager
def held(path: Path, name: str, *, marked: bool) -> Iterator[Connection]:
    """The file, with its writer's lock: nobody changes it until we are done."""
    if not path.exists():
        raise Refused(f"{path}: there is no database")
    engine = open_engine(path, reader=not marked)
    try:
        with engine.connect() as connection:
            connection.begin()
            if schema.revision(connection) != schema.MOVED:
                schema.check(connection, name)
            yield connection
    finally:
        engine.dispose()


def whose(vault: Connection) -> str:
    """What no other installation has: a digest of the proof of its first key."""
    row = select(keyring.c.check_value).order_by(keyring.c.version).limit(1)
    found = vault.execute(row).scalar()
    if found is None:
        raise Refused("this vault was never opened: there is nothing to move")
    return hashlib.sha256(found).hexdigest()


def begin(engine: Engine, name: str, identity: str) -> None:
    """Refused: the database has rows that we did not bring."""
    with engine.begin() as connection:
        postgres.usable(connection)
        if inspect(connection).has_table(schema.MOVING):
            there = connection.execute(text(f"SELECT source FROM {schema.MOVING}"))
            if there.scalar() != identity:
                raise Refused(
                    f"the {name} database there is being filled from another"
                    " installation: drop and create it to begin anew"
                )
            return
        if schema.revision(connection) is not None:
            schema.check(connection, name)
            if any(copying.counts(connection, name).values()):
                raise Refused(f"the {name} database there has data: it must be empty")
        connection.execute(text(f"CREATE TABLE {schema.MOVING} (source text NOT NULL)"))
        said = text(f"INSERT INTO {schema.MOVING} VALUES (:source)")
        connection.execute(said, {"source": identity})


def continued(connection: Connection, name: str) -> None:
    """New attempts are numbered on from those that were brought."""
    if name == "ledger":
        last = "(SELECT coalesce(max(row), 0) FROM attempts)"
        connection.execute(
            text(f"SELECT setval('attempts_row_seq', greatest({last}, 1), {last} > 0)")
        )
