"""Rules as the gate reads them: frozen, one class a kind, and the book of all packs.

`Status` says how we know a rule, never how strictly it is enforced: all are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from dialer.compliance.calendars import Calendars


class Status(StrEnum):
    PRIMARY = "primary"  #: the text itself was read
    SECONDARY = "secondary"  #: a report of the text was read
    UNVERIFIED = "unverified"  #: neither; enforced all the same, and shown as such
    OWN = "own"  #: a rule of this house, not of a law


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Rule:
    """What every rule carries. `id` starts with the id of its pack."""

    id: str
    kind: str
    citation: str
    source: str
    status: Status
    checked_on: date
    quote: str = ""
    effective_from: date | None = None
    effective_to: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """[start, end) in minutes of the local day, on the days it names.

    Days: mon tue wed thu fri sat sun, workday, restday, holiday.
    """

    days: frozenset[str]
    start: int
    end: int


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Hours(Rule):
    """When calls may be made. A day in `closed` has no hours, whatever a window says.

    calendar: "" none needed | a country, its national holidays | "location".
    A consent whose scope is in `consent` lifts `closed`, or with `lifts="all"` the
    whole rule, while it is in force.
    """

    windows: tuple[Window, ...]
    closed: frozenset[str] = frozenset()
    calendar: str = ""
    consent: frozenset[str] = frozenset()
    lifts: str = ""
    default: bool = False  # only where no shipped pack states hours for the country


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Cap(Rule):
    """At most `before` earlier calls of the counted sort may lie in the period.

    The period is `days` local calendar days, today included, and/or `hours` rolling
    hours; with both, a call in either counts.
    """

    per: str  # person | number | account
    directions: tuple[str, ...]
    outcomes: tuple[str, ...]
    before: int
    days: int = 0
    hours: int = 0


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ConsentNeeded(Rule):
    """A consent of one of these scopes must be in force."""

    scopes: frozenset[str]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Flags(Rule):
    """Each of these blocks; with none named, every flag does."""

    flags: frozenset[str]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Inconvenient(Rule):
    """No calls in the hours that the person told us (see `told`)."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Sources(Rule):
    at_least: int
    kinds: frozenset[str]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Age(Rule):
    """The number must have rested on enough kinds of source less long ago."""

    at_most_days: int


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Reviews(Rule):
    at_least: int


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Purposes(Rule):
    purposes: frozenset[str]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Facts(Rule):
    """What is unknown or malformed is refused."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Duty(Rule):
    """Held elsewhere than in the gate (`held_by`); `numbers` are for who holds it."""

    text: str
    held_by: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Pack:
    """`applies_to`: countries (CN), subdivisions (US-NV), or "*"."""

    id: str
    version: str
    title: str
    applies_to: frozenset[str]
    rules: tuple[Rule, ...]
    own: bool = False  # the operator's, not shipped


@dataclass(frozen=True, eq=False, slots=True)
class Rulebook:
    """All packs and calendars of one installation. Never changes once loaded."""

    packs: Mapping[str, Pack]
    calendars: Calendars
    facts: Facts
    default_hours: Hours

    def rules(self) -> Iterator[tuple[Pack, Rule]]:
        for pack in self.packs.values():
            for rule in pack.rules:
                yield pack, rule

    def rule(self, rule_id: str) -> Rule:
        """By full id, as `us.frequency`; KeyError if there is none."""
        for _, rule in self.rules():
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)
