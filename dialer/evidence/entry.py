"""What one journal entry looks like in the evidence log: canonical, salted, small.

The log holds a commitment to an entry's body, never the body. Who has the body and its
salt can show what was committed to; when the salt is erased, the log still verifies
and tells nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Protocol

VERSION = 1
DOMAIN = b"accord/entry/v1\0"  # no other hash of ours begins like this
CONSTANTS = {None: "null", True: "true", False: "false"}
EXACT = 2**53  # beyond it not every whole number is a JSON number
LARGEST = 2**1023


class Row(Protocol):
    """The part of a journal row that the log commits to."""

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def salt(self) -> bytes: ...


def canonical(body: Mapping[str, object]) -> str:
    """JSON after RFC 8785: one way only to write a value.

    Takes str, int, float, bool, None, lists, tuples and string-keyed mappings. Raises
    TypeError for anything else, ValueError for a number or a text that JSON or UTF-8
    cannot hold exactly.
    """
    out: list[str] = []
    _write(body, out)
    text = "".join(out)
    text.encode()  # a lone surrogate has no UTF-8
    return text


def commitment(salt: bytes, body: str) -> bytes:
    """SHA-256 over domain, salt length, salt and body (UTF-8): 32 bytes. It binds to
    the body and, while the salt is secret, hides it."""
    if not 16 <= len(salt) <= 255:
        raise ValueError(f"a salt has 16 to 255 bytes, not {len(salt)}")
    return sha256(DOMAIN + bytes([len(salt)]) + salt + body.encode()).digest()


def leaf(row: Row) -> bytes:
    """The log's entry for a journal row: canonical JSON, UTF-8, the body committed."""
    found = {
        "v": VERSION,
        "seq": row.seq,
        "at": row.at,
        "kind": row.kind,
        "subject": row.subject,
        "commit": commitment(row.salt, row.body).hex(),
    }
    return canonical(found).encode()


def _write(value: object, out: list[str]) -> None:
    if isinstance(value, str):
        out.append(encode_basestring(value))
    elif value is None or isinstance(value, bool):
        out.append(CONSTANTS[value])
    elif isinstance(value, int | float):
        out.append(_number(value))
    elif isinstance(value, Mapping):
        _object(value, out)
    elif isinstance(value, list | tuple):
        _array(value, out)
    else:
        raise TypeError(f"{type(value).__name__} is not a JSON type")


def _object(value: Mapping[object, object], out: list[str]) -> None:
    before = "{"
    for key in sorted(value, key=_order):
        out.append(f"{before}{encode_basestring(str(key))}:")
        _write(value[key], out)
        before = ","
    out.append("}" if value else "{}")


def _array(value: list[object] | tuple[object, ...], out: list[str]) -> None:
    before = "["
    for item in value:
        out.append(before)
        _write(item, out)
        before = ","
    out.append("]" if value else "[]")


def _order(key: object) -> bytes:
    """RFC 8785 3.2.3: by UTF-16 code units."""
    if not isinstance(key, str):
        raise TypeError(f"a key is a str, not {type(key).__name__}")
    return key.encode("utf-16-be")


def _number(value: float) -> str:
    """RFC 8785 3.2.2.3: as ECMAScript writes it."""
    if isinstance(value, int):
        if abs(value) <= EXACT:
            return int.__repr__(value)
        if abs(value) > LARGEST or int(float(value)) != value:
            raise ValueError(f"{value} is not exact in JSON; write it as a string")
        value = float(value)
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a JSON number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, part = mantissa.partition(".")
    part = "" if part == "0" else part
    point = len(whole) + int(exponent or 0)  # where the decimal point stands
    digits = whole + part
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return sign + _ecmascript(stripped.rstrip("0"), point)


def _ecmascript(digits: str, point: int) -> str:
    """ECMA-262 Number::toString for 0.`digits` times ten to the `point`."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"
