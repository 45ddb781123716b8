"""Backups: two SQLite files and what they should be, whichever engine they come from.

The vault's file holds what the vault holds: sealed records. The tenant key is in none
of them. A backup is taken while the engine runs; the ledger first, so that the vault
has all that the ledger refers to.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlcipher3.dbapi2 as sqlite

from dialer.files import sync
from dialer.store import copying, postgres, schema
from dialer.store.address import Addresses
from dialer.store.copying import Told
from dialer.store.port import Refused, StoreError
from dialer.store.runner import translated
from dialer.store.sqlite import create_file, open_engine, schema_of, upgrade_file
from dialer.store.tables import stamp

FORMAT = 1
NAMES = ("ledger", "vault")  # in this order
MANIFEST = "manifest.json"
Files = Mapping[str, Path]


def backup(
    source: Files | Addresses, folder: Path, now: datetime, told: Told
) -> dict[str, Any]:
    """Write a new folder; it appears when it is whole. -> its manifest. Refused: there
    is one already."""
    if folder.exists():
        raise Refused(f"{folder} exists: a backup is never written over another")
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    draft.mkdir(mode=0o700, parents=True)
    try:
        for name in NAMES:
            if isinstance(source, Addresses):
                _from_server(source, name, draft / f"{name}.db", told)
            else:
                _from_file(source[name], draft / f"{name}.db")
        found = describe(draft, now)
        (draft / MANIFEST).write_text(json.dumps(found, indent=1), "utf-8")
        for path in (*draft.iterdir(), draft):
            sync(path)
        draft.rename(folder)
        sync(folder.parent)
        return found
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _from_file(path: Path, into: Path) -> None:
    """SQLite's own copy of one moment; writers go on meanwhile."""
    if not path.exists():
        raise StoreError(f"{path}: there is no database to back up")
    create_file(into)
    with closing(sqlite.connect(str(path), isolation_level=None)) as connection:
        try:
            connection.execute("VACUUM INTO ?", (str(into),))
        except sqlite.DatabaseError as error:
            raise StoreError(f"{path}: not backed up: {error}") from error


def _from_server(source: Addresses, name: str, into: Path, told: Told) -> None:
    """Row by row out of one snapshot."""
    upgrade_file(into, name)
    with translated():
        reader = postgres.open_engine(source.items()[name], reader=True)
        writer = open_engine(into)
        try:
            with reader.begin() as connection:
                schema.check(connection, name)
                copying.copy(connection, writer, name, told)
                with writer.begin() as copied:
                    copying.verify(connection, copied, name, told)
            with writer.connect() as whole:
                raw: Any = whole.connection.driver_connection
                raw.execute("PRAGMA journal_mode = DELETE").fetchall()
        finally:
            reader.dispose()
            writer.dispose()


def describe(folder: Path, now: datetime) -> dict[str, Any]:
    """What a folder's databases are: schema, rows by table, SHA-256 of the file."""
    found: dict[str, Any] = {"format": FORMAT, "made_at": stamp(now)}
    for name in NAMES:
        path = folder / f"{name}.db"
        with closing(sqlite.connect(str(path))) as connection:
            revision = connection.execute("SELECT version_num FROM alembic_version")
            rows = {
                table.name: connection.execute(
                    f'SELECT count(*) FROM "{table.name}"'
                ).fetchone()[0]
                for table in copying.order(name)
            }
            found[name] = {"schema": revision.fetchone()[0], "rows": rows}
        with path.open("rb") as file:
            found[name]["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def checked(folder: Path) -> dict[str, Any]:
    """The manifest of a backup that is what it says. Refused: it is not."""
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        if found["format"] != FORMAT:
            raise Refused(f"{folder}: a backup of another form ({found['format']})")
        for name in NAMES:
            with (folder / f"{name}.db").open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != found[name]["sha256"]:
                raise Refused(f"{folder}: {name}.db is not what the backup was")
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise Refused(f"{folder}: not a backup ({error})") from error
    return found


def restore_files(folder: Path, target: Files) -> None:
    """Put a checked backup where there is no data. Refused: there is."""
    for name in NAMES:
        if target[name].exists() and not empty_file(target[name], name):
            raise Refused(f"{target[name]} has data: it is not overwritten")
    for name in NAMES:
        path = target[name]
        draft = path.with_name(f".{path.name}.restored")
        draft.unlink(missing_ok=True)
        create_file(draft)
        shutil.copyfile(folder / f"{name}.db", draft)
        sync(draft)
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        draft.rename(path)
        sync(path.parent)
        upgrade_file(path, name)


def empty_file(path: Path, name: str) -> bool:
    if schema_of(path) is None:
        return True
    with translated():
        engine = open_engine(path, reader=True)
        try:
            with engine.begin() as connection:
                found = copying.counts(connection, name)
        finally:
            engine.dispose()
    found.pop("keyring", None)  # made when a vault is first opened
    return not any(found.values())
