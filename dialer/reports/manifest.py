"""Which files the analysts' store is made of, and how far into the journal it goes.

One file says both and is put in place whole: a row is there with the cursor that
covers it, or neither is. A file that is not listed does not count, whatever left it.

A reader holds the shared lock `readers` from before it reads the list until it is done;
files that were replaced are removed only when nobody holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dialer.files import sync as sync_file
from dialer.reports.columns import TABLES, VERSION
from dialer.store.port import StoreError

NAME = "manifest.json"
REBUILD = "run `dialer calls sync --rebuild`"


class Damaged(StoreError):
    """The analysts' store is not what it should be; the journal has everything."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One Parquet file: its table, its path below the store, what is in it."""

    table: str
    path: str
    rows: int
    bytes: int

    @property
    def folder(self) -> str:
        """Its partition."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Manifest:
    """`cursor`: the last journal entry dealt with; `mark` tells its journal from
    another; `generation` counts the changes of this file."""

    generation: int = 0
    cursor: int = 0
    mark: str = ""
    pieces: tuple[Piece, ...] = ()

    def rows(self, table: str) -> int:
        return sum(piece.rows for piece in self.pieces if piece.table == table)

    def without(self, gone: set[str]) -> Manifest:
        """Less the pieces at these paths."""
        kept = tuple(piece for piece in self.pieces if piece.path not in gone)
        return replace(self, pieces=kept)


def load(folder: Path) -> Manifest:
    """As it stands; empty where there is none. Damaged: not ours to read."""
    path = folder / NAME
    try:
        found = json.loads(path.read_text("utf-8"))
        version = found.pop("schema")
        if version == VERSION:
            pieces = tuple(Piece(**piece) for piece in found.pop("pieces"))
            return Manifest(**found, pieces=pieces)
    except FileNotFoundError:
        return Manifest()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{path} is damaged ({error!r}): {REBUILD}") from error
    raise Damaged(
        f"{path} has schema {version}, and this program needs {VERSION}: {REBUILD}"
    )


def save(folder: Path, manifest: Manifest) -> None:
    """Put it in place; durable when this returns."""
    found = {"schema": VERSION, **asdict(manifest)}
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    put(folder / NAME, lambda half: half.write_text(text, "utf-8"))
    sync_folder(folder)


# --- files


def put(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make a file, durable, under its name when it is whole. The caller
    syncs the folder."""
    shared = _folder(path.parent)
    half = path.with_name(f"{path.name}.part")
    os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    half.chmod(0o600 | shared)
    write(half)
    sync_file(half)
    rename(half, path)


def _folder(path: Path) -> int:
    """Make it, for those who may read the one it is in. -> 0o040, or 0: us alone"""
    if not path.exists():
        shared = _folder(path.parent)
        path.mkdir(mode=0o700)
        if shared:
            path.chmod(path.stat().st_mode | 0o050)
    return path.stat().st_mode & 0o040


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    sync_file(path)


def rename(half: Path, path: Path) -> None:
    half.replace(path)


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def sweep(folder: Path, manifest: Manifest) -> int:
    """Remove files that do not count, unless somebody reads. Under the writer's lock.
    -> how many"""
    listed = {piece.path for piece in manifest.pieces}
    with _lock(folder / "readers", fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
        if not alone:
            return 0
        stray = [
            path
            for table in TABLES  # what else lies in the folder is not ours
            for pattern in ("*.parquet", "*.part")
            for path in (folder / table).rglob(pattern)
            if path.relative_to(folder).as_posix() not in listed
        ]
        remove(folder / f"{NAME}.part")
        for path in stray:
            remove(path)
        return len(stray)


# --- locks


@contextmanager
def writing(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Be the one who writes. -> False: another is, and we did not wait."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "readers").touch(0o600)  # before there is anything to read
    (folder / "readers").chmod(0o600 | folder.stat().st_mode & 0o040)
    mode = fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)
    with _lock(folder / "writer", mode) as mine:
        yield mine


@contextmanager
def reading(folder: Path) -> Iterator[Manifest]:
    """The list, of which every file stays until the block is left. Needs no right to
    write. Damaged."""
    if not (folder / "readers").exists():
        yield Manifest()
        return
    with _lock(folder / "readers", fcntl.LOCK_SH):
        yield load(folder)


@contextmanager
def _lock(path: Path, mode: int) -> Iterator[bool]:
    flags = os.O_RDONLY if mode == fcntl.LOCK_SH else os.O_RDWR | os.O_CREAT
    opened = os.open(path, flags, 0o600)
    try:
        try:
            fcntl.flock(opened, mode)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(opened)
