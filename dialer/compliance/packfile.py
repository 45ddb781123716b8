"""A pack file, checked whole: what TOML may say, and the rules it turns into."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from dialer.compliance import rules
from dialer.compliance.rules import Rule, Status, Window

Words = Annotated[str, Field(min_length=1, pattern=r"\S")]
Day = Literal[
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "workday", "restday", "holiday"
]
Direction = Literal["out", "in"]
Outcome = Literal["answered", "unanswered", "abandoned"]
Scope = Literal["night", "any"]
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Head(Part):
    """The [pack] table."""

    id: str = Field(pattern=r"^[a-z]{2,}(-[a-z0-9]+)*$")
    version: date
    title: Words
    applies_to: tuple[
        Annotated[str, Field(pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?|\*)$")], ...
    ] = Field(min_length=1)


class Base(Part):
    """What every [[rule]] says, whatever its kind."""

    kind: str
    id: str = Field(pattern=r"^[a-z][a-z0-9_.-]*$")
    citation: Words
    source: Words
    status: Status
    checked_on: date
    quote: str = ""
    effective_from: date | None = None
    effective_to: date | None = None
    note: str = ""

    def rule(self) -> Rule:
        raise NotImplementedError


class WindowPart(Part):
    days: tuple[Day, ...] = Field(min_length=1)
    start: str = Field(alias="from")
    end: str = Field(alias="to")

    @field_validator("start", "end")
    @classmethod
    def clock(cls, value: str) -> str:
        if not CLOCK.fullmatch(value):
            raise ValueError("expected HH:MM, 00:00 to 24:00")
        return value

    def window(self) -> Window:
        return Window(frozenset(self.days), _minutes(self.start), _minutes(self.end))


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


class HoursPart(Base):
    kind: Literal["hours", "default_hours"]
    windows: tuple[WindowPart, ...] = Field(min_length=1)
    closed: tuple[Day, ...] = ()
    calendar: str = Field("", pattern=r"^([A-Z]{2}|location)?$")
    consent: tuple[Scope, ...] = ()
    consent_lifts: Literal["", "closed", "all"] = ""

    def rule(self) -> Rule:
        windows = tuple(w.window() for w in self.windows)
        if any(w.start >= w.end for w in windows):
            raise ValueError("windows: `from` must be before `to`")
        if bool(self.consent) != bool(self.consent_lifts):
            raise ValueError("consent and consent_lifts are given together")
        named = {d for w in self.windows for d in w.days} | set(self.closed)
        if named & {"workday", "restday", "holiday"} and not self.calendar:
            raise ValueError("calendar: needed for workday, restday and holiday")
        if (self.calendar == "location") != (self.kind == "default_hours"):
            raise ValueError('calendar "location" is for default_hours, and only there')
        return rules.Hours(
            **_common(self),
            windows=windows,
            closed=frozenset(self.closed),
            calendar=self.calendar,
            consent=frozenset(self.consent),
            lifts=self.consent_lifts,
            default=self.kind == "default_hours",
        )


class FrequencyPart(Base):
    """At most so many in a period, the call about to be made included."""

    kind: Literal["frequency"]
    per: Literal["person", "number", "account"]
    directions: tuple[Direction, ...] = Field(min_length=1)
    outcomes: tuple[Outcome, ...] = Field(min_length=1)
    at_most: int = Field(ge=1)
    days: int = Field(0, ge=0, le=366)
    hours: int = Field(0, ge=0, le=8784)

    def rule(self) -> Rule:
        return _cap(self, self.at_most - 1)


class WaitPart(Base):
    """None for so long after such a call; the day of that call is day 1."""

    kind: Literal["wait"]
    per: Literal["person", "number", "account"]
    directions: tuple[Direction, ...] = Field(min_length=1)
    outcomes: tuple[Outcome, ...] = Field(min_length=1)
    days: int = Field(0, ge=0, le=366)
    hours: int = Field(0, ge=0, le=8784)

    def rule(self) -> Rule:
        return _cap(self, 0)


class ConsentPart(Base):
    kind: Literal["consent"]
    scopes: tuple[Scope, ...] = Field(min_length=1)

    def rule(self) -> Rule:
        return rules.ConsentNeeded(**_common(self), scopes=frozenset(self.scopes))


class FlagsPart(Base):
    kind: Literal["flags"]
    flags: tuple[Words, ...]

    def rule(self) -> Rule:
        return rules.Flags(**_common(self), flags=frozenset(self.flags))


class InconvenientPart(Base):
    kind: Literal["inconvenient"]

    def rule(self) -> Rule:
        return rules.Inconvenient(**_common(self))


class SourcesPart(Base):
    kind: Literal["sources"]
    at_least: int = Field(ge=1)
    kinds: tuple[Words, ...] = Field(min_length=1)

    def rule(self) -> Rule:
        kinds = frozenset(self.kinds)
        return rules.Sources(**_common(self), at_least=self.at_least, kinds=kinds)


class AgePart(Base):
    kind: Literal["age"]
    at_most_days: int = Field(ge=1, le=36_525)

    def rule(self) -> Rule:
        return rules.Age(**_common(self), at_most_days=self.at_most_days)


class ReviewsPart(Base):
    kind: Literal["reviews"]
    at_least: int = Field(ge=1)

    def rule(self) -> Rule:
        return rules.Reviews(**_common(self), at_least=self.at_least)


class PurposesPart(Base):
    kind: Literal["purposes"]
    purposes: tuple[Words, ...] = Field(min_length=1)

    def rule(self) -> Rule:
        return rules.Purposes(**_common(self), purposes=frozenset(self.purposes))


class FactsPart(Base):
    kind: Literal["facts"]

    def rule(self) -> Rule:
        return rules.Facts(**_common(self))


class DutyPart(Base):
    kind: Literal["duty"]
    text: Words
    held_by: Words
    numbers: dict[str, float] = {}

    def rule(self) -> Rule:
        return rules.Duty(
            **_common(self), text=self.text, held_by=self.held_by, numbers=self.numbers
        )


AnyPart = Annotated[
    HoursPart
    | FrequencyPart
    | WaitPart
    | ConsentPart
    | FlagsPart
    | InconvenientPart
    | SourcesPart
    | AgePart
    | ReviewsPart
    | PurposesPart
    | FactsPart
    | DutyPart,
    Field(discriminator="kind"),
]
#: One [[rule]] table.
RULE: TypeAdapter[Base] = TypeAdapter(AnyPart)


def _common(part: Base) -> dict[str, Any]:
    names = (f.name for f in fields(Rule))
    return {name: getattr(part, name) for name in names}


def _cap(part: FrequencyPart | WaitPart, before: int) -> rules.Cap:
    if not (part.days or part.hours):
        raise ValueError("days or hours: at least one is needed")
    return rules.Cap(
        **_common(part),
        per=part.per,
        directions=part.directions,
        outcomes=part.outcomes,
        before=before,
        days=part.days,
        hours=part.hours,
    )
