"""Whether to try again, on which number, and not before when. Pure.

What is decided here is a wish: the gate judges it when it is due, and the ledger
keeps it as `not_before` of a new attempt. There is no delayed job.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from dialer.campaign.hours import Best
from dialer.model import Disposition, NextTry

#: Never dialed again by themselves: no file can change it.
NEVER = frozenset(
    {
        Disposition.OPTED_OUT,
        Disposition.DISPUTED,
        Disposition.ATTORNEY,
        Disposition.DECEASED,
        Disposition.DISTRESS,
        Disposition.COMPLAINT,
        Disposition.REFUSED,
        Disposition.CANCELLED,
        Disposition.UNKNOWN,
    }
)
#: The number is of no use; another number of the same person may be.
NOT_THIS_NUMBER = frozenset({Disposition.UNALLOCATED, Disposition.WRONG_NUMBER})
#: Ends of which people may be called again when an operator recycles a campaign.
RECYCLABLE = (
    frozenset(Disposition)
    - NEVER
    - NOT_THIS_NUMBER
    - {Disposition.AGREED_PLAN, Disposition.ALREADY_PAID}
)


class RetryError(Exception):
    """A retry table is wrong. `problems` are `(place, what)`, all of them."""

    def __init__(self, path: str, problems: list[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {p}: {what}" for p, what in problems))
        self.path = path
        self.problems = problems


class When(StrEnum):
    AFTER = "after"
    BEST_HOUR = "best_hour"
    NEXT_DAY = "next_day"
    ASKED = "asked"
    DAY_AFTER_ASKED = "day_after_asked"


class OtherNumber(StrEnum):
    NEVER = "never"
    THEN = "then"
    AT_ONCE = "at_once"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one disposition asks for. `times`: see config/retry.toml."""

    when: When
    times: int
    other_number: OtherNumber
    after: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a campaign; a disposition without one is never tried again."""

    rules: Mapping[Disposition, Rule]
    next_day_at: time
    most_attempts: int


def next_try(
    disposition: Disposition,
    *,
    tries: int,
    number: int,
    numbers: int,
    now: datetime,
    zone: str,
    callback_at: datetime | None,
    policy: Policy,
    best: Best | None = None,
) -> NextTry | None:
    """The next attempt after one that ended in `disposition`, or None.

    tries: attempts of this contact in this campaign, the ended one included.
    number, numbers: index of the number dialed; how many the contact has.
    zone: the callee's IANA zone, for "the next day" (an unknown one reads as UTC).
    callback_at: the time the callee asked for; for `promised`, the date promised.
    best: the hour at which people of this campaign answer most; None: not known yet.
    """
    rule = policy.rules.get(disposition)
    if rule is None or disposition in NEVER or tries >= policy.most_attempts:
        return None
    following = _number(rule, tries, number, numbers)
    if rule.when is When.BEST_HOUR and best is not None and following is not None:
        most = best.after(now + rule.after, _zone(zone))
        return NextTry(following, most, f"{disposition}: {rule.when}, {best.why}")
    at = _instant(rule, now, _zone(zone), callback_at, policy.next_day_at)
    if following is None or at is None:
        return None
    which = "" if following == number else ", next number"
    asked = rule.when is When.ASKED and at == callback_at
    return NextTry(following, at, f"{disposition}: {rule.when}{which}", asked)


def _number(rule: Rule, tries: int, number: int, numbers: int) -> int | None:
    """Numbers are taken in order, never gone back to: an earlier one may be wrong."""
    following = number + 1 if number + 1 < numbers else None
    if rule.other_number is OtherNumber.AT_ONCE:
        return following
    if tries <= rule.times:
        return number
    used_up = rule.times > 0 and rule.other_number is OtherNumber.THEN
    return following if used_up else None


def _instant(
    rule: Rule, now: datetime, zone: ZoneInfo, asked: datetime | None, at: time
) -> datetime | None:
    match rule.when:
        case When.AFTER | When.BEST_HOUR:
            return now + rule.after
        case When.NEXT_DAY:
            return _day_after(now, zone, at)
        case When.ASKED:
            future = asked is not None and asked > now
            return asked if future else _day_after(now, zone, at)
        case When.DAY_AFTER_ASKED:
            return None if asked is None else max(now, _day_after(asked, zone, at))


def _day_after(moment: datetime, zone: ZoneInfo, at: time) -> datetime:
    day: date = moment.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, at, zone).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


# --- the edge: config/retry.toml and what a campaign file overrides


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    when: When
    times: int = Field(ge=0, le=50)
    other_number: OtherNumber
    after_minutes: float | None = Field(None, ge=0, le=527_040)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    most_attempts: int = Field(ge=1, le=50)
    next_day_at: time
    rules: dict[Disposition, _Table]


def load_policy(
    path: Path, changes: Mapping[str, tuple[float, int]] | None = None
) -> Policy:
    """Read config/retry.toml, then apply a campaign's own numbers (see `override`).

    RetryError names every problem with its key.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RetryError(str(path), [("file", str(error))]) from error
    return override(parse(found, str(path)), changes or {})


