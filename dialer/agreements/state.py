"""The life of one agreement: a table of moves, guards and one pure function.

    proposed -> confirmed -> active -> kept -> closed
                               |  ^
                               v  |
                             broken -> closed

It counts parts (instalments), not money: which parts a payment covers is worked out
where the sums may be seen, and stands in the event. Time is the event's own day, never
a clock: the same events give the same state for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

NODES_NEEDED = 3  #: different confirmation nodes before an agreement counts (R12)
KINDS = ("instalments", "deferral", "discount", "full", "mediation")


class State(StrEnum):
    PROPOSED = "proposed"  #: read out; nobody is bound
    CONFIRMED = "confirmed"  #: read back and confirmed at enough nodes
    ACTIVE = "active"  #: in force: its parts fall due
    KEPT = "kept"  #: everything was paid
    BROKEN = "broken"  #: a part is later than its grace
    CLOSED = "closed"  #: over: kept and filed, withdrawn, or another took its place


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed. Tokens and days; `sums` (minor units, one a part) only where
    the masking policy lets amounts be seen, `commit` binds to them in any case."""

    kind: str
    due: tuple[date, ...]  # of each part; none: mediation
    grace_days: int
    currency: str
    commit: str  # see sums.py; empty: no sums
    account: str
    contact: str
    call: str = ""  # the attempt it was agreed in; empty: with a person
    replaces: str = ""  # the agreement it takes the place of
    sums: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposed:
    terms: Terms


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The nodes at which it was confirmed; `by`: who heard it (`call`, or a person)."""

    nodes: tuple[str, ...]
    by: str = "call"


@dataclass(frozen=True, slots=True)
class Activated:
    on: date


@dataclass(frozen=True, slots=True)
class Paid:
    """Money came. `covered`: how many parts all payments together cover now."""

    on: date
    covered: int
    commit: str  # to the sum
    sum: int | None = None  # minor units, where amounts may be seen


@dataclass(frozen=True, slots=True)
class Missed:
    """Part `part` (from 1) was not covered when its grace had passed."""

    on: date
    part: int


@dataclass(frozen=True, slots=True)
class Restored:
    """All that is due is paid after all."""

    on: date


@dataclass(frozen=True, slots=True)
class Fulfilled:
    on: date


@dataclass(frozen=True, slots=True)
class Closed:
    """`why`: kept | withdrawn | replaced | settled | mistake; `by`: who decided, or the
    agreement that takes its place."""

    on: date
    why: str
    by: str


Event = Proposed | Confirmed | Activated | Paid | Missed | Restored | Fulfilled | Closed
WHYS = ("kept", "withdrawn", "replaced", "settled", "mistake")

MOVES: dict[tuple[State | None, type[Event]], State] = {
    (None, Proposed): State.PROPOSED,
    (State.PROPOSED, Confirmed): State.CONFIRMED,
    (State.PROPOSED, Closed): State.CLOSED,
    (State.CONFIRMED, Activated): State.ACTIVE,
    (State.CONFIRMED, Closed): State.CLOSED,
    (State.ACTIVE, Paid): State.ACTIVE,
    (State.ACTIVE, Missed): State.BROKEN,
    (State.ACTIVE, Fulfilled): State.KEPT,
    (State.ACTIVE, Closed): State.CLOSED,
    (State.BROKEN, Paid): State.BROKEN,
    (State.BROKEN, Restored): State.ACTIVE,
    (State.BROKEN, Closed): State.CLOSED,
    (State.KEPT, Closed): State.CLOSED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an agreement stands after its events."""

    state: State
    terms: Terms
    covered: int = 0
    paid_on: date | None = None  # the last payment
    day: date | None = None  # of the last event but payments: days do not go back
    why: str = ""  # closed: why

    @property
    def parts(self) -> int:
        return len(self.terms.due)


class Unfit(Exception):
    """An event that cannot follow; the text says why."""


def advance(before: Standing | None, event: Event) -> Standing:
    """The standing after `event`. Unfit: it cannot come here."""
    state = before.state if before else None
    after = MOVES.get((state, type(event)))
    if after is None:
        raise Unfit(f"{type(event).__name__} while {state or 'nothing was proposed'}")
    if before is None:
        assert isinstance(event, Proposed)  # MOVES has no other beginning
        _check_terms(event.terms)
        return Standing(after, event.terms)
    _check(before, event)
    match event:
        case Paid(on, covered):
            return replace(before, state=after, covered=covered, paid_on=on)
        case Closed(on, why):
            return replace(before, state=after, why=why, day=on)
        case Activated(on) | Missed(on) | Restored(on) | Fulfilled(on):
            return replace(before, state=after, day=on)
        case _:
            return replace(before, state=after)


def following(standing: Standing, today: date) -> Event | None:
    """What time alone, or the last payment, brings next; None: nothing."""
    terms, covered = standing.terms, standing.covered
    match standing.state:
        case State.ACTIVE if terms.due and covered == standing.parts:
            return Fulfilled(today)
        case State.ACTIVE if terms.due and today > last_day(terms, covered):
            return Missed(today, covered + 1)
        case State.BROKEN if covered == standing.parts or today <= last_day(
            terms, covered
        ):
            return Restored(today)
        case _:
            return None


def last_day(terms: Terms, part: int) -> date:
    """The last day on which part `part` (from 0) is not yet missed."""
    return terms.due[part] + timedelta(days=terms.grace_days)


# --- what an event must satisfy


def _check_terms(terms: Terms) -> None:
    if terms.kind not in KINDS:
        raise Unfit(f"no kind of agreement {terms.kind!r}")
    if bool(terms.due) != (terms.kind != "mediation"):
        raise Unfit(f"{terms.kind} with {len(terms.due)} due dates")
    if list(terms.due) != sorted(set(terms.due)):
        raise Unfit("due dates are not in order")
    if terms.sums and (len(terms.sums) != len(terms.due) or min(terms.sums) <= 0):
        raise Unfit("not one sum for each due date")
    if terms.grace_days < 0:
        raise Unfit("a grace of less than no days")


def _check(before: Standing, event: Event) -> None:
    match event:
        case Missed(on) | Restored(on) | Fulfilled(on) | Closed(on) if (
            before.day and on < before.day
        ):
            raise Unfit(f"on {on}, after an event of {before.day}")
        case Confirmed(nodes) if len(set(nodes)) < NODES_NEEDED:
            raise Unfit(f"{len(set(nodes))} confirmation nodes; {NODES_NEEDED} needed")
        case Paid(_, covered) if not before.covered <= covered <= before.parts:
            raise Unfit(
                f"{covered} of {before.parts} parts covered after {before.covered}"
            )
        case Missed() | Restored() | Fulfilled():
            if following(before, event.on) != event:
                raise Unfit(f"{event} is not what the terms bring")
        case Closed(_, why) if why not in WHYS:
            raise Unfit(f"closed for {why!r}")
        case _:
            pass
