"""A batch line that is as it should be, read at once. `lines` reads all others, and
says what is wrong with them.

Nothing is taken here that `lines` would name: a line has exactly the keys of the
format, once each, because it has no more quotes than those need.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from dialer.compliance.number import plain
from dialer.model import Case, Consent, PastCall

KEYS, TEXTS = 15, 7
CALL, CONSENT = 10, 6  # texts of each: keys and values
Words = tuple[str, ...]


class _Consent(msgspec.Struct, rename={"start": "from", "end": "to"}):
    scope: str
    start: datetime
    end: datetime


class _Line(msgspec.Struct):
    id: str
    at: datetime
    packs: Words
    number: str
    zones: Words
    locations: Words
    account: str
    person: str
    sources: Words
    reviewers: Words
    importer: str
    history: tuple[PastCall, ...]
    consents: tuple[_Consent, ...]
    flags: Words
    purpose: str


_decoder = msgspec.json.Decoder(_Line)


def read(line: bytes) -> tuple[str, datetime, Case] | None:
    """-> id, at, case; None when `lines` must look. Values are not judged here: what
    the gate finds odd, `lines` must look at too."""
    if b"\\" in line:  # a quote may be part of a text
        return None
    try:
        found = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not found.id or line.count(b'"') != 2 * _texts(found):
        return None
    numbers = {call.number for call in found.history}
    if plain(found.number) != found.number:
        return None
    if any(number and plain(number) != number for number in numbers):
        return None
    return found.id, found.at, _case(found)


def _texts(found: _Line) -> int:
    lists = len(found.packs) + len(found.zones) + len(found.locations)
    lists += len(found.sources) + len(found.reviewers) + len(found.flags)
    parts = CALL * len(found.history) + CONSENT * len(found.consents)
    return KEYS + TEXTS + lists + parts


def _case(found: _Line) -> Case:
    consents = tuple(Consent(c.scope, c.start, c.end) for c in found.consents)
    return Case(
        found.number,
        found.person,
        found.account,
        found.zones,
        found.locations,
        found.packs,
        found.sources,
        found.reviewers,
        found.importer,
        found.history,
        consents,
        found.flags,
        found.purpose,
    )
