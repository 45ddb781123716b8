"""The vault: personal data, sealed record by record; tokens for everything else."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, func, insert, select

from dialer.agreements.sums import Sums
from dialer.model import Personal
from dialer.store import seal
from dialer.store.keys import TenantKey
from dialer.store.port import KeyMissing, NotFound, StoreError
from dialer.store.prepared import Prepared
from dialer.store.rows import text
from dialer.store.runner import Runner
from dialer.store.vault_tables import keyring, records
from dialer.store.work import Work

PREFIX = {"person": "p_", "number": "n_", "account": "a_", "contact": "c_"}
TOKEN_BYTES = 16
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
PAIRS = [one + other for one in LETTERS for other in LETTERS]
_record = select(records).where(records.c.contact_id == bindparam("contact_id"))
_known = select(records.c.contact_id).where(
    records.c.contact_id.in_(bindparam("ids", expanding=True))
)
_insert = Prepared(insert(records).values({n: bindparam(n) for n in records.c.keys()}))  # noqa: SIM118
_version = select(keyring.c.version).where(keyring.c.version == bindparam("version"))


def unlock(work: Work, key: TenantKey) -> tuple[TenantKey, bytes]:
    """Find which key at hand opens the vault; an empty vault takes the key.
    -> the key to write with, the token secret. KeyMissing: none of them opens it."""
    ring = work.connection.execute(select(keyring).order_by(keyring.c.version)).all()
    if not ring:
        return key, found(work, key)
    for row in ring:
        mine = key.known().get(row.version)
        if mine is not None:
            return mine, seal.open_keyring(mine, row.check_value, row.token_secret)
    raise KeyMissing(
        f"the vault was made with version {ring[-1].version} of the tenant key,"
        f" and this is version {key.version}; put back the right key"
    )


def found(work: Work, key: TenantKey) -> bytes:
    """Make the keyring of a new vault."""
    if work.connection.execute(select(func.count()).select_from(records)).scalar_one():
        raise StoreError("the vault has records and no keyring: it was tampered with")
    secret = secrets.token_bytes(32)
    work.connection.execute(insert(keyring), seal.keyring_row(key, secret))
    return secret


class SealedVault:
    """`port.Vault` on any SQL database."""

    def __init__(self, runner: Runner, key: TenantKey, known: TenantKey, secret: bytes):
        self._runner = runner
        self._key = key  # to write with
        self._known = known.known()  # to read with
        #: HMAC with its key already in it: half the work of each token.
        self._inner, self._outer = (
            hashlib.sha256(bytes(sign ^ pad for sign in secret.ljust(64, b"\0")))
            for pad in (0x36, 0x5C)
        )

    def token(self, kind: str, value: str) -> str:
        """HMAC-SHA256 (RFC 2104) of kind and value, the first 128 bits in base32:
        letters and 2-7 only, so that no token reads as a phone number."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"{kind}\0{value}".encode())
        outer.update(inner.digest())
        return PREFIX[kind] + base32(outer.digest()[:TOKEN_BYTES])

    async def put(self, new: Mapping[str, Personal]) -> int:
        """KeyMissing: the key was rotated since this vault was opened."""
        rows = [seal.close(self._key, name, value) for name, value in new.items()]
        return await self._runner.write(lambda work: put(work, self._key.version, rows))

    async def get(self, contact_id: str) -> Personal:
        key, wrapped, ciphertext = await self._sealed("contact", contact_id)
        return seal.reveal(key, contact_id, wrapped, ciphertext)

    async def keep(self, sums: Sums) -> None:
        """KeyMissing: as `put`."""
        plain = {"currency": sums.currency, "sums": sums.sums, "salt": sums.salt.hex()}
        row = seal.close_text(self._key, sums_name(sums.commit), text(plain))
        version = self._key.version
        await self._runner.write(lambda work: put(work, version, [row]))

    async def sums(self, commit: str) -> Sums:
        """NotFound: they were erased. Tampered: they are not what was bound to."""
        name = sums_name(commit)
        key, wrapped, ciphertext = await self._sealed("sums", name)
        found = json.loads(seal.reveal_text(key, name, wrapped, ciphertext))
        sums = Sums(
            found["currency"], tuple(found["sums"]), bytes.fromhex(found["salt"])
        )
        if sums.commit != commit:
            raise seal.Tampered(name)
        return sums

    async def _sealed(self, kind: str, name: str) -> tuple[TenantKey, bytes, bytes]:
        row = await self._runner.read(lambda connection: get(connection, kind, name))
        key = self._known.get(row[0])
        if key is None:
            raise KeyMissing(
                f"the record of {name} needs version {row[0]} of the tenant key:"
                " it was rotated; start this process anew"
            )
        return key, row[1], row[2]


def base32(found: bytes) -> str:
    """RFC 4648 in small letters without padding, of TOKEN_BYTES: as `base64.b32encode`
    gives it, which is written in Python and takes four times as long."""
    bits = int.from_bytes(found) << 2  # 130: 13 pairs of letters
    return "".join([PAIRS[bits >> shift & 1023] for shift in range(120, -1, -10)])


def sums_name(commit: str) -> str:
    """Under what name the records hold them."""
    return f"s_{commit[:32]}"


def put(work: Work, version: int, rows: list[dict[str, object]]) -> int:
    if work.connection.execute(_version, {"version": version}).first() is None:
        raise KeyMissing("the tenant key was rotated; start this process anew")
    ids = [row["contact_id"] for row in rows]
    there = set(work.connection.execute(_known, {"ids": ids}).scalars())
    new = [row for row in rows if row["contact_id"] not in there]
    if new:
        _insert.many(work.connection, new)
    return len(new)


def get(connection: Connection, kind: str, name: str) -> tuple[int, bytes, bytes]:
    row = connection.execute(_record, {"contact_id": name}).first()
    if row is None:
        raise NotFound(kind, name)
    return row.key_version, row.wrapped, row.ciphertext
