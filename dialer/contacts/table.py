"""A CSV file as rows with their line numbers; streamed, and surveyed before use."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from dialer.contacts.columns import Columns, known
from dialer.contacts.encoding import detect
from dialer.contacts.problem import FileRefused
from dialer.contacts.rules import Rules

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
LINE = 1_000_000  # characters of one line
SPAN = 50  # lines that one quoted field may go over


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `row` counts data rows from 1, `line` is where it begins. `broken`
    says why it could not be taken apart; its cells are empty then."""

    row: int
    line: int
    cells: tuple[str, ...]
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was read through once and can be read as CSV to its end."""

    path: Path
    encoding: str
    delimiter: str
    digest: str  # SHA-256 of the bytes
    header: tuple[str, ...]
    rows: int
    empty: int  # rows without any value: spreadsheets leave them behind

    def __iter__(self) -> Iterator[Row]:
        records = _records(self.path, self.encoding, self.delimiter)
        next(records)
        number = 0
        for line, cells, broken in records:
            if broken or any(cell.strip() for cell in cells):
                number += 1
                yield Row(number, line, tuple(cells), broken)


def survey(path: Path, rules: Rules, mapping: dict[str, str]) -> Table:
    """Read `path` through once. FileRefused when it cannot be read to its end."""
    written = detect(path)
    delimiter = _delimiter(path, written.encoding, rules, mapping)
    records = _records(path, written.encoding, delimiter)
    _, header, broken = next(records, (1, [], "the file has no text"))
    if broken:
        raise FileRefused([f"{path.name}: the header: {broken}"])
    rows = empty = 0
    for _, cells, broken in records:
        if broken or any(cell.strip() for cell in cells):
            rows += 1
        else:
            empty += 1
    if not rows:
        raise FileRefused([f"{path.name}: no row below the header"])
    names = tuple(cell.strip() for cell in header)
    return Table(path, written.encoding, delimiter, written.digest, names, rows, empty)


def columns_of(table: Table, rules: Rules, mapping: dict[str, str]) -> Columns:
    return Columns.match(table.header, rules, mapping)


def _delimiter(path: Path, encoding: str, rules: Rules, mapping: dict[str, str]) -> str:
    """The one under which most columns of the first line are known."""
    counts = {}
    for delimiter in DELIMITERS:
        header = next(_records(path, encoding, delimiter), (1, list[str](), ""))[1]
        counts[delimiter] = (known(header, rules, mapping), len(header))
    best = max(counts, key=lambda d: counts[d])
    if not counts[best][0]:
        names = ", ".join(DELIMITERS.values())
        raise FileRefused(
            [
                f"{path.name}, line 1: no header: none of its cells is the name of a"
                f" column; expected a line such as name,phone,account,creditor,amount"
                f" separated by {names}, or --map column=field"
            ]
        )
    return best


def _records(
    path: Path, encoding: str, delimiter: str
) -> Iterator[tuple[int, list[str], str]]:
    """(first line, cells, why broken) of every record, the header first."""
    with path.open(encoding=encoding, newline="") as file:
        lines = _lines(file, path.name)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        began = True
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                _refuse_unclosed(path.name, line, reader.line_num, str(error))
                yield line, [], _why(str(error), line, reader.line_num)
                continue
            _refuse_unclosed(path.name, line, reader.line_num, "")
            if began and (not any(map(str.strip, cells)) or _is_hint(cells)):
                continue
            began = False
            yield line, cells, ""


def _lines(file: TextIO, name: str) -> Iterator[str]:
    number = 0
    while text := file.readline(LINE):
        number += 1
        if len(text) == LINE:
            raise FileRefused([f"{name}, line {number}: longer than {LINE} characters"])
        yield text


def _is_hint(cells: list[str]) -> bool:
    """Excel's own first line, `sep=;`."""
    return "".join(cells).strip().casefold() in {"sep=", "sep=;", "sep=,"}


def _refuse_unclosed(name: str, line: int, last: int, error: str) -> None:
    endless = "unexpected end" in error or "field limit" in error
    if endless or last - line >= SPAN:
        raise FileRefused(
            [
                f'{name}, line {line}: a quote (") opened in this record is not closed'
                f" within {SPAN} lines; expected a closing quote, and a quote inside"
                ' a quoted cell written twice ("")'
            ]
        )


def _why(error: str, line: int, last: int) -> str:
    where = f" (the record goes on to line {last})" if last > line else ""
    if "expected after" in error:
        return f"text follows a closing quote{where}"
    return f"cannot be taken apart into cells{where}"
