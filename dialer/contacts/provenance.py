"""R1: a number is dialable when at least three different kinds of source support it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from dialer.model import Source

NEEDED = 3
KINDS = {
    "court_document": "a judgment, mediation record or other paper of a court",
    "filed_contract": "a contract filed with an authority",
    "signed_contract_record": "a contract the person signed",
    "business_registration": "a company register's entry",
    "given_by_person": "the person gave the number themselves",
    "public_register": "an official public register",
}


@dataclass(frozen=True, slots=True)
class Assessment:
    """`kinds` are those that count, once each. Dialable has no reasons; otherwise they
    name each source that does not count, by its place, and what is missing."""

    dialable: bool
    kinds: tuple[str, ...]
    reasons: tuple[str, ...]
    dated: date | None = None  # the first of the month in which the third began


def assess(sources: Sequence[Source], today: date) -> Assessment:
    """Weigh the sources of one contact. Nothing personal is in the reasons."""
    kinds: list[str] = []
    newest = dict[str, date]()
    faults = []
    for n, source in enumerate(sources, start=1):
        if fault := _fault(source, today):
            faults.append(f"source {n} does not count: {fault}")
            continue
        if source.kind not in kinds:
            kinds.append(source.kind)
        newest[source.kind] = max(newest.get(source.kind, source.dated), source.dated)
    if len(kinds) >= NEEDED:
        third = sorted(newest.values(), reverse=True)[NEEDED - 1]
        return Assessment(True, tuple(kinds), (), third.replace(day=1))
    found = ", ".join(kinds) or "none"
    few = f"{len(kinds)} of {NEEDED} different kinds of source ({found})"
    return Assessment(False, tuple(kinds), (few, *faults))


def _fault(source: Source, today: date) -> str:
    if source.kind not in KINDS:
        return f"its kind is none of {', '.join(KINDS)}"
    if not source.reference.strip():
        return "it has no reference"
    if source.dated > today:
        return f"its date {source.dated} is in the future"
    return ""
