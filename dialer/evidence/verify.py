"""Verify an evidence archive offline, without trusting who wrote it.

Everything is computed anew from the entries: each byte of each file is either as the
signed checkpoint says, or a problem with its place. Layout: C2SP tlog-tiles.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dialer.evidence.layout import WIDTH, bundled, levels_of, parsed, path_of
from dialer.evidence.proof import (
    FIELDS,
    Broken,
    Head,
    Row,
    leaf_hash,
    leaf_of,
    open_note,
    root_of,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was signed: where, and what."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. No problems: every byte is as signed.

    `opened`: journal rows that match their entry; `pending`: rows not logged yet.
    """

    entries: int
    problems: tuple[Problem, ...]
    root: str  # base64
    origin: str = ""
    opened: int = 0
    pending: int = 0


def verify(
    folder: Path,
    vkey: str | None = None,
    rows: Iterable[Row] | None = None,
    remembered: str | None = None,
    *,
    logged: int = 0,
) -> Report:
    """Check a whole archive.

    `vkey`: the log's verifier key, from where it cannot have been changed (None: the
    copy in the folder). `rows`: the journal, in order. `remembered`: a checkpoint seen
    earlier, which the log must contain. `logged`: how far the ledger says it got.
    """
    archive = Archive(folder, vkey)
    if rows is not None:
        archive.compare(rows)
        archive.ends_at(logged)
    if remembered is not None:
        archive.contains(remembered)
    return archive.report()


