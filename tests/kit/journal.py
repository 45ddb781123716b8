"""A journal in memory: the rows are there from the start, or are added by the test."""

from __future__ import annotations

import random
from collections.abc import Iterable

from dialer.evidence.entry import canonical
from dialer.store.port import JournalRow


class ListedJournal:
    """`store.port.Journal` over a list, numbered without a gap from 1."""

    def __init__(self, rows: Iterable[JournalRow] = ()) -> None:
        self.rows = list(rows)
        self.cursors: dict[str, int] = {}
        self.owners: dict[str, str] = {}

    async def after(self, seq: int, limit: int = 1000) -> list[JournalRow]:
        return [row for row in self.rows if row.seq > seq][:limit]

    async def cursor(self, reader: str) -> int:
        return self.cursors.get(reader, 0)

    async def last(self) -> int:
        return self.rows[-1].seq if self.rows else 0

    async def move(self, reader: str, seq: int) -> None:
        self.cursors[reader] = seq

    async def kept_by(self, reader: str, owner: str, *, anew: bool = False) -> str:
        if anew:
            self.owners[reader] = owner
        return self.owners.setdefault(reader, owner)


def rows(count: int, *, start: int = 1, seed: int = 7) -> list[JournalRow]:
    """Rows as the ledger writes them; the same seed gives the same rows."""
    chance = random.Random(seed)
    return [
        JournalRow(
            seq,
            f"2026-01-05T09:00:{seq % 60:02}.{seq % 1_000_000:06}Z",
            chance.choice(("attempt.dialing", "attempt.ended", "call.turns")),
            f"{chance.getrandbits(128):032x}",
            canonical({"n": seq, "text": f"[姓名] {chance.random():.6f}"}),
            chance.randbytes(16),
        )
        for seq in range(start, start + count)
    ]
