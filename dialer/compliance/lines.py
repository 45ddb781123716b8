"""One JSON line in, one verdict out: the format of `compliance check --batch`.

Every field must be there and be what it should; what is not, is named and refuses,
and the rest is judged all the same. No line ends the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from dialer.compliance import facts, gate, quick
from dialer.compliance.lists import reason
from dialer.compliance.number import plain
from dialer.compliance.rules import Rulebook
from dialer.model import Case, Consent, PastCall, Verdict

T = TypeVar("T")
Problems = list[tuple[str, str]]

TEXTS = ("number", "account", "person", "importer", "purpose")
LISTS = ("packs", "zones", "locations", "sources", "reviewers", "flags")
DATED = "sources_dated"  # may be left out: then the age of sources is not judged
FIELDS = frozenset({"id", "at", *TEXTS, *LISTS, "history", "consents", DATED})
CALL = frozenset({"at", "direction", "outcome", "number", "account"})
CONSENT = frozenset({"scope", "from", "to"})
NO_TIME = datetime(1, 1, 1, tzinfo=UTC)  # the gate refuses it, and judges the rest


def check(line: bytes, book: Rulebook, place: int = 0) -> dict[str, Any]:
    """-> {id, allowed, reasons: [{rule, citation, detail}], next_allowed}.

    next_allowed: RFC 3339, UTC, or None. place: of the line in its file, told when the
    line does not say whose it is.
    """
    if (known := quick.read(line)) is not None:
        name, at, case = known
        verdict = gate.judge(case, at, book)
        if verdict.allowed or not _odd(verdict, book):
            return _result(name, verdict, [], book)
    return _checked(line, book, f"line {place}: " if place else "")


def _odd(verdict: Verdict, book: Rulebook) -> bool:
    return any(r.rule.startswith(book.facts.id) for r in verdict.reasons)


def _checked(line: bytes, book: Rulebook, place: str) -> dict[str, Any]:
    """Everything looked at, and named."""
    found, wrong = _object(line)
    if wrong:
        return _refused(None, [("line", f"{place}{wrong}")], book)
    problems: Problems = []
    case, at = _case(found, problems), _time(found, "at", problems)
    name = found.get("id")
    if not isinstance(name, str) or not name:
        problems.append(("id", place + _expected("a text", found, "id")))
    shown = name if isinstance(name, str | int) else None
    verdict = gate.judge(case, at or NO_TIME, book)
    return _result(shown, verdict, problems, book)


def _result(
    name: str | int | None, verdict: Verdict, problems: Problems, book: Rulebook
) -> dict[str, Any]:
    named = {what.split("[")[0] for what, _ in problems}
    extra = tuple(reason(book.facts, f"{f}: {p}", f.split("[")[0]) for f, p in problems)
    known = (r for r in verdict.reasons if not _repeats(r.rule, named, book))
    reasons = (*extra, *known)
    opens = verdict.next_allowed if not problems else None
    return {
        "id": name,
        "allowed": verdict.allowed and not problems,
        "reasons": [
            {"rule": r.rule, "citation": r.citation, "detail": r.detail}
            for r in reasons
        ],
        "next_allowed": opens.isoformat() if opens else None,
    }


def _repeats(rule: str, named: set[str], book: Rulebook) -> bool:
    """The gate names a fact again that was set aside here."""
    return any(rule == f"{book.facts.id}.{what}" for what in named)


def _refused(
    name: str | int | None, problems: Problems, book: Rulebook
) -> dict[str, Any]:
    return _result(name, Verdict(False), problems, book)


def _object(line: bytes) -> tuple[dict[str, Any], str]:
    try:
        found = json.loads(line, object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:  # bad UTF-8 is a ValueError too
        return {}, f"not a JSON object: {error}"
    if not isinstance(found, dict):
        return {}, "not a JSON object"
    return found, ""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _case(found: dict[str, Any], problems: Problems) -> Case:
    odd = sorted(set(found) - FIELDS)
    problems += [("fields", f"{key[:40]!r} is not a field") for key in odd]
    texts = {key: _text(found, key, problems) for key in TEXTS}
    lists = {key: _texts(found, key, problems) for key in LISTS}
    number = _number(texts["number"], "number", problems) if texts["number"] else ""
    return Case(
        number=number,
        person=texts["person"],
        account=texts["account"],
        zones=lists["zones"],
        locations=lists["locations"],
        packs=lists["packs"],
        sources=lists["sources"],
        reviewers=lists["reviewers"],
        importer=texts["importer"],
        history=_entries(found, "history", _call, problems),
        consents=_entries(found, "consents", _consent, problems),
        flags=lists["flags"],
        purpose=texts["purpose"],
        dated=_day(found, problems),
    )


def _day(found: dict[str, Any], problems: Problems) -> date | None:
    """Since when three kinds of source have supported the number; None: not told."""
    if DATED not in found:
        return None
    try:
        return date.fromisoformat(found[DATED])
    except (TypeError, ValueError):
        problems.append((DATED, "expected a date, as 2026-03-02"))
        return None


def _entries(
    found: dict[str, Any],
    key: str,
    parse: Callable[[dict[str, Any], str, Problems], T | None],
    problems: Problems,
) -> tuple[T, ...]:
    entries = found.get(key)
    if not isinstance(entries, list):
        problems.append((key, _expected("a list", found, key)))
        return ()
    good: list[T] = []
    for n, entry in enumerate(entries):
        place = f"{key}[{n}]"
        if not isinstance(entry, dict):
            problems.append((place, "expected an object"))
        elif (parsed := parse(entry, place, problems)) is not None:
            good.append(parsed)
    return tuple(good)


def _call(entry: dict[str, Any], place: str, problems: Problems) -> PastCall | None:
    before = len(problems)
    problems += _keys(entry, CALL, place)
    at = _time(entry, "at", problems, place)
    direction = _one_of(entry, "direction", facts.DIRECTIONS, place, problems)
    outcome = _one_of(entry, "outcome", facts.OUTCOMES, place, problems)
    number, account = entry.get("number", ""), entry.get("account", "")
    if not isinstance(number, str) or not isinstance(account, str):
        problems.append((place, "number and account: expected texts"))
    elif number:  # "" is a withheld number: it counts for every number
        number = _number(number, f"{place}.number", problems)
    if at is None or len(problems) > before:
        return None
    return PastCall(at, direction, outcome, number, account)


def _consent(entry: dict[str, Any], place: str, problems: Problems) -> Consent | None:
    before = len(problems)
    problems += _keys(entry, CONSENT, place)
    scope = _one_of(entry, "scope", facts.SCOPES, place, problems)
    start = _time(entry, "from", problems, place)
    end = _time(entry, "to", problems, place, facts.ANY_END)
    if start and end and start >= end:
        problems.append((place, "`from` must be before `to`"))
    if start is None or end is None or len(problems) > before:
        return None
    return Consent(scope, start, end)


def _keys(
    entry: dict[str, Any], keys: frozenset[str], place: str
) -> Iterator[tuple[str, str]]:
    for key in sorted(keys - set(entry)):
        yield f"{place}.{key}", "is missing"
    for key in sorted(set(entry) - keys):
        yield f"{place}.{key}", "is not a field"


def _one_of(
    entry: dict[str, Any],
    key: str,
    allowed: tuple[str, ...],
    place: str,
    problems: Problems,
) -> str:
    value = entry.get(key)
    if isinstance(value, str) and value in allowed:
        return value
    if key in entry:
        problems.append((f"{place}.{key}", f"expected one of {', '.join(allowed)}"))
    return ""


def _time(
    found: dict[str, Any],
    key: str,
    problems: Problems,
    place: str = "",
    years: range = facts.YEARS,
) -> datetime | None:
    """An RFC 3339 time with its offset, as UTC; None, and a problem, if it is not."""
    where = f"{place}.{key}" if place else key
    value = found.get(key)
    if not isinstance(value, str):
        if not place or key in found:
            expected = "a time, as 2026-11-23T20:30:00+08:00"
            problems.append((where, _expected(expected, found, key)))
        return None
    try:
        moment = datetime.fromisoformat(value.replace("z", "Z"))  # RFC 3339 has both
    except ValueError:
        problems.append((where, "expected a time, as 2026-11-23T20:30:00+08:00"))
        return None
    if wrong := facts.when(moment, years):
        problems.append((where, wrong))
        return None
    return moment if moment.year > facts.YEARS.stop else moment.astimezone(UTC)


def _text(found: dict[str, Any], key: str, problems: Problems) -> str:
    value = found.get(key)
    if isinstance(value, str) and value.strip():
        return value
    problems.append((key, _expected("a text", found, key)))
    return ""


def _texts(found: dict[str, Any], key: str, problems: Problems) -> tuple[str, ...]:
    value = found.get(key)
    if not isinstance(value, list):
        problems.append((key, _expected("a list of texts", found, key)))
        return ()
    good = tuple(x for x in value if isinstance(x, str) and x.strip())
    if len(good) < len(value):
        problems.append((key, "expected a list of texts"))
    return good


def _number(text: str, where: str, problems: Problems) -> str:
    number = plain(text)
    if number is None:
        problems.append((where, "expected a number in E.164, as +8613800138000"))
    return number or text


def _expected(what: str, found: dict[str, Any], key: str) -> str:
    return f"expected {what}" if key in found else "is missing"
