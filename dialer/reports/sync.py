"""The analysts' store follows the journal: one row for each attempt that is over.

The journal says which attempts ended, in order; the ledger's row of an attempt that is
done never changes again, and is what is copied. Cut off anywhere and run again, it ends
with the same rows: see `manifest`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

from dialer.reports import manifest, parquet
from dialer.reports.columns import TABLES
from dialer.reports.compact import compact, settle
from dialer.reports.export import values
from dialer.reports.manifest import Damaged, Manifest, Piece
from dialer.reports.parquet import Rows
from dialer.store.port import AgreementRow, AttemptRow, JournalRow, Stores, Turns

READER = "analysts"  # our cursor's name in the journal
PAGE = 2000  # journal entries read at once
MOST = 20_000  # attempts written at once
ENDS = frozenset({"attempt.ended", "attempt.refused"})
MOVES = "agreement.event"


@dataclass(frozen=True, slots=True)
class Synced:
    """What a run did."""

    attempts: int  # new rows
    cursor: int
    files: int  # the store has now
    busy: bool = False  # another process was at it: nothing was done


@dataclass(slots=True)
class Batch:
    """What the journal has after the cursor, up to so many attempts."""

    cursor: int
    mark: str
    ended: dict[str, None] = field(default_factory=dict)  # ids, in order
    moved: dict[str, JournalRow] = field(default_factory=dict)  # agreements

    def add(self, row: JournalRow) -> None:
        self.cursor, self.mark = row.seq, mark(row)
        if row.kind in ENDS:
            self.ended[row.subject] = None
        elif row.kind == MOVES:
            self.moved[row.subject] = replace(row, body="", salt=b"")


def mark(row: JournalRow) -> str:
    """Tells an entry from that of another journal."""
    return f"{row.at} {row.kind} {row.subject}"


async def sync(
    folder: Path,
    stores: Stores,
    now: datetime,
    *,
    rebuild: bool = False,
    wait: bool = True,
    most: int = MOST,
) -> Synced:
    """Bring the store up to the journal. Any number of processes may ask. With
    `rebuild` all is read anew, and takes the place of what was there when it is whole.
    Damaged: the journal is not the one that was read."""
    with ExitStack() as held:
        lock = manifest.writing(folder, wait=wait)
        if not await asyncio.to_thread(held.enter_context, lock):
            return Synced(0, 0, 0, busy=True)
        before = await asyncio.to_thread(_begin, folder, rebuild)
        after = await _follow(folder, stores, before, most, save=not rebuild)
        if rebuild:
            await asyncio.to_thread(manifest.save, folder, after)
        done = await asyncio.to_thread(_tidy, folder, now.date())
    if await stores.journal.cursor(READER) < after.cursor:
        await stores.journal.move(READER, after.cursor)
    rows = after.rows("attempts") - before.rows("attempts")
    return Synced(rows, after.cursor, len(done.pieces))


def _begin(folder: Path, rebuild: bool) -> Manifest:
    if not rebuild:
        return manifest.load(folder)
    with suppress(Damaged):
        return Manifest(manifest.load(folder).generation)
    return Manifest()


def _tidy(folder: Path, today: date) -> Manifest:
    done = compact(folder, today)
    manifest.sweep(folder, done)
    return done


async def _follow(
    folder: Path, stores: Stores, now: Manifest, most: int, *, save: bool
) -> Manifest:
    while True:
        batch = await gather(stores, now, most)
        if batch.cursor == now.cursor:
            return now
        told = await stores.calls.told(list(batch.ended))
        stands = [
            ((await stores.agreements.show(name))[0], row)
            for name, row in batch.moved.items()
        ]
        now = await asyncio.to_thread(append, folder, now, batch, told, stands)
        if save:
            await asyncio.to_thread(manifest.save, folder, now)


async def gather(stores: Stores, now: Manifest, most: int) -> Batch:
    """What is new in the journal. Damaged: it lacks the last entry that was read."""
    if now.cursor:
        last = await stores.journal.after(now.cursor - 1, 1)
        if [(row.seq, mark(row)) for row in last] != [(now.cursor, now.mark)]:
            raise Damaged(
                f"the journal is not the one that the analysts' store was made from"
                f" (entry {now.cursor}): {manifest.REBUILD}"
            )
    batch = Batch(now.cursor, now.mark)
    more = True
    while more and len(batch.ended) < most:
        rows = await stores.journal.after(batch.cursor, PAGE)
        more = len(rows) == PAGE
        for row in rows:
            batch.add(row)
            if len(batch.ended) == most:
                break
    return batch


def append(
    folder: Path,
    before: Manifest,
    batch: Batch,
    told: Iterable[tuple[AttemptRow, Turns]],
    stands: Iterable[tuple[AgreementRow, JournalRow]],
) -> Manifest:
    """Write the files of a batch, durable. -> the list with them in it"""
    generation = before.generation + 1
    parts = defaultdict[tuple[str, str], Rows](list)
    for row, said in told:
        found = values(row)
        where = f"campaign={quote(row.campaign, safe='')}/date={found['date']}"
        parts["attempts", f"attempts/{where}"].append(found)
        parts["turns", f"turns/{where}"] += turn_rows(found, said)
    parts["agreements", "agreements"] += [agreement(*one) for one in stands]
    made = []
    for (table, inside), rows in parts.items():
        if rows:
            path = f"{inside}/{generation:010}.parquet"
            manifest.put(folder / path, partial(_write, table, rows))
            size = (folder / path).stat().st_size
            made.append(Piece(table, path, len(rows), size))
    settle(folder, made)
    return replace(
        before,
        generation=generation,
        cursor=batch.cursor,
        mark=batch.mark,
        pieces=(*before.pieces, *made),
    )


def _write(table: str, rows: Rows, half: Path) -> None:
    with parquet.written(half, TABLES[table]) as file:
        file.add(rows)


def turn_rows(call: dict[str, object], said: Turns) -> Rows:
    """What was said in one call."""
    about = {name: call[name] for name in ("attempt_id", "campaign", "date")}
    return [{**asdict(turn), **about, "i": i} for i, turn in enumerate(said)]


def agreement(row: AgreementRow, entry: JournalRow) -> dict[str, object]:
    """How an agreement stood when its change was read."""
    return {
        **asdict(row),
        "agreement_id": row.agreement,
        "attempt_id": row.call,
        "next_due": date.fromisoformat(row.next_due) if row.next_due else None,
        "seen_at": datetime.fromisoformat(entry.at),
        "seq": entry.seq,
    }
