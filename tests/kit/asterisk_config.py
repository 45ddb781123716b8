"""Asterisk's .conf files read back, strictly, by somebody who did not write them.

The reader is pyst2's `asterisk.config`. What it would take for something else than
Asterisk does is refused here, though Asterisk allows it: templates, `#include`, `\\;`,
comments of many lines. What we write ourselves has none of them.
"""

from __future__ import annotations

from pathlib import Path

from asterisk.config import Category, Config, Item, ParseError

Sections = dict[str, dict[str, list[str]]]

MISREAD = {";--": "a comment of many lines", "\\;": "an escaped semicolon"}


class _Read(Config):  # type: ignore[misc]
    """pyst2's reader on text: given a file's name, it leaves the file open."""

    def __init__(self, text: str) -> None:
        self._text = text
        super().__init__("")

    def load(self) -> None:
        self.raw_lines = self._text.split("\n")


def read_back(path: Path) -> Sections:
    """-> section, key, the key's values in order; sections of one name are one.
    AssertionError: what cannot be read so, with file and line."""
    text = path.read_bytes().decode()  # line ends as they are
    for number, line in enumerate(text.split("\n"), 1):
        _readable(path.name, number, line)
    try:
        found = _Read(text)
    except ParseError as error:
        number, why = error.args
        raise AssertionError(f"{path.name}:{number}: {why}") from error
    sections = Sections()
    section: dict[str, list[str]] | None = None
    for line in found.lines:
        if isinstance(line, Category):
            section = sections.setdefault(line.name, {})
        elif isinstance(line, Item):
            where = f"{path.name}:{line.number}"
            assert section is not None, f"{where}: before the first section"
            assert line.name, f"{where}: a value without a name"
            section.setdefault(line.name, []).append(line.value.strip())
    return sections


def _readable(name: str, number: int, line: str) -> None:
    for mark, what in MISREAD.items():
        assert mark not in line, f"{name}:{number}: {what}"
    assert not line.startswith("#"), f"{name}:{number}: a directive"
    assert line.strip() != "[]", f"{name}:{number}: a section without a name"
    control = any(ord(c) < 32 and c != "\t" for c in line)
    assert not control, f"{name}:{number}: a control character"
