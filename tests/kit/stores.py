"""A real store on files, and synthetic people to put into it."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dialer.agreements.event import Pen
from dialer.evidence.checkpoint import Signer
from dialer.model import Case, Contact, Personal, Source, Verdict
from dialer.store import copying
from dialer.store.address import Address, Addresses
from dialer.store.keys import TenantKey
from dialer.store.port import Batch, Campaign, Claimed, Planned, Review, Stores
from dialer.store.postgres import open_postgres, upgrade_database
from dialer.store.roles import script
from dialer.store.runner import Told, untold
from dialer.store.sqlite import create_file, open_sqlite, upgrade_file
from tests.kit.postgres import PASSWORD, Server

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
LEASE = timedelta(minutes=15)
NODE = "node-1"
KEY = TenantKey(1, bytes(range(32)))


SIGNER = Signer(
    "accord.invalid/log/test", Ed25519PrivateKey.from_private_bytes(KEY.secret)
)
VKEY = SIGNER.vkey
PEN = Pen(f"{SIGNER.origin}+{SIGNER.key_id.hex()}", SIGNER.key.sign)


def allow(case: Case, now: datetime) -> Verdict:
    """A gate that lets everything through."""
    return Verdict(True)


@cache
def empty(name: str) -> bytes:
    """A new database, migrated once a process; tests begin with copies of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.db"
        upgrade_file(path, name)
        return path.read_bytes()


@asynccontextmanager
async def opened(
    home: Path, key: TenantKey = KEY, told: Told = untold
) -> AsyncIterator[Stores]:
    for name in ("vault", "ledger"):
        if not (path := home / f"{name}.db").exists():
            create_file(path)
            path.write_bytes(empty(name))
    vault, ledger = home / "vault.db", home / "ledger.db"
    async with open_sqlite(vault, ledger, key, lambda: PEN, told) as stores:
        yield stores


# --- the same on a server

_count = itertools.count(1)


def addresses(server: Server, prefix: str) -> Addresses:
    """Two databases whose names begin so, with a role for each of three."""

    def address(who: str, name: str) -> Address:
        return Address.parse(who, server.url(f"accord_{who}", f"{prefix}_{name}"))

    return Addresses(
        address("vault", "vault"),
        address("ledger", "ledger"),
        address("evidence", "ledger"),
    )


def ready(server: Server) -> None:
    """Roles and empty databases (`template_...`); copies of these are installations."""
    found = addresses(server, "template")
    said = script(found, "accord_owner")
    lines = [line for line in said.splitlines() if not line.startswith("\\")]
    lines += [
        f"ALTER ROLE accord_{who} PASSWORD '{PASSWORD}';"
        for who in ("owner", "vault", "ledger", "evidence")
    ]
    server.run("\n".join(lines))
    for name, address in found.items().items():
        upgrade_database(address.owned_by("accord_owner"), name, found)


@contextmanager
def installation(server: Server) -> Iterator[Addresses]:
    """New databases on the server, dropped after."""
    found = addresses(server, f"t{os.getpid()}_{next(_count)}")
    for name, address in found.items().items():
        server.copy(f"template_{name}", address.database)
        server.run(f"GRANT CONNECT ON DATABASE {address.database} TO accord_{name}")
    server.run(f"GRANT CONNECT ON DATABASE {found.ledger.database} TO accord_evidence")
    try:
        yield found
    finally:
        for address in found.items().values():
            server.drop(address.database)


def wiped(server: Server, found: Addresses) -> None:
    """As new."""
    for name, address in found.items().items():
        names = ", ".join(table.name for table in copying.order(name))
        with server.connect(database=address.database) as connection:
            said = f"TRUNCATE {names} RESTART IDENTITY CASCADE"
            connection.execute(said.encode())


@asynccontextmanager
async def served(
    found: Addresses, key: TenantKey = KEY, node: str = NODE
) -> AsyncIterator[Stores]:
    async with open_postgres(found, key, lambda: PEN, node=node) as stores:
        yield stores


def contact(i: int = 1, **changes: object) -> Contact:
    plain = Contact(
        contact_id=f"c_{i:06d}",
        person=f"p_{i:06d}",
        account=f"a_{i:06d}",
        numbers=(f"n_{i:06d}",),
        masked=("+86 170****0000",),
        zones=(("Asia/Shanghai",),),
        locations=("CN-32",),
        language="zh",
        creditor="Example Bank",
        sources=("court_document", "filed_contract", "public_register"),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def personal(i: int = 1) -> Personal:
    return Personal(
        name=f"测试人{i}",
        phones=(f"+86170{i:08d}",),
        id_number=f"32010019900101{i:04d}",
        account=f"ACCOUNT-{i:08d}",
        creditor="Example Bank",
        amount=Decimal("1234.50"),
        currency="CNY",
        due=date(2026, 5, 1),
        sources=(Source("court_document", "court file 88", date(2025, 3, 1)),),
    )


async def imported(
    stores: Stores, contacts: Iterable[Contact], batch_id: str = "b"
) -> None:
    """A batch that two people have approved."""
    new = list(contacts)
    await stores.contacts.open_batch(
        Batch(batch_id, f"{batch_id}.csv", "ivan", NOW, "importing")
    )
    await stores.contacts.add(
        batch_id,
        new,
        rows_read=len(new),
        rejected=0,
        duplicates=0,
        at=NOW,
        finished=True,
    )
    for reviewer in ("rita", "ruth"):
        await stores.contacts.review(batch_id, Review(reviewer, True, NOW))


async def running(
    stores: Stores, contacts: Iterable[Contact], name: str = "spring"
) -> list[Planned]:
    """A running campaign with its first attempts. -> what was planned"""
    await imported(stores, contacts, batch_id=f"of-{name}")
    await stores.campaigns.create(Campaign(name, name, "created", "{}", NOW))
    await stores.campaigns.set_state(name, "running", NOW)
    return await planned(stores, name)


async def planned(
    stores: Stores, name: str, *, commit: bool = True, judge: object = allow
) -> list[Planned]:
    found = list[Planned]()
    async for chunk in stores.campaigns.plan(
        name,
        [],
        judge=judge,  # type: ignore[arg-type]
        now=NOW,
        commit=commit,
    ):
        found += chunk
    return found


async def claimed(
    stores: Stores, limit: int = 1, *, name: str = "spring", now: datetime = NOW
) -> list[Claimed]:
    return await stores.ledger.claim(name, limit, node=NODE, now=now, lease=LEASE)


async def dialed(stores: Stores, name: str = "spring", now: datetime = NOW) -> Claimed:
    """The next attempt, with `dialing` committed."""
    (one,) = await claimed(stores, name=name, now=now)
    verdict = await stores.ledger.dialing(
        one.attempt_id, node=NODE, now=now, judge=allow
    )
    assert verdict.allowed
    return one


async def kinds(stores: Stores, subject: str | None = None) -> list[str]:
    """The journal's kinds in order, of one subject or of all."""
    rows = await stores.journal.after(0, 100_000)
    return [row.kind for row in rows if subject in (None, row.subject)]
