"""One transaction under way: its connection, and the journal entries it will leave."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select

from dialer.evidence.entry import canonical
from dialer.store.prepared import Prepared
from dialer.store.tables import journal, stamp

SALT = 16
BLOCK = 1 << 16  # ids that may begin alike
_flat = msgspec.json.Encoder(order="sorted")
FLAT = frozenset({str, int, bool, type(None)})
_last = Prepared(select(func.coalesce(func.max(journal.c.seq), 0)))
ENTRY = ("seq", "at", "kind", "subject", "body", "salt")
_insert = Prepared(insert(journal).values({name: bindparam(name) for name in ENTRY}))


class Work:
    """Handed to each writing store method. `connection` is in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._entries: list[tuple[str, str, str, str]] = []

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
        """Write the entries, numbered without a gap: the writer's lock is ours."""
        if not self._entries:
            return
        (last,) = _last.run(self.connection, {}).fetchone()
        salts = os.urandom(SALT * len(self._entries))
        rows = [
            (last + 1 + i, *entry, salts[SALT * i : SALT * (i + 1)])
            for i, entry in enumerate(self._entries)
        ]
        _insert.tuples(self.connection, ENTRY, rows)
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