class Archive:
    """One archive, read and checked when made; more can be held against it after."""

    def __init__(self, folder: Path, vkey: str | None = None) -> None:
        self._folder = folder
        self._problems: list[Problem] = []
        self._vkey = vkey if vkey is not None else self._own_key()
        self._head = self._open("checkpoint")
        self._leaves: list[bytes] = []
        self._opened = self._pending = self._last = 0
        if self._head:
            self._read_entries(self._head.size)
            self._check_tiles()
            self._check_root(self._head)

    def report(self) -> Report:
        return Report(
            len(self._leaves),
            tuple(self._problems),
            base64.b64encode(root_of(self._leaves)).decode(),
            self._head.origin if self._head else "",
            self._opened,
            self._pending,
        )

    def contains(self, note: str) -> None:
        """The log must begin with what an earlier checkpoint signed."""
        if not self._head:
            return
        try:
            head = open_note(note.encode(), self._vkey)
        except Broken as error:
            self._note("remembered checkpoint", str(error))
            return
        if head.size > len(self._leaves):
            what = f"covers {head.size} entries, the log has {len(self._leaves)}"
            self._note("remembered checkpoint", f"{what}: the log was cut short")
        elif root_of(self._leaves[: head.size]) != head.root:
            what = f"the first {head.size} entries are not those that it signed"
            self._note("remembered checkpoint", what)

    def compare(self, rows: Iterable[Row]) -> None:
        """Open the commitments with journal rows, in order; call again for more."""
        for row in rows if self._head else ():
            self._last += 1
            if row.seq != self._last:
                what = (
                    f"row {self._last} is missing" if row.seq > self._last else "order"
                )
                self._note(f"journal row {row.seq}", what)
                self._last = row.seq
            if row.seq > len(self._leaves):
                self._pending += 1
            elif self._matches(row):
                self._opened += 1

    def ends_at(self, logged: int) -> None:
        """After the last row: the journal must cover the log, and the log must reach
        the entry `logged` that the ledger remembers as logged."""
        if not self._head:
            return
        size = len(self._leaves)
        if self._last < size:
            self._note(
                "journal", f"ends at row {self._last}, the log has {size} entries"
            )
        if size < logged:
            what = f"{logged} entries were logged, {size} are there: it was cut short"
            self._note("log", what)

    # --- reading

    def _note(self, place: str, what: str) -> None:
        self._problems.append(Problem(place, what))

    def _own_key(self) -> str:
        try:
            return (self._folder / "log.vkey").read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._note("log.vkey", f"cannot be read: {error}")
            return ""

    def _open(self, name: str) -> Head | None:
        try:
            return open_note((self._folder / name).read_bytes(), self._vkey)
        except OSError:
            self._note(name, "is missing")
        except Broken as error:
            self._note(name, str(error))
        return None

    def _check_root(self, head: Head) -> None:
        if (len(self._leaves), root_of(self._leaves)) != (head.size, head.root):
            self._note("checkpoint", "its root is not the root of these entries")

    def _read_entries(self, size: int) -> None:
        for n in range(-(-size // WIDTH)):
            width = min(WIDTH, size - n * WIDTH)
            name = self._there("entries", n, width)
            if name is None:
                self._note(f"tile/{path_of('entries', n, width)}", "is missing")
                return
            found = self._entries(name)[:width]
            if len(found) < width:
                last = n * WIDTH + len(found)
                self._note(name, f"ends after entry {last}, should hold {width}")
            for entry in found:
                self._check_entry(name, entry)
            if len(found) < width:
                return

    def _check_entry(self, name: str, entry: bytes) -> None:
        seq = len(self._leaves) + 1
        self._leaves.append(leaf_hash(entry))
        try:
            said = json.loads(entry)
            right = isinstance(said, dict) and set(said) == set(FIELDS)
            right = right and (said["v"], said["seq"]) == (1, seq)
        except ValueError:
            right = False
        if not right:
            self._note(name, f"entry {seq} is not an entry with this number")

    def _there(self, level: str, n: int, width: int) -> str | None:
        """The file that holds a tile: full, or partial of the width."""
        for name in (path_of(level, n, WIDTH), path_of(level, n, width)):
            if (self._folder / "tile" / name).is_file():
                return f"tile/{name}"
        return None

    def _entries(self, name: str) -> list[bytes]:
        found, whole = bundled((self._folder / name).read_bytes())
        if not whole:
            self._note(name, f"entry {len(found) + 1} of it is cut off or overlong")
        return found

    # --- tiles

    def _check_tiles(self) -> None:
        levels = list(levels_of(self._leaves))
        for level, hashes in enumerate(levels):
            for n in range(-(-len(hashes) // WIDTH)):
                width = min(WIDTH, len(hashes) - n * WIDTH)
                if self._there(str(level), n, width) is None:
                    self._note(f"tile/{path_of(str(level), n, width)}", "is missing")
        root = self._folder / "tile"
        for path in sorted(p for p in root.rglob("*") if not p.is_dir()):
            self._check_file(path.relative_to(root).as_posix(), levels)

    def _check_file(self, name: str, levels: list[list[bytes]]) -> None:
        place, found = f"tile/{name}", parsed(name)
        if not found:
            self._note(place, "does not belong to the log")
            return
        kind, n, width = found
        level = 0 if kind == "entries" else int(kind)
        hashes = levels[level] if level < len(levels) else []
        expected = hashes[n * WIDTH : n * WIDTH + width]
        if kind == "entries":
            got = [leaf_hash(entry) for entry in self._entries(place)]
        else:
            data = (self._folder / place).read_bytes()
            got = [data[i : i + 32] for i in range(0, len(data), 32)]
        if len(got) != width:
            self._note(place, f"holds {len(got)} hashes or entries, should be {width}")
        elif len(expected) < width and got[: len(expected)] == expected:
            what = f"holds {width}, the checkpoint covers {len(expected)} of them"
            self._note(place, f"{what}: the log was cut short, or an append was")
        elif got != expected:
            first = next(
                i
                for i, pair in enumerate(zip(got, expected, strict=False))
                if len({*pair}) > 1
            )
            start = (n * WIDTH + first) * WIDTH**level + 1
            self._note(
                place, f"hash {first} is not that of the entries from {start} on"
            )

    # --- journal

    def _matches(self, row: Row) -> bool:
        try:
            entry = leaf_of(row)
        except (ValueError, TypeError):
            entry = b"{}"
        if leaf_hash(entry) == self._leaves[row.seq - 1]:
            return True
        self._note(
            f"journal row {row.seq}", f"is not what was logged: {self._why(row)}"
        )
        return False

    def _why(self, row: Row) -> str:
        n, offset = divmod(row.seq - 1, WIDTH)
        width = min(WIDTH, len(self._leaves) - n * WIDTH)
        name = self._there("entries", n, width)
        try:
            said = json.loads(self._entries(name)[offset]) if name else {}
            ours = json.loads(leaf_of(row))
        except (ValueError, TypeError):
            return "unreadable"
        names = {"commit": "body or salt"}
        wrong = [names.get(f, f) for f in FIELDS if said.get(f) != ours.get(f)]
        return f"{', '.join(wrong)} differ"
