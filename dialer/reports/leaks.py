"""Search every file of a folder for personal values, however they may be written.

Encodings: UTF-8, GB18030, UTF-16, JSON escapes, base64; numbers also with separators,
in full-width and in Chinese digits. It reads bytes, so databases, logs and exports are
all the same to it. Parquet is opened; what else is compressed or encrypted it cannot
see.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from dialer.reports import parquet

CHUNK = 1 << 23
OVERLAP = 1 << 10  # a value split by a chunk's end is whole in the next one
SURE = 8  # bytes: a shorter GB18030 or UTF-16 form is found in any noise
LEAST = 6  # digits that make a number worth looking for apart from its writing
RUN = re.compile(rb"\d(?:[\s\-./()_\x00]{0,6}\d){5,}")
OTHER_DIGITS = (
    "０１２３４５６７８９",
    "零一二三四五六七八九",
    "〇幺两",
)
AS_ASCII = {
    digit.encode(): str(value).encode()
    for row in OTHER_DIGITS
    for value, digit in enumerate(row)
}
DIGIT_LEADS = (b"\xef\xbc", "零".encode(), "〇".encode(), "八".encode(), "一".encode())


def find_leaks(folder: Path, needles: Collection[str]) -> list[tuple[str, str]]:
    """-> (file relative to `folder`, needle), sorted, each pair once.

    A needle is a whole value: a name of two characters or more, a number, an address.
    Latin letters match in any case. A number that begins with + is also found without
    its country code.
    """
    search = Search(needles)
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        (path.relative_to(folder).as_posix(), needle)
        for path in files
        for needle in search.file(path)
    )


class Search:
    """The needles, made ready to be found in one pass."""

    def __init__(self, needles: Collection[str]) -> None:
        wanted = {needle for needle in needles if len(needle) >= 2}
        self._by_key: dict[int, list[tuple[bytes, str]]] = {}
        self._text: list[tuple[str, bytes, str]] = []
        self._digits = {n: digits for n in wanted if (digits := _digits(n))}
        for needle in wanted:
            for encoding, form in _forms(needle):
                if encoding and len(form) < SURE:
                    self._text.append((encoding, form, needle))
                elif len(form) >= 4:
                    key = int.from_bytes(form[:4])
                    self._by_key.setdefault(key, []).append((form, needle))
                else:
                    self._text.append(("", form, needle))
        self._keys = np.array(sorted(self._by_key), dtype=np.uint32)
        self._pairs = np.zeros(1 << 16, dtype=bool)
        self._pairs[self._keys >> 16] = True

    def file(self, path: Path) -> set[str]:
        """The needles that a file holds."""
        found = set[str]()
        for data in _chunks(path):
            found |= self.data(data)
        return found

    def data(self, data: bytes) -> set[str]:
        """The needles that some bytes hold."""
        lowered = data.lower()
        found = set(self._exact(lowered)) | set(self._numbers(data))
        for encoding, form, needle in self._text:
            if form in lowered and _is_text(data, encoding):
                found.add(needle)
        return found

    def _exact(self, data: bytes) -> Iterator[str]:
        if len(data) < 4:
            return
        octets = np.frombuffer(data, np.uint8).astype(np.uint32)
        pairs = octets[:-1] << 8 | octets[1:]
        at = np.flatnonzero(self._pairs[pairs[: len(data) - 3]])
        keys = pairs[at] << 16 | pairs[at + 2]
        for start in at[np.isin(keys, self._keys)].tolist():
            for form, needle in self._by_key[int.from_bytes(data[start : start + 4])]:
                if data.startswith(form, start):
                    yield needle

    def _numbers(self, data: bytes) -> Iterator[str]:
        if any(lead in data for lead in DIGIT_LEADS):
            for digit, ascii_digit in AS_ASCII.items():
                data = data.replace(digit, ascii_digit)
        for run in RUN.finditer(data):
            digits = re.sub(rb"\D", b"", run[0])
            for needle, wanted in self._digits.items():
                if wanted in digits:
                    yield needle


def _digits(needle: str) -> bytes:
    """What to look for among digits; nothing for a value that is mostly words."""
    digits = re.sub(r"\D", "", needle)
    if len(digits) < LEAST or re.search(r"[^\W\d_]{3}", needle):
        return b""
    return (digits[-10:] if needle.startswith("+") else digits).encode()


def _forms(needle: str) -> Iterator[tuple[str, bytes]]:
    """(encoding that a file must be in, bytes); an empty encoding: any file."""
    plain = needle.encode()
    yield "", plain.lower()
    if not needle.isascii():
        escaped = "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in needle)
        yield "", escaped.encode().lower()
        yield "gb18030", needle.encode("gb18030").lower()
    yield "utf-16-le", needle.encode("utf-16-le").lower()
    yield "utf-16-be", needle.encode("utf-16-be").lower()
    for shift in range(3):
        code = base64.b64encode(b"\0" * shift + plain).rstrip(b"=")
        cut = code[-(-8 * shift // 6) : (8 * (shift + len(plain))) // 6]
        if len(cut) >= SURE - 1:
            yield "", cut.lower()


def _is_text(data: bytes, encoding: str) -> bool:
    """Is the chunk text in the encoding? A cut character at its ends does not count."""
    if not encoding:
        return True
    body = data[: len(data) // 2 * 2] if encoding.startswith("utf-16") else data
    text = body.decode(encoding, "replace")
    return "\ufffd" not in text[2:-2] and "\0" not in text


def _chunks(path: Path) -> Iterator[bytes]:
    if path.suffix == ".parquet":
        yield from parquet.contents(path)
    with path.open("rb") as file:
        tail = b""
        while data := file.read(CHUNK):
            yield tail + data
            tail = data[-OVERLAP:]
