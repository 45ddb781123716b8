"""May this number be called now? Every reason why not, and when it may be.

Pure: facts, time and rules in, a verdict out. No argument, setting or flag lets a
refused call through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import cycle
from operator import attrgetter
from typing import Any

from dialer.compliance import applies, caps, facts, lists, told
from dialer.compliance.applies import Plan
from dialer.compliance.caps import Counted
from dialer.compliance.hours import OpenHours
from dialer.compliance.lists import reason
from dialer.compliance.rules import ConsentNeeded, Inconvenient, Rulebook
from dialer.compliance.told import Quiet, ToldHours
from dialer.model import Case, Reason, Verdict

ALLOWED = Verdict(True)
HORIZON = timedelta(days=400)  # of looking for the next lawful instant


@dataclass(frozen=True, slots=True)
class _Timed:
    """What refuses now and may not later."""

    hours: Sequence[OpenHours | ToldHours]
    counted: Sequence[Counted]
    consents: Sequence[ConsentNeeded]

    def __bool__(self) -> bool:
        return bool(self.hours or self.counted or self.consents)


class Gate(partial[Verdict]):
    """`judge` with its rules filled in (`KnowingJudge`)."""

    def reach(self, case: Case, now: datetime) -> datetime:
        (book,) = self.args
        return _reach(book, case.locations, case.zones, case.packs, now)


def make_judge(book: Rulebook) -> Gate:
    return Gate(_judge, book)


def judge(case: Case, now: datetime, rules: Rulebook) -> Verdict:
    """Never raises for what a case or `now` holds: what is odd refuses, with a reason.

    Refused: all reasons, and the earliest later instant at which the same facts are
    allowed; None when time alone will not allow them (or not within 400 days).
    """
    return _judge(rules, case, now)


def _judge(book: Rulebook, case: Case, now: datetime) -> Verdict:
    """Who was not called within any rule's period is judged as all others of the same
    place and papers."""
    if facts.named(case):
        try:
            if case.history == () or _long_ago(book, case, now):
                return _alike(book, case, now)
        except TypeError:  # something odd: not hashed, or not compared
            pass
    return _judged(book, case, now)


def _long_ago(book: Rulebook, case: Case, now: datetime) -> bool:
    """Whether no call counts for any cap. Nothing odd is overlooked."""
    if not facts.sound(case) or facts.when(now):
        return False
    since = _reach(book, case.locations, case.zones, case.packs, now)
    return all(call.at < since for call in case.history)


@lru_cache(maxsize=1024)  # of the present: `now` moves on
def _reach(
    book: Rulebook,
    locations: tuple[str, ...],
    zones: tuple[str, ...],
    packs: tuple[str, ...],
    now: datetime,
) -> datetime:
    """The first instant that any cap looks at; `now` where there is none."""
    plan = applies.plan(book, locations, zones, packs)
    caps_ = plan.caps if plan.infos else ()
    return min((caps.since(cap, now, plan.infos) for cap in caps_), default=now)


@dataclass(slots=True)
class _Stretch:
    """Of one shape: an allowed verdict holds for every instant in [start, end)."""

    span: tuple[datetime, datetime] = (facts.LAST, facts.LAST)


@lru_cache(maxsize=8192)
def _stretch(book: Rulebook, shape: Any) -> _Stretch:
    """The one to fill in and to look at."""
    return _Stretch()


def _alike(book: Rulebook, case: Case, now: datetime) -> Verdict:
    shape = _shape(case)
    known = _stretch(book, shape)
    since, until = known.span
    if since <= now < until:
        return ALLOWED
    verdict = _never_called(book, now, *shape)
    if verdict is ALLOWED and not case.flags:
        plan = applies.plan(book, case.locations, case.zones, case.packs)
        ends = [hours.open_until(now, case.consents) for hours in plan.hours]
        ends += [_consented_until(rule, case, now) for rule in plan.consents]
        ends += lists.fresh_until(plan.lists, case.dated)
        known.span = now, min(ends, default=now)  # at once: threads share it
    return verdict


#: All that a verdict rests on when no call was made: no rule reads who it is.
_shape = attrgetter(
    *("zones", "locations", "packs", "sources", "reviewers", "importer"),
    *("consents", "flags", "purpose", "flags_until", "dated"),
)


@lru_cache(maxsize=1024)
def _never_called(book: Rulebook, now: datetime, *shape: Any) -> Verdict:
    zones, locations, packs, sources, reviewers, importer, *rest = shape
    consents, flags, purpose, flags_until, dated = rest
    case = Case(
        *("-", "-", "-", zones, locations, packs, sources, reviewers, importer),
        consents=consents,
        flags=flags,
        purpose=purpose,
        flags_until=flags_until,
        dated=dated,
    )
    return _judged(book, case, now)


def _judged(book: Rulebook, case: Case, now: datetime) -> Verdict:
    case, problems = facts.check(case)
    lasting = [reason(book.facts, f"{what}: {p}", what) for what, p in problems]
    plan = applies.plan(book, case.locations, case.zones, case.packs)
    lasting += plan.unknown
    lasting += lists.standing(
        plan.lists, case.sources, case.reviewers, case.importer, case.purpose
    )
    flagged = list[Reason]()
    if case.flags:
        quiet, flags = told.split(case.flags)
        flagged += lists.flagged(plan.lists, flags)
        plan = _with_told(plan, quiet) if quiet else plan
    if wrong := facts.when(now):
        return Verdict(
            False, (*lasting, *flagged, reason(book.facts, f"now: {wrong}", "at"))
        )
    lasting += lists.aged(plan.lists, case.dated, now)
    timed = _timed(plan, case, now)
    if not lasting and not flagged and not timed:
        return ALLOWED
    first = case.flags_until if flagged else now
    opens = None
    if not lasting and first is not None:
        first = max(first, now).astimezone(UTC)
        opens = _next_allowed(plan, timed, case, first)
        if opens and any(lists.aged(plan.lists, case.dated, opens)):
            opens = None
    return Verdict(False, (*lasting, *flagged, *_reasons(timed, case, now)), opens)


def _with_told(plan: Plan, quiet: Sequence[Quiet]) -> Plan:
    rules = [rule for rule in plan.lists if isinstance(rule, Inconvenient)]
    zones = [info.key for info in plan.infos]
    more = (ToldHours(rule, zone, quiet) for rule in rules for zone in zones)
    return replace(plan, hours=(*plan.hours, *more))


def _timed(plan: Plan, case: Case, now: datetime) -> _Timed:
    counted = (
        caps.count(cap, case, now, plan.infos)
        for cap in (plan.caps if plan.infos and case.history else ())
    )
    return _Timed(
        [hours for hours in plan.hours if not hours.open(now, case.consents)],
        [c for c in counted if c.refuses],
        [rule for rule in plan.consents if not _consented(rule, case, now)],
    )


def _reasons(timed: _Timed, case: Case, now: datetime) -> list[Reason]:
    found = [reason(hours.rule, hours.why(now)) for hours in timed.hours]
    found += [reason(c.cap, caps.why(c)) for c in timed.counted]
    for rule in timed.consents:
        given = ", ".join(sorted({c.scope for c in case.consents})) or "none"
        needed = " or ".join(sorted(rule.scopes))
        text = f"no consent of scope {needed} in force; on file: {given}"
        found.append(reason(rule, text))
    return found


def _consented(rule: ConsentNeeded, case: Case, now: datetime) -> bool:
    return any(c.scope in rule.scopes and c.start <= now < c.end for c in case.consents)


def _consented_until(rule: ConsentNeeded, case: Case, now: datetime) -> datetime:
    """The end of a consent that is in force now."""
    usable = (c for c in case.consents if c.scope in rule.scopes)
    return max((c.end for c in usable if c.start <= now < c.end), default=now)


def _next_allowed(
    plan: Plan, timed: _Timed, case: Case, now: datetime
) -> datetime | None:
    """Every rule in turn says when it opens next, until all have agreed to one
    instant. None is skipped that all rules allow."""
    at = max([now, *(caps.free_at(c, plan.infos) for c in timed.counted)])
    until = max([at, *(c.start for c in case.consents)]) + HORIZON
    rules: tuple[OpenHours | ToldHours | ConsentNeeded, ...] = (
        *plan.hours,
        *plan.consents,
    )
    agreed = 0
    for rule in cycle(rules):
        opens = _opens(rule, case, at, until)
        if opens is None:
            return None
        agreed = agreed + 1 if opens == at else 1
        at = opens
        if agreed == len(rules):
            break
    return at.astimezone(UTC)


def _opens(
    rule: OpenHours | ToldHours | ConsentNeeded,
    case: Case,
    at: datetime,
    until: datetime,
) -> datetime | None:
    if isinstance(rule, ConsentNeeded):
        return _consent_from(rule, case, at)
    return rule.next_open(at, until, case.consents)


def _consent_from(rule: ConsentNeeded, case: Case, at: datetime) -> datetime | None:
    usable = (c for c in case.consents if c.scope in rule.scopes and c.end > at)
    return min((max(at, c.start) for c in usable), default=None)
