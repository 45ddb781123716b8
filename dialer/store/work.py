"""One transaction under way: its connection, and the journal entries it will leave."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from dialer.evidence.entry import canonical
from dialer.store.prepared import Prepared
from dialer.store.rows import text
from dialer.store.tables import journal, stamp

SALT = 16
FLAT = frozenset({str, int, bool, type(None)})
_last = Prepared(select(func.coalesce(func.max(journal.c.seq), 0)))
_insert = Prepared(
    insert(journal).values({name: bindparam(name) for name in journal.c.keys()})  # noqa: SIM118
)


class Work:
    """Handed to each writing store method. `connection` is in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._entries: list[dict[str, object]] = []

    def note(
        self, at: datetime, kind: str, subject: str, body: Mapping[str, object]
    ) -> None:
        """One journal entry (kind: see `journal.KINDS`; body: masked, JSON types)."""
        entry: dict[str, object] = {
            "at": stamp(at),
            "kind": kind,
            "subject": subject,
            "body": body_text(body),
        }
        self._entries.append(entry)

    def flush(self) -> None:
        """Write the entries, numbered without a gap: the writer's lock is ours."""
        if not self._entries:
            return
        (last,) = _last.run(self.connection, {}).fetchone()
        salts = os.urandom(SALT * len(self._entries))
        for i, entry in enumerate(self._entries):
            entry["seq"] = last + 1 + i
            entry["salt"] = salts[SALT * i : SALT * (i + 1)]
        _insert.many(self.connection, self._entries)
        self._entries = []


def body_text(body: Mapping[str, object]) -> str:
    """What `canonical` writes. A flat body without floats (most are) is written the
    same by the C encoder, three times as fast; a lone surrogate is an error in both."""
    for value in body.values():
        if type(value) not in FLAT and value != {}:
            return canonical(body)
    flat = text(body)
    flat.encode()
    return flat


def new_id() -> str:
    """An attempt's id: 80 random bits, so that ten characters of it suffice to name
    one among millions. It is also the correlation id at the switch."""
    return os.urandom(10).hex()
