"""One transaction under way: its connection, the locks it holds, the journal entries it
will leave.

SQLite has one writer at a time, so there nothing is locked. On PostgreSQL transactions
run side by side; what must not is kept apart by advisory locks, held until the end.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select

from dialer.evidence.entry import canonical
from dialer.store.prepared import Prepared, execute
from dialer.store.tables import journal, stamp

SALT = 16
BLOCK = 1 << 16  # ids that may begin alike
_flat = msgspec.json.Encoder(order="sorted")
FLAT = frozenset({str, int, bool, type(None)})
_last = Prepared(select(func.coalesce(func.max(journal.c.seq), 0)))
ENTRY = ("seq", "at", "kind", "subject", "body", "salt")
_insert = Prepared(insert(journal).values({name: bindparam(name) for name in ENTRY}))


NEWS = "accord"  #: the channel that nodes listen to
_news = f"SELECT pg_notify('{NEWS}', '')"

ROOM = 0xACC0  # the first half of our advisory locks' names


class Lock(IntEnum):
    """What transactions of several nodes take turns at. Taken in this order."""

    UPGRADE = 1  # the schema
    GATE = 2  # calls share it; what stops calls has it alone, and so is seen by all
    NODES = 3  # who is up
    JOURNAL = 4  # numbers without a gap, in the order of commits


class Mark(NamedTuple):
    """A journal entry by which a transaction is known again: the salt is random."""

    seq: int
    salt: bytes


class Work:
    """Handed to each writing store method. `connection` is in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._entries: list[tuple[str, str, str, str]] = []
        self.mark: Mark | None = None  # the last entry it wrote
        self._news = False

    def alone(self, lock: Lock) -> None:
        """Wait until nobody else has the lock; have it until the transaction ends."""
        self._locked("pg_advisory_xact_lock", lock)

    def shared(self, lock: Lock) -> None:
        """As `alone`, beside others that share it."""
        self._locked("pg_advisory_xact_lock_shared", lock)

    def _locked(self, function: str, lock: Lock) -> None:
        if self.serves_many:
            said = f"SELECT {function}({ROOM}, {lock.value})"
            execute(self.connection, "execute", said, ())

    @property
    def serves_many(self) -> bool:
        """Whether other transactions may be under way."""
        return self.connection.dialect.name != "sqlite"

    def clock(self, now: datetime) -> datetime:
        """What all nodes go by: the server's clock; `now` where there is no server."""
        if not self.serves_many:
            return now
        said = "SELECT clock_timestamp()"
        found: datetime = execute(self.connection, "execute", said, ()).fetchone()[0]
        return found.astimezone(UTC)

    def wake(self) -> None:
        """Other nodes shall look at it as soon as it is committed."""
        self._news = True

    def note(
        self, at: datetime, kind: str, subject: str, body: Mapping[str, object]
    ) -> None:
        """One journal entry (kind: see `journal.KINDS`; body: masked, JSON types)."""
        self._entries.append((stamp(at), kind, subject, body_text(body)))

    def note_texts(self, at: datetime, told: Iterable[tuple[str, str, str]]) -> None:
        """An entry for each kind, subject and body (written as `canonical` would)."""
        when = stamp(at)
        self._entries += [(when, *one) for one in told]

    def flush(self) -> None:
        """Write the entries, numbered without a gap. Nobody else numbers any until our
        commit, and whoever reads sees them in the order of their numbers."""
        if not self._entries:
            return
        if self._news and self.serves_many:
            execute(self.connection, "execute", _news, ())
        self.alone(Lock.JOURNAL)
        (last,) = _last.run(self.connection, {}).fetchone()
        salts = os.urandom(SALT * len(self._entries))
        rows = [
            (last + 1 + i, *entry, salts[SALT * i : SALT * (i + 1)])
            for i, entry in enumerate(self._entries)
        ]
        _insert.tuples(self.connection, ENTRY, rows)
        self.mark = Mark(last + len(rows), salts[-SALT:])
        self._entries = []


def body_text(body: Mapping[str, object]) -> str:
    """What `canonical` writes. A flat body without floats (most are) is written the
    same by the C encoder, three times as fast; a lone surrogate is an error in both."""
    for value in body.values():
        if type(value) not in FLAT and value != {}:
            return canonical(body)
    return _flat.encode(body).decode()


def new_ids(count: int) -> list[str]:
    """Ids of attempts, each 80 bits in hexadecimal; also their correlation ids at the
    switch. Those made together have 24 random bits in common and follow each other in
    16 more, so that an index of millions grows in one place; and so ten characters
    of an id still suffice to name one. The other 40 bits are random."""
    found = list[str]()
    while len(found) < count:
        more = min(count - len(found), BLOCK)
        block = os.urandom(3).hex()
        first = int.from_bytes(os.urandom(2)) % (BLOCK - more + 1)
        rest = os.urandom(5 * more).hex()
        found += [
            f"{block}{first + i:04x}{rest[10 * i : 10 * i + 10]}" for i in range(more)
        ]
    return found
