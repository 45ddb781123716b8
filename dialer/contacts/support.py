"""What supports a call: sources of the number, consents, and marks against it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from dialer.contacts import dates
from dialer.contacts.person import tidy
from dialer.contacts.problem import Bad
from dialer.contacts.rules import Rules, plain
from dialer.model import Consent, Source

SEVERAL = re.compile(r"[;；\n]+")
SOURCE = "kind|reference|date, several separated by ;"
CONSENT = "scope|first day|day after the last, scope any or night"
SCOPES = ("any", "night")
FLAGS = ("do_not_call", "attorney", "cease", "dispute", "workplace", "deceased")


def sources(cell: str) -> list[Source]:
    """`kind|reference|date; ...`. Whether a kind counts is provenance's to say."""
    return [
        source(*_parts(text, 3, SOURCE), place=f"source {n}")
        for n, text in _several(cell)
    ]


def source(kind: str, reference: str, dated: str, *, place: str) -> Source:
    """One source. Bad when it has no kind or no date."""
    word = _kind(kind)
    if not word:
        raise Bad(f"{place} has no kind", SOURCE)
    try:
        return Source(word, tidy(reference), dates.read(dated))
    except Bad as bad:
        missing = bad.reason if dated.strip() else "is missing"
        raise Bad(f"{place}: its date {missing}", bad.expected) from bad


@lru_cache(maxsize=4096)
def _kind(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def consents(cell: str, zones: tuple[str, ...]) -> tuple[Consent, ...]:
    """`any|2026-01-01|2027-01-01; ...`: from the start of the first day until the
    start of the last, both where the person may be: the shortest span of all zones."""
    found = []
    for n, text in _several(cell):
        scope, first, last = _parts(text, 3, CONSENT)
        found.append(_consent(n, scope, first, last, zones=zones))
    return tuple(found)


def _consent(
    n: int, scope: str, first: str, last: str, *, zones: tuple[str, ...]
) -> Consent:
    word = unicodedata.normalize("NFKC", scope).strip().casefold()
    if word not in SCOPES:
        raise Bad(f"consent {n} has an unknown scope", CONSENT)
    try:
        began, ended = dates.read(first), dates.read(last)
    except Bad as bad:
        raise Bad(f"consent {n}: a date {bad.reason}", bad.expected) from bad
    if began >= ended:
        raise Bad(f"consent {n} ends before it begins", CONSENT)
    return Consent(word, max(_midnights(began, zones)), min(_midnights(ended, zones)))


@lru_cache(maxsize=4096)
def _midnights(day: date, zones: tuple[str, ...]) -> list[datetime]:
    local = [
        datetime.combine(day, time(), ZoneInfo(zone)) for zone in zones or ("UTC",)
    ]
    return [moment.astimezone(UTC) for moment in local]


def flags(cell: str) -> tuple[str, ...]:
    """`attorney; dispute`. Bad when one is not a flag of ours."""
    words = tuple(text.strip().casefold() for _, text in _several(cell))
    if any(word not in FLAGS for word in words):
        raise Bad("is no flag we know", ", ".join(FLAGS))
    return words


def priority(cell: str) -> int | None:
    """A digit; None: not given. Bad when it is anything else."""
    found = cell.strip()
    if not found:
        return None
    if len(found) != 1 or not found.isdecimal():
        raise Bad("is no priority", "0 to 9, more is called sooner")
    return int(found)


def yes(cell: str, rules: Rules) -> bool:
    """Bad when it is neither yes nor no; empty is no."""
    word = plain(cell)
    if word and word not in rules.answers:
        raise Bad("is neither yes nor no", "yes or no")
    return bool(word) and rules.answers[word]


def word(cell: str, known: Mapping[str, str]) -> str:
    """The name a word stands for, '' for an empty cell. Bad when it stands for none."""
    found = plain(cell)
    if found and found not in known:
        raise Bad("is no word we know", ", ".join(dict.fromkeys(known.values())))
    return known[found] if found else ""


def _several(cell: str) -> list[tuple[int, str]]:
    texts = [text.strip() for text in SEVERAL.split(cell)]
    return list(enumerate(filter(None, texts), start=1))


def _parts(text: str, count: int, expected: str) -> list[str]:
    parts = text.replace("｜", "|").split("|")
    if len(parts) != count:
        raise Bad(f"has {len(parts)} parts where {count} are expected", expected)
    return parts
