"""What is wrong with a contact file, said so that it can be put right, and masked."""

from __future__ import annotations

import re
from dataclasses import dataclass

SHOWN = 24  # characters of a value that may be shown at most

#: What a value of a field looks like when it can be shown as it is. Anything else may
#: be a name or a number that slipped into the wrong column, and is masked.
HARMLESS = {
    "amount": re.compile(r"[-+(]?[¥￥$€£]?[-\d.,' ]{0,9}(元|[eE]\+?\d\d?)?[)]?"),
    "currency": re.compile(r"[A-Za-z]{1,4}"),
    "due_date": re.compile(r"[\d/.年月-]{1,12}日?"),
    "language": re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{2,4})?"),
    "location": re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,3})?"),
    "time_zone": re.compile(r"[A-Z][A-Za-z_]{1,14}/[A-Za-z_/+0-9-]{1,20}|[A-Z]{2,4}"),
    "do_not_call": re.compile(r"[A-Za-z]{1,5}|\d"),
}


class Bad(Exception):
    """A value cannot be read. `reason` and `expected` never contain the value."""

    def __init__(self, reason: str, expected: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one row. `line` counts from 1, the header included;
    `value` is masked; `column` is the header's own word."""

    row: int
    line: int
    column: str
    value: str
    reason: str
    expected: str

    def __str__(self) -> str:
        value = f" {self.value!r}" if self.value else ""
        return (
            f"line {self.line}, {self.column}:{value} {self.reason};"
            f" expected {self.expected}"
        )


class FileRefused(Exception):
    """The whole file, or how it was asked for, is wrong; nothing was stored.

    `problems` holds one line for each thing wrong; `usage` says the command and not
    the file is at fault.
    """

    def __init__(self, problems: list[str], *, usage: bool = False) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.usage = usage


def masked(field: str, value: str) -> str:
    """`value` as a report may show it: harmless whole, else its first sign or two."""
    value = " ".join(value.split())[: SHOWN * 4]
    harmless = HARMLESS.get(field)
    if harmless and harmless.fullmatch(value) and sum(map(str.isdigit, value)) < 9:
        return value
    if field == "phone" and sum(map(str.isdigit, value)) >= 9:
        return _between(value, 3, 2)
    return _between(value, 1, 0) if len(value) > 1 else "*" * len(value)


def _between(value: str, head: int, tail: int) -> str:
    hidden = min(len(value) - head - tail, SHOWN - head - tail)
    return value[:head] + "*" * hidden + (value[-tail:] if tail else "")
