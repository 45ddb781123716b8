"""The tiles of a log on disk: its right edge, which grows, and reading for proofs.

Only the tiles at the right edge are held: at most 255 hashes a level. A file appears
whole or not at all, and always with the bytes that its name calls for, so an append
that was cut short is simply done again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dialer.evidence.checkpoint import LogError
from dialer.evidence.layout import WIDTH, bundled, path_of
from dialer.evidence.merkle import EMPTY, leaf_hash, node_hash, perfect
from dialer.files import sync

LONGEST = 0xFFFF  # bytes of an entry: its length is two bytes


@dataclass(slots=True)
class Edge:
    """The rightmost tile of each level, and the rightmost bundle, while not full."""

    size: int = 0
    entries: list[bytes] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=list)

    def extend(self, entries: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Add entries. -> (path under tile/, content) of every file that this makes:
        tiles as they fill, then the partial ones that are left."""
        for entry in entries:
            if len(entry) > LONGEST:
                raise LogError(f"entry {self.size + 1} has more than {LONGEST} bytes")
            self.entries.append(entry)
            self.size += 1
            if len(self.entries) == WIDTH:
                yield self._file("entries", bundle(self.entries), WIDTH)
                self.entries.clear()
            yield from self._add(0, leaf_hash(entry))
        if self.entries:
            yield self._file("entries", bundle(self.entries), len(self.entries))
        for level, hashes in enumerate(self.levels):
            if hashes:
                yield self._file(str(level), b"".join(hashes), len(hashes))

    def _add(self, level: int, found: bytes) -> Iterator[tuple[str, bytes]]:
        if level == len(self.levels):
            self.levels.append([])
        hashes = self.levels[level]
        hashes.append(found)
        if len(hashes) == WIDTH:
            yield self._file(str(level), b"".join(hashes), WIDTH)
            above = perfect(hashes)
            hashes.clear()
            yield from self._add(level + 1, above)

    def _file(self, level: str, data: bytes, width: int) -> tuple[str, bytes]:
        covers = 1 if level == "entries" else WIDTH ** int(level)
        return path_of(level, (self.size - 1) // covers // WIDTH, width), data

    def root(self) -> bytes:
        """The root of the whole tree, out of the edge alone."""
        peaks = [peak for hashes in reversed(self.levels) for peak in _peaks(hashes)]
        if not peaks:
            return EMPTY
        found = peaks.pop()
        while peaks:
            found = node_hash(peaks.pop(), found)
        return found


def _peaks(hashes: list[bytes]) -> Iterator[bytes]:
    """The perfect subtrees of a partial tile, the widest first."""
    at = 0
    for width in (1 << bit for bit in range(8, -1, -1)):
        if (len(hashes) - at) & width:
            yield perfect(hashes[at : at + width])
            at += width


def bundle(entries: list[bytes]) -> bytes:
    """Entries one after another, each after its length (two bytes, big-endian)."""
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


class Tiles:
    """The tile files of a log of `size` entries, for reading. `read` is a
    `merkle.Read`. LogError: a file is missing or too short."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._size = size
        self._cache: dict[str, bytes] = {}

    def read(self, height: int, index: int) -> bytes:
        level, low = divmod(height, 8)
        n, offset = divmod(index << low, WIDTH)
        hashes = self._hashes(level, n)
        found = hashes[offset : offset + (1 << low)]
        if len(found) < 1 << low:
            raise LogError(f"tile/{path_of(str(level), n, WIDTH)}: too short")
        return perfect(found)

    def entry(self, index: int) -> bytes:
        """One entry's bytes."""
        n, offset = divmod(index, WIDTH)
        found, _ = bundled(self._load("entries", n, self._width(0, n)))
        if offset >= len(found):
            raise LogError(f"tile/{path_of('entries', n, WIDTH)}: too short")
        return found[offset]

    def edge(self) -> Edge:
        """What an append starts from."""
        n = self._size // WIDTH
        edge = Edge(self._size)
        if self._size % WIDTH:
            found, _ = bundled(self._load("entries", n, self._size % WIDTH))
            edge.entries = found[: self._size % WIDTH]
        level, count = 0, self._size
        while count:
            width = count % WIDTH
            last = self._hashes(level, count // WIDTH)[:width] if width else []
            edge.levels.append(last)
            level, count = level + 1, count // WIDTH
        return edge

    def _hashes(self, level: int, n: int) -> list[bytes]:
        data = self._load(str(level), n, self._width(level, n))
        return [data[i : i + 32] for i in range(0, len(data), 32)]

    def _width(self, level: int, n: int) -> int:
        count = self._size // (1 << 8 * level)
        return min(count - n * WIDTH, WIDTH)

    def _load(self, level: str, n: int, width: int) -> bytes:
        """The full tile if it is there (its beginning is the partial one)."""
        name = path_of(level, n, width)
        if name not in self._cache:
            full = self._folder / "tile" / path_of(level, n, WIDTH)
            path = full if full.exists() else self._folder / "tile" / name
            try:
                self._cache[name] = path.read_bytes()
            except OSError as error:
                raise LogError(f"tile/{name}: {error.strerror}") from error
        return self._cache[name]


def write(folder: Path, files: Iterable[tuple[str, bytes]]) -> list[str]:
    """Write files under tile/, durable when this returns. -> their names."""
    folders, names = set[Path](), list[str]()
    for name, data in files:
        path = folder / "tile" / name
        replace(folder, path, data)
        folders |= {p for p in path.parents if p.is_relative_to(folder)}
        names.append(name)
    for parent in folders:
        sync(parent)
    return names


def replace(folder: Path, path: Path, data: bytes) -> None:
    """Put a file in place whole; the caller syncs its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = folder / "unfinished"
    with half.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def prune(folder: Path, names: Iterable[str]) -> None:
    """Drop the partial tiles of those that are now full (the format allows it)."""
    for name in names:
        if ".p/" not in name:
            shutil.rmtree(folder / "tile" / f"{name}.p", ignore_errors=True)