def parse(found: Mapping[str, Any], path: str = "retry.toml") -> Policy:
    """The same, of a file already read."""
    tables = {k: v for k, v in found.items() if isinstance(v, dict)}
    rest = {k: v for k, v in found.items() if k not in tables}
    try:
        file = _File.model_validate({**rest, "rules": tables})
    except ValidationError as error:
        raise RetryError(path, [_told(e) for e in error.errors()]) from error
    rules = {d: _rule(table) for d, table in file.rules.items()}
    if problems := [p for d, t in file.rules.items() for p in _check(d, t)]:
        raise RetryError(path, problems)
    return Policy(MappingProxyType(rules), file.next_day_at, file.most_attempts)


def override(
    policy: Policy, changes: Mapping[str, tuple[float, int]], path: str = "campaign"
) -> Policy:
    """`policy` with a campaign's own `{disposition: (after_minutes, times)}`.

    What must never be tried again cannot be overridden: RetryError.
    """
    problems: list[tuple[str, str]] = []
    rules = dict(policy.rules)
    for name, (minutes, times) in changes.items():
        disposition = next((d for d in Disposition if d == name), None)
        if disposition is None:
            problems.append((f"retry.{name}", "is not a disposition"))
        elif disposition in NEVER | NOT_THIS_NUMBER:
            problems.append((f"retry.{name}", "may not be changed by a campaign"))
        elif minutes <= 0 or times < 0:
            what = f"after_minutes > 0 and times >= 0, found {minutes} and {times}"
            problems.append((f"retry.{name}", what))
        else:
            rules[disposition] = _changed(rules.get(disposition), minutes, times)
    if problems:
        raise RetryError(path, problems)
    return replace(policy, rules=MappingProxyType(rules))


def _changed(rule: Rule | None, minutes: float, times: int) -> Rule:
    """A time the callee asked for stays the callee's, whatever the campaign wants."""
    if rule and rule.when in {When.ASKED, When.DAY_AFTER_ASKED}:
        return replace(rule, times=times)
    other = rule.other_number if rule else OtherNumber.NEVER
    return Rule(When.AFTER, times, other, timedelta(minutes=minutes))


def _rule(table: _Table) -> Rule:
    after = timedelta(minutes=table.after_minutes or 0)
    return Rule(table.when, table.times, table.other_number, after)


def _check(name: str, table: _Table) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    if name in NEVER:
        problems.append((name, "is never tried again: remove it"))
    if name in NOT_THIS_NUMBER and (
        table.times or table.other_number is not OtherNumber.AT_ONCE
    ):
        what = 'never dials this number again: times = 0, other_number = "at_once"'
        problems.append((name, what))
    timed = table.when in {When.AFTER, When.BEST_HOUR}
    if (table.after_minutes is None) is timed:
        what = 'is given with when = "after" or "best_hour", and only then'
        problems.append((f"{name}.after_minutes", what))
    return problems


def _told(error: ErrorDetails) -> tuple[str, str]:
    parts = (p for p in error["loc"] if p not in {"rules", "[key]"})
    found = "" if error["type"] == "missing" else f", found {error['input']!r}"
    return ".".join(map(str, parts)), f"{error['msg']}{found}"
