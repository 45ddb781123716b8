"""In which encoding a file was written; decided over the whole file, not its head."""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from dialer.contacts.problem import FileRefused

CHUNK = 1 << 20
HEAD = 1 << 16
EXPECTED = "expected CSV text in UTF-8, GB18030 or UTF-16"
MAGIC = {
    b"PK\x03\x04": "a spreadsheet or zip file (save the sheet as CSV UTF-8)",
    b"\xd0\xcf\x11\xe0": "an old Excel file (save the sheet as CSV UTF-8)",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip file (unpack it first)",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "a database",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"{\\rtf": "a rich-text document",
}
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
ASCII = frozenset("\t\r\n" + "".join(map(chr, range(0x20, 0x7F))))
LATIN_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e]")  # GBK, or an accent and a letter
HAN_PAIR = re.compile(rb"[\x81-\xfe][\x80-\xfe]")  # what nearly all Chinese text is


@dataclass(frozen=True, slots=True)
class Written:
    """The encoding as Python names it, and the SHA-256 of the bytes."""

    encoding: str
    digest: str


@dataclass(frozen=True, slots=True)
class _Broken:
    at: int  # byte offset
    byte: int


def detect(path: Path) -> Written:
    """Find the encoding that decodes every byte. FileRefused says why none does."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    _refuse_other_kinds(path.name, head)
    digest = _digest(path)
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return Written(_only(path, encoding), digest)
    if b"\0" in head:
        return Written(_only(path, _utf16_kind(path.name, head)), digest)
    return Written(_utf8_or_gb18030(path), digest)


def _refuse_other_kinds(name: str, head: bytes) -> None:
    if not head.strip():
        raise FileRefused([f"{name}: the file is empty; {EXPECTED}"])
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            raise FileRefused([f"{name}: this is {kind}; {EXPECTED}"])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _utf16_kind(name: str, head: bytes) -> str:
    """No byte-order mark: the separators, digits and letters give the order away."""
    even = len(head) - len(head) % 2
    little, big = (
        sum(1 for sign in head[:even].decode(kind, "replace") if sign in ASCII)
        for kind in ("utf-16-le", "utf-16-be")
    )
    nulls = head.count(b"\0")
    if max(little, big) < nulls * 0.8 or nulls * 20 < even:
        raise FileRefused([f"{name}: this is binary data; {EXPECTED}"])
    return "utf-16-le" if little > big else "utf-16-be"


def _only(path: Path, encoding: str) -> str:
    if broken := _first_broken(path, encoding):
        raise FileRefused([_message(path, encoding, broken)])
    return encoding


def _utf8_or_gb18030(path: Path) -> str:
    in_utf8 = _first_broken(path, "utf-8")
    if in_utf8 is None:
        return "utf-8"
    sample = _around(path, in_utf8.at)
    if _mostly_utf8(sample):
        raise FileRefused([_message(path, "utf-8", in_utf8)])
    if in_gb := _first_broken(path, "gb18030"):
        worse = in_utf8 if in_gb.at <= in_utf8.at else in_gb
        raise FileRefused([_message(path, "UTF-8 nor GB18030", worse)])
    if len(LATIN_PAIR.findall(sample)) > len(HAN_PAIR.findall(sample)):
        line = _line_of(path, in_utf8.at)
        raise FileRefused(
            [
                f"{path.name}, line {line}: looks like Windows-1252 or Latin-1 text,"
                f" where letters cannot be told from others; {EXPECTED}"
            ]
        )
    return "gb18030"


def _mostly_utf8(sample: bytes) -> bool:
    """UTF-8 with a few bad bytes, rather than another encoding throughout."""
    text = sample.decode("utf-8", "replace")
    wrong = text.count("\N{REPLACEMENT CHARACTER}")
    beyond = sum(1 for c in text if c > "\x7f") - wrong
    return beyond > 4 * wrong


def _around(path: Path, at: int) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, at - HEAD))
        return file.read(2 * HEAD)


def _first_broken(path: Path, encoding: str) -> _Broken | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    read = held = 0  # bytes before this chunk, of which the decoder holds some back
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return _Broken(read - held + error.start, error.object[error.start])
            if not chunk:
                return None
            read += len(chunk)
            held = len(decoder.getstate()[0])


def _message(path: Path, encoding: str, broken: _Broken) -> str:
    line = _line_of(path, broken.at)
    neither = "neither" if "nor" in encoding else "not"
    return (
        f"{path.name}, line {line}: byte 0x{broken.byte:02X} at offset {broken.at}"
        f" is {neither} {encoding.removesuffix('-sig').upper()}; {EXPECTED}"
    ).replace(" NOR ", " nor ")


def _line_of(path: Path, at: int) -> int:
    lines, left = 1, at
    with path.open("rb") as file:
        while left and (chunk := file.read(min(CHUNK, left))):
            lines += chunk.count(b"\n")
            left -= len(chunk)
    return lines
