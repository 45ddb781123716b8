"""What a case must tell, and in what shape. Unknown or malformed facts are named,
set aside, and refuse: the rest of the case is still judged, so all reasons show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timezone
from functools import lru_cache
from typing import Any

from dialer.model import Case, Consent, PastCall

DIRECTIONS = ("out", "in")
OUTCOMES = ("answered", "unanswered", "abandoned", "blocked")
KNOWN_DIRECTIONS, KNOWN_OUTCOMES = frozenset(DIRECTIONS), frozenset(OUTCOMES)
SCOPES = ("night", "any")
YEARS = range(1970, 2200)  # outside, clocks and calendars mean little
FIRST = datetime(YEARS.start, 1, 2, tzinfo=UTC)
LAST = datetime(YEARS.stop - 1, 12, 31, tzinfo=UTC)
ANY_END = range(1970, 10_000)  # an end is only compared
NAMES = ("number", "person", "account", "importer", "purpose")
LISTS = ("zones", "locations", "packs", "sources", "reviewers", "flags")

Problem = tuple[str, str]  # the fact, what is wrong with it


def when(moment: object, years: range = YEARS) -> str:
    """ "" for an aware time that can be judged, else what is wrong with it."""
    if not isinstance(moment, datetime):
        return f"expected a time, found {type(moment).__name__}"
    if moment.tzinfo is None or moment.utcoffset() is None:
        return "expected a time with its offset from UTC"
    if moment.year not in years:
        return f"expected a year of {years.start}-{years.stop - 1}"
    return ""


def check(case: Case) -> tuple[Case, list[Problem]]:
    """The case without what is malformed, and what that was."""
    if sound(case):
        return case, []
    problems = [(n, "is not given") for n in NAMES if not _text(getattr(case, n))]
    problems += [(n, "expected texts") for n in LISTS if not _texts(getattr(case, n))]
    problems += [("history", p) for p in _odd(case.history, _call_problem)]
    problems += [("consents", p) for p in _odd(case.consents, _consent_problem)]
    if case.flags_until is not None and (wrong := when(case.flags_until, ANY_END)):
        problems.append(("flags_until", wrong))
        case = replace(case, flags_until=None)
    if case.dated is not None and type(case.dated) is not date:
        problems.append(("dated", "expected a date"))
        case = replace(case, dated=None)
    return replace(
        case,
        zones=_only_texts(case.zones),
        locations=_only_texts(case.locations),
        packs=_only_texts(case.packs),
        sources=_only_texts(case.sources),
        reviewers=_only_texts(case.reviewers),
        flags=_only_texts(case.flags),
        importer=case.importer if isinstance(case.importer, str) else "",
        purpose=case.purpose if isinstance(case.purpose, str) else "",
        history=tuple(x for x in _items(case.history) if not _call_problem(x)),
        consents=tuple(x for x in _items(case.consents) if _consent(x)),
    ), problems


def named(case: Case) -> bool:
    """Number, person and account are told."""
    return _texts((case.number, case.person, case.account))


def sound(case: Case) -> bool:
    """Nothing wrong: the answer for all but a few, so it comes first and is quick."""
    return (
        _texts((case.number, case.person, case.account, case.importer, case.purpose))
        and _lists(
            case.zones,
            case.locations,
            case.packs,
            case.sources,
            case.reviewers,
            case.flags,
        )
        and _calls(case.history)
        and (case.flags_until is None or not when(case.flags_until, ANY_END))
        and (case.dated is None or type(case.dated) is date)
        and type(case.consents) is tuple
        and all(map(_consent, case.consents))
    )


def _lists(*found: object) -> bool:
    try:
        return _all_texts(found)
    except TypeError:  # a list is no tuple, and cannot be hashed
        return False


@lru_cache(maxsize=4096)
def _all_texts(found: tuple[object, ...]) -> bool:
    """Few combinations exist, so each is looked at once."""
    return all(map(_texts, found))


def _text(found: object) -> bool:
    return type(found) is str and bool(found) and not found.isspace()


def _texts(found: object) -> bool:
    """A tuple, and every entry a `_text`; written out, as it is run most."""
    if type(found) is not tuple:
        return False
    for x in found:  # noqa: SIM110 - `all` of a generator takes twice as long
        if type(x) is not str or not x or x.isspace():
            return False
    return True


def _only_texts(found: object) -> tuple[str, ...]:
    return tuple(x for x in _items(found) if isinstance(x, str) and _text(x))


def _items(found: object) -> tuple[Any, ...]:
    return tuple(found) if isinstance(found, list | tuple) else ()


def _calls(history: object) -> bool:
    """`_call_problem` finds nothing in any entry; written out, as it is run most."""
    if type(history) is not tuple:
        return False
    try:
        for call in history:
            if (
                type(call) is not PastCall
                or call.outcome not in KNOWN_OUTCOMES
                or call.direction not in KNOWN_DIRECTIONS
            ):
                return False
            at = call.at
            if type(at.tzinfo) is timezone and FIRST.year < at.year < LAST.year:
                continue
            if not FIRST <= at < LAST:
                return False
    except (
        TypeError,
        AttributeError,
    ):  # a time without its offset is not compared, a list not hashed
        return False
    return True


def _call_problem(call: object) -> str:
    if not isinstance(call, PastCall):
        return "expected a call"
    if call.outcome not in OUTCOMES:
        return f"outcome {call.outcome!r} is not one of {', '.join(OUTCOMES)}"
    if call.direction not in DIRECTIONS:
        return f"direction {call.direction!r} is not one of {', '.join(DIRECTIONS)}"
    return when(call.at)


def _consent(consent: object) -> bool:
    return type(consent) is Consent and not _consent_problem(consent)


def _consent_problem(consent: object) -> str:
    if not isinstance(consent, Consent):
        return "expected a consent"
    if consent.scope not in SCOPES:
        return f"scope {consent.scope!r} is not one of {', '.join(SCOPES)}"
    if wrong := when(consent.start) or when(consent.end, ANY_END):
        return wrong
    return "" if consent.start < consent.end else "ends before it starts"


def _odd(found: object, problem: Callable[[object], str]) -> Iterator[str]:
    if type(found) is not tuple:
        yield f"expected a tuple, found {type(found).__name__}"
    for n, entry in enumerate(_items(found), 1):
        if wrong := problem(entry):
            yield f"entry {n}: {wrong}"
