"""The CSV lists an import leaves behind: rejects and duplicates, masked, mode 0600."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

REJECTS = ("row", "line", "column", "value", "reason", "expected")
DUPLICATES = ("row", "line", "reason")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    text = str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text


class Listing:
    """One list. Opened with the number of rows already done: what was written about
    later rows by an interrupted import is dropped, for those rows come again."""

    def __init__(self, path: Path, columns: Sequence[str], *, done: int) -> None:
        self.path = path
        self.count = 0
        kept = list(_kept(path, done)) if done else []
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.fchmod(handle, 0o600)
        self._file = os.fdopen(handle, "w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(columns)
        self.write(kept)

    def write(self, rows: Iterable[Sequence[object]]) -> None:
        for row in rows:
            self._writer.writerow([safe(cell) for cell in row])
            self.count += 1
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def read(path: Path) -> Iterator[list[str]]:
    """The list's rows without its header, as written."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        yield from rows


def _kept(path: Path, done: int) -> Iterator[list[str]]:
    if path.exists():
        yield from (r for r in read(path) if r and r[0].isdigit() and int(r[0]) <= done)
