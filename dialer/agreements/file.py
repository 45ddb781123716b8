"""The export: JSON lines that an auditor can keep, read and replay alone.

Line 1: {format, vkeys, agreements, events, digest}; then one line an event, each
agreement's events together and in order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from dialer.agreements.event import Signed
from dialer.agreements.replay import Replayed, digest

FORMAT = "accord-agreements/1"
TYPES = {field.name: str(field.type) for field in fields(Signed)}


class BadExport(Exception):
    """Not an export of ours; `line` from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


@dataclass(frozen=True, slots=True)
class Export:
    """What a file says. `digest` is its claim; replay tells whether it holds."""

    vkeys: tuple[str, ...]
    digest: str
    events: tuple[Signed, ...]


def lines(
    events: Sequence[Signed], found: Sequence[Replayed], vkeys: Sequence[str]
) -> Iterator[str]:
    """The lines of an export, with their ends."""
    head = {
        "format": FORMAT,
        "vkeys": list(vkeys),
        "agreements": len(found),
        "events": len(events),
        "digest": digest(found),
    }
    yield json.dumps(head, ensure_ascii=False) + "\n"
    for event in events:
        yield json.dumps(asdict(event), ensure_ascii=False) + "\n"


def read(text: Iterable[str]) -> Export:
    """BadExport: the first line that is wrong, or lines are missing."""
    numbered = enumerate(text, 1)
    _, first = next(numbered, (1, ""))
    head = _object(1, first)
    if head.get("format") != FORMAT:
        raise BadExport(1, f"the format is not {FORMAT!r}")
    vkeys, claim = head.get("vkeys"), head.get("digest")
    if not isinstance(claim, str) or not isinstance(vkeys, list):
        raise BadExport(1, "no vkeys and digest")
    events = tuple(_event(n, line) for n, line in numbered if line.strip())
    if head.get("events") != len(events):
        raise BadExport(1, f"says {head.get('events')} events; there are {len(events)}")
    return Export(tuple(map(str, vkeys)), claim, events)


def _object(number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise BadExport(number, f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadExport(number, "not an object")
    return found


def _event(number: int, line: str) -> Signed:
    found = _object(number, line)
    if found.keys() != TYPES.keys():
        odd = ", ".join(sorted(found.keys() ^ TYPES.keys()))
        raise BadExport(number, f"missing or unknown: {odd}")
    for name, kind in TYPES.items():
        if type(found[name]).__name__ != kind:
            raise BadExport(number, f"{name} is no {kind}")
    return Signed(**found)
