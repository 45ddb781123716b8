"""Agreements for tests: terms, and a life of events from random choices."""

from __future__ import annotations

import random
from datetime import date, timedelta

from dialer.agreements.event import Signed, Tip, write
from dialer.agreements.state import (
    Activated,
    Closed,
    Confirmed,
    Event,
    Paid,
    Proposed,
    Standing,
    State,
    Terms,
    advance,
    following,
)
from dialer.store.tables import stamp
from tests.kit.stores import NOW, PEN

FIRST = date(2026, 12, 1)
TERMS = Terms(
    kind="instalments",
    due=(FIRST, date(2027, 1, 1), date(2027, 2, 1)),
    grace_days=5,
    currency="CNY",
    commit="ab" * 32,
    account="a_000001",
    contact="c_000001",
    call="0" * 20,
)
NODES = ("identity", "plan", "date", "final")
BEGUN: tuple[Event, ...] = (
    Proposed(TERMS),
    Confirmed(NODES),
    Activated(date(2026, 11, 24)),
)


def paid(on: date, covered: int) -> Paid:
    return Paid(on, covered, "cd" * 32)


def stand(*events: Event) -> Standing:
    """Where the events lead."""
    standing: Standing | None = None
    for event in events:
        standing = advance(standing, event)
    assert standing is not None
    return standing


def life(chance: random.Random) -> list[Event]:
    """A lawful life: days pass, payments come or do not, a person may close."""
    events: list[Event] = list(BEGUN)
    standing, today = stand(*events), FIRST - timedelta(days=7)
    for _ in range(chance.randrange(30)):
        today += timedelta(days=chance.randrange(12))
        event = following(standing, today)
        if event is None and chance.random() < 0.4 and _owes(standing):
            event = paid(today, chance.randint(standing.covered, standing.parts))
        if event is None and chance.random() < 0.05 and standing.state != State.CLOSED:
            event = Closed(today, "withdrawn", "wang")
        if event:
            events.append(event)
            standing = advance(standing, event)
    return events


def _owes(standing: Standing) -> bool:
    return standing.state in (State.ACTIVE, State.BROKEN)


def chain(events: list[Event], name: str = "g_1") -> list[Signed]:
    return write(Tip(name), stamp(NOW), events, PEN)
