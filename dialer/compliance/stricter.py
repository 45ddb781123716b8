"""An operator's rule must never read looser than a shipped one for the same place.

Every rule that applies is enforced, so a looser one could not open anything; it is
refused because whoever wrote it expects that it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dialer.compliance.calendars import KINDS, WEEKDAYS
from dialer.compliance.rules import (
    Age,
    Cap,
    ConsentNeeded,
    Flags,
    Hours,
    Pack,
    Purposes,
    Reviews,
    Rule,
    Sources,
)


def problems(own: Pack, shipped: Iterable[Pack]) -> Iterator[tuple[str, str]]:
    """(place, what) for each own rule that is looser than a shipped rule."""
    others = [pack for pack in shipped if not pack.own and _same_place(own, pack)]
    stated = any(_states_hours(rule) for pack in others for rule in pack.rules)
    for rule in own.rules:
        for pack in others:
            for theirs in pack.rules:
                if isinstance(theirs, Hours) and theirs.default and stated:
                    continue
                if what := looser(rule, theirs):
                    yield f"rule {rule.id}", f"looser than {theirs.id}: {what}"


def looser(own: Rule, theirs: Rule) -> str:
    """How `own` is looser than `theirs`; "" if it is not, or is another matter."""
    match own, theirs:
        case Hours(), Hours():
            return _hours(own, theirs)
        case Cap(), Cap():
            return _cap(own, theirs)
        case Sources(), Sources():
            return _sources(own, theirs)
        case Age(), Age() if own.at_most_days > theirs.at_most_days:
            return f"at most {own.at_most_days} days, against {theirs.at_most_days}"
        case Reviews(), Reviews():
            return _fewer(own.at_least, theirs.at_least)
        case Flags(), Flags():
            return ""  # a flag more blocks more; a flag fewer takes nothing away
        case ConsentNeeded(), ConsentNeeded():
            return _more(own.scopes, theirs.scopes)
        case Purposes(), Purposes():
            return _more(own.purposes, theirs.purposes)
        case _:
            return ""


def _same_place(own: Pack, pack: Pack) -> bool:
    """Could both apply to one callee: the same place, or one within the other."""
    return "*" in pack.applies_to or any(
        a.startswith(b) or b.startswith(a)
        for a in own.applies_to
        for b in pack.applies_to
    )


def _states_hours(rule: Rule) -> bool:
    return isinstance(rule, Hours) and not rule.default


def _hours(own: Hours, theirs: Hours) -> str:
    if extra := own.consent - theirs.consent:
        return f"consent {', '.join(sorted(extra))} would open hours"
    if own.lifts == "all" and theirs.lifts != "all":
        return "consent would lift all hours"
    for labels in _days(own):
        if extra_minutes := _minutes(own, labels) - _minutes(theirs, labels):
            first = min(extra_minutes)
            day = " ".join(sorted(labels - {"workday", "restday"}))
            return f"open at {first // 60:02}:{first % 60:02} on {day}"
    return ""


def _days(own: Hours) -> Iterator[frozenset[str]]:
    """The days a rule speaks of: of holidays only when it has a calendar."""
    for day in WEEKDAYS:
        yield frozenset({day, "restday" if day in {"sat", "sun"} else "workday"})
        if own.calendar:
            yield frozenset({day, "holiday"})


def _minutes(rule: Hours, labels: frozenset[str]) -> set[int]:
    if not rule.calendar:
        labels = labels - set(KINDS)
    if labels & rule.closed:
        return set()
    windows = (w for w in rule.windows if w.days & labels)
    return {minute for w in windows for minute in range(w.start, w.end)}


def _cap(own: Cap, theirs: Cap) -> str:
    """Whoever keeps `theirs` keeps `own` too, and could keep it and break `theirs`:
    `own` counts fewer calls, or over a shorter period, or lets more of them be."""
    within = own.per == theirs.per or theirs.per == "person"
    outcomes = set(own.outcomes) <= set(theirs.outcomes)
    directions = set(own.directions) <= set(theirs.directions)
    shorter = _span(own) <= _span(theirs)
    if not (within and outcomes and directions and shorter):
        return ""
    if own.before < theirs.before:
        return ""
    if own.before > theirs.before:
        return f"{own.before} earlier calls may count, against {theirs.before}"
    if _span(own) < _span(theirs):
        return f"looks back {_span(own)} hours, against {_span(theirs)}"
    if fewer := _left_out(own, theirs):
        return f"does not count {fewer}"
    return ""


def _left_out(own: Cap, theirs: Cap) -> str:
    ends = [o for o in theirs.outcomes if o not in own.outcomes]
    ways = [d for d in theirs.directions if d not in own.directions]
    other = ["other numbers or debts"] if own.per != theirs.per else []
    return ", ".join([*ends, *ways, *other])


def _span(cap: Cap) -> int:
    return max(cap.days * 24, cap.hours)


def _sources(own: Sources, theirs: Sources) -> str:
    if extra := own.kinds - theirs.kinds:
        return f"kinds {', '.join(sorted(extra))} would count"
    return _fewer(own.at_least, theirs.at_least)


def _fewer(own: int, theirs: int) -> str:
    return f"at least {own}, against {theirs}" if own < theirs else ""


def _more(own: frozenset[str], theirs: frozenset[str]) -> str:
    extra = own - theirs
    return f"{', '.join(sorted(extra))} would be enough" if extra else ""
