"""Rows of attempts: read in the order asked for, moved by `attempt.advance`, written.

Only what a move changes is written: SQLite then checks fewer constraints and leaves
more indexes alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, update

from dialer.attempt import Attempt, Phase
from dialer.model import Disposition
from dialer.store.port import NotFound
from dialer.store.prepared import Listed, Prepared
from dialer.store.tables import attempts, stamp
from dialer.store.work import Work

GOVERNED = Attempt._fields  # the columns that `advance` governs
ENUMS = frozenset({Phase, Disposition})
PHASES = {phase.value: phase for phase in Phase}
fromisoformat = datetime.fromisoformat


def read(work: Work, statement: Listed, wanted: Sequence[str]) -> list[Any]:
    """The rows with these attempts' ids, in order. NotFound."""
    there = {
        row.attempt_id: row
        for row in statement.all(work.connection, {"wanted": wanted})
    }
    for attempt_id in wanted:
        if attempt_id not in there:
            raise NotFound("attempt", attempt_id)
    return [there[attempt_id] for attempt_id in wanted]


def attempt_of(row: Any) -> Attempt:
    """From a row as the database holds it (see `prepared`)."""
    return Attempt(
        PHASES[row.phase],
        fromisoformat(row.not_before),
        row.node,
        row.lease_until and fromisoformat(row.lease_until),
        row.dialing_at and fromisoformat(row.dialing_at),
        row.answered_at and fromisoformat(row.answered_at),
        row.ended_at and fromisoformat(row.ended_at),
        row.disposition and Disposition(row.disposition),
    )


def parsed(at: str | None) -> datetime | None:
    return None if at is None else datetime.fromisoformat(at)


def values(attempt: Attempt) -> dict[str, object]:
    """All the columns that `advance` governs, as the database holds them."""
    return {name: value(found) for name, found in zip(GOVERNED, attempt, strict=True)}


def changes(row: Any, before: Attempt, after: Attempt) -> dict[str, object]:
    """The row's key, and the columns that a move of it changed."""
    found: dict[str, object] = {"row": row.row}
    for name, old, new in zip(GOVERNED, before, after, strict=True):
        if new is not old:
            found[name] = None if new is None else value(new)
    return found


def value(found: Any) -> object:
    kind = type(found)
    if kind is datetime:
        return stamp(found)
    return str(found) if kind in ENUMS else found


def save(work: Work, changed: Iterable[Mapping[str, object]]) -> None:
    """Write rows; each gives its key (`row`) and the columns to set."""
    alike = defaultdict[tuple[str, ...], list[Mapping[str, object]]](list)
    for columns in changed:
        alike[tuple(columns)].append(columns)
    for names, rows in alike.items():
        _setting(names).many(work.connection, rows)


@lru_cache(maxsize=64)  # there are a dozen
def _setting(names: tuple[str, ...]) -> Prepared:
    fields: dict[str, Any] = {name: bindparam(name) for name in names if name != "row"}
    mine = attempts.c.row == bindparam("row")
    return Prepared(update(attempts).where(mine).values(fields))
