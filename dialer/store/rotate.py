"""Give the vault a new tenant key: every data key is wrapped anew, no record is opened.

Both keys stay known until the last record has moved, so a crash at any point leaves a
vault that opens, and a second run goes on. Tokens do not change: their secret lives in
the keyring under both keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import bindparam, delete, insert, select, update

from dialer.store import keys, postgres, seal
from dialer.store.address import Address
from dialer.store.keys import TenantKey
from dialer.store.port import KeyMissing, Refused
from dialer.store.runner import Runner
from dialer.store.server_runner import ServerRunner
from dialer.store.sqlite import prepared
from dialer.store.vault import unlock
from dialer.store.vault_tables import keyring, records
from dialer.store.work import Work

CHUNK = 500

_held = (
    select(records.c.contact_id, records.c.wrapped)
    .where(records.c.key_version == bindparam("old"))
    .limit(bindparam("limit"))
)
_rewrap = (
    update(records)
    .where(records.c.contact_id == bindparam("wanted"))
    .values(wrapped=bindparam("sealed"), key_version=bindparam("new"))
)


async def rotate(
    vault: Path | Address, key_file: Path, environ: Mapping[str, str]
) -> int:
    """Begin a rotation, or go on with one. -> data keys wrapped by this run.
    Refused: the key comes from the environment and the next one does not."""
    key = begin(key_file, environ)
    if isinstance(vault, Address):
        engines = await asyncio.to_thread(postgres.prepared, vault, "vault")
        opened: Runner = ServerRunner(*engines, readers=1)
    else:
        engines = await asyncio.to_thread(prepared, vault, "vault")
        opened = Runner(*engines, readers=1)
    async with opened as runner:
        count = await move_all(runner, key)
    if keys.ENVIRONMENT not in environ:
        keys.replace(key_file)
    return count


def begin(key_file: Path, environ: Mapping[str, str]) -> TenantKey:
    """The key, with the one that follows it safe on disk before anything uses it."""
    key = keys.load_key(key_file, environ)
    if key.following is not None:
        return key
    if keys.ENVIRONMENT in environ:
        raise Refused(
            f"the tenant key is in {keys.ENVIRONMENT}: put the next one (a higher"
            f" version) in {keys.ENVIRONMENT}_NEXT, then rotate"
        )
    keys.write(keys.next_file(key_file), keys.new_key(key.version + 1))
    return keys.load_key(key_file, environ)


async def move_all(runner: Runner, key: TenantKey) -> int:
    new = key.following
    if new is None:
        raise KeyMissing("there is no next tenant key to rotate to")
    await runner.write(lambda work: add_key(work, key, new))
    total = 0
    while moved := await runner.write(lambda work: move_some(work, key, new)):
        total += moved
    return total


def add_key(work: Work, key: TenantKey, new: TenantKey) -> None:
    """Put the new key into the keyring, beside the old."""
    _, secret = unlock(work, key)
    there = select(keyring.c.version).where(keyring.c.version == new.version)
    if work.connection.execute(there).first() is None:
        work.connection.execute(insert(keyring), seal.keyring_row(new, secret))


def move_some(work: Work, old: TenantKey, new: TenantKey, *, limit: int = CHUNK) -> int:
    """Wrap a chunk anew; when none is left, drop the old key, in one transaction: who
    still writes with it is refused from then on."""
    rows = work.connection.execute(_held, {"old": old.version, "limit": limit}).all()
    moved = [
        {
            "wanted": row.contact_id,
            "new": new.version,
            "sealed": seal.wrap(
                new, row.contact_id, seal.unwrap(old, row.contact_id, row.wrapped)
            ),
        }
        for row in rows
    ]
    if moved:
        work.connection.execute(_rewrap, moved)
    else:
        gone = delete(keyring).where(keyring.c.version == old.version)
        work.connection.execute(gone)
    return len(moved)
