"""Many small files of a partition become one; no row is ever seen twice or not at all,
for the list changes at once (see `manifest`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

from dialer.reports import manifest, parquet
from dialer.reports.columns import TABLES
from dialer.reports.manifest import Manifest, Piece

ALIKE = 8  # files of like size before they are merged: a row is rewritten log8 times
AT_ONCE = 64  # merges that one change of the list brings


def due(pieces: Iterable[Piece], today: date) -> Iterator[list[Piece]]:
    """What to merge: all files of a day that is over everywhere, and of others every
    eight of like size."""
    by_folder = defaultdict[str, list[Piece]](list)
    for piece in pieces:
        by_folder[piece.folder].append(piece)
    for found in by_folder.values():
        found.sort(key=lambda piece: piece.path)
        day = _day(found[0])
        if day and (today - day).days > 1:
            if len(found) > 1:
                yield found
            continue
        sizes = defaultdict[int, list[Piece]](list)
        for piece in found:
            sizes[_size(piece)].append(piece)
        yield from (alike for alike in sizes.values() if len(alike) >= ALIKE)


def _size(piece: Piece) -> int:
    """0 for fewer than 8 rows, 1 for fewer than 64, 2 for fewer than 512 ..."""
    return max(piece.rows.bit_length() - 1, 0) // 3


def _day(piece: Piece) -> date | None:
    _, _, day = piece.folder.partition("/date=")
    return date.fromisoformat(day) if day else None


def compact(folder: Path, today: date) -> Manifest:
    """Merge what is due. Under the writer's lock. -> the list as it then is"""
    now = manifest.load(folder)
    while some := list(due(now.pieces, today))[:AT_ONCE]:
        generation = now.generation + 1
        made = [merged(folder, sources, generation) for sources in some]
        gone = {piece.path for sources in some for piece in sources}
        kept = now.without(gone)
        now = replace(kept, generation=generation, pieces=(*kept.pieces, *made))
        settle(folder, made)
        manifest.save(folder, now)
    return now


def merged(folder: Path, sources: Sequence[Piece], generation: int) -> Piece:
    first = sources[0]
    path = f"{first.folder}/{generation:010}-merged-{_size(first)}.parquet"
    files = [folder / piece.path for piece in sources]
    write = partial(_merge, files, first.table)
    manifest.put(folder / path, write)
    rows = sum(piece.rows for piece in sources)
    return Piece(first.table, path, rows, (folder / path).stat().st_size)


def _merge(files: Sequence[Path], table: str, half: Path) -> None:
    parquet.merge(files, half, TABLES[table])


def settle(folder: Path, made: Iterable[Piece]) -> None:
    """Make the names of new files durable, up to the store's own folder."""
    parents = {
        parent
        for piece in made
        for parent in (folder / piece.path).parents
        if parent.is_relative_to(folder)
    }
    for parent in sorted(parents, key=lambda path: -len(path.parts)):
        manifest.sync_folder(parent)
