"""The life of one attempt: a table of moves and one pure function.

    due -> reserved -> dialing -> talking -> done
              |           |          |
              v           v          v
             due        unknown    unknown  -> done (reconciled with the switch)

Everything that may change an attempt's phase is in this file. Whether and when to
try again is `campaign.retry`'s to say: a further try is a new attempt, so one row is
one ring at most, and counting rows counts rings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, assert_never

from dialer.model import Disposition


class Phase(StrEnum):
    DUE = "due"  #: waits for its time
    RESERVED = "reserved"  #: a node holds a lease on it; nothing was sent yet
    DIALING = "dialing"  #: committed before the call was placed; never goes back
    TALKING = "talking"  #: someone or something answered
    UNKNOWN = "unknown"  #: the node died while dialing or talking; never dialed again
    DONE = "done"  #: over, with a disposition


OPEN = frozenset(Phase) - {Phase.DONE}


@dataclass(frozen=True, slots=True)
class Reserved:
    """A node took it, until `lease_until`."""

    node: str
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Dialing:
    """The gate allowed it; the call is about to be placed."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """The far end picked up."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not now (the gate said so, or the lease lapsed before dialing)."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Lost:
    """Its node died after `dialing` was committed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Over."""

    disposition: Disposition
    at: datetime


Event = Reserved | Dialing | Answered | Postponed | Lost | Ended

MOVES: dict[tuple[Phase, type[Event]], Phase] = {
    (Phase.DUE, Reserved): Phase.RESERVED,
    (Phase.DUE, Ended): Phase.DONE,  # cancelled, or never allowed again
    (Phase.RESERVED, Postponed): Phase.DUE,
    (Phase.RESERVED, Dialing): Phase.DIALING,
    (Phase.RESERVED, Ended): Phase.DONE,  # refused for good
    (Phase.DIALING, Answered): Phase.TALKING,
    (Phase.DIALING, Lost): Phase.UNKNOWN,
    (Phase.DIALING, Ended): Phase.DONE,
    (Phase.TALKING, Lost): Phase.UNKNOWN,
    (Phase.TALKING, Ended): Phase.DONE,
    (Phase.UNKNOWN, Ended): Phase.DONE,
}


class Attempt(NamedTuple):
    """What the table governs; the ledger's row holds more. A named tuple: each move of
    each call makes two, and of a frozen dataclass that takes four times as long."""

    phase: Phase
    not_before: datetime
    node: str | None = None
    lease_until: datetime | None = None
    dialing_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    disposition: Disposition | None = None


class IllegalMove(Exception):
    """An event came in a phase that has no move for it: a bug of ours."""


def advance(attempt: Attempt, event: Event) -> Attempt:
    """Return the attempt as `event` leaves it. The caller stores it."""
    phase = MOVES.get((attempt.phase, type(event)))
    if phase is None:
        raise IllegalMove(f"{type(event).__name__} while {attempt.phase}")
    become = attempt._replace
    match event:
        case Reserved(node, lease_until):
            return become(phase=phase, node=node, lease_until=lease_until)
        case Dialing(at):
            return become(phase=phase, dialing_at=at)
        case Answered(at):
            return become(phase=phase, answered_at=at)
        case Postponed(until):
            return become(phase=phase, node=None, lease_until=None, not_before=until)
        case Lost():
            return become(phase=phase, node=None, lease_until=None)
        case Ended(disposition, at):
            return become(
                phase=phase,
                node=None,
                lease_until=None,
                disposition=disposition,
                ended_at=at,
            )
        case _:
            assert_never(event)
