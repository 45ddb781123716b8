"""Rules that time alone does not change: flags, provenance, review, purpose."""

from __future__ import annotations

from collections.abc import Iterator

from dialer.compliance.rules import Flags, Purposes, Reviews, Rule, Sources
from dialer.model import Case, Reason


def reason(rule: Rule, detail: str, part: str = "") -> Reason:
    """A rule's id (with the fact or flag it is about) and citation."""
    return Reason(f"{rule.id}.{part}" if part else rule.id, rule.citation, detail)


def judged(rule: Rule, case: Case) -> Iterator[Reason]:
    """Every reason that `rule` finds against the case; none for other kinds."""
    match rule:
        case Flags():
            if case.flags:
                yield from _flags(rule, case)
        case Sources():
            yield from _sources(rule, case)
        case Reviews():
            yield from _reviews(rule, case)
        case Purposes():
            if case.purpose not in rule.purposes:
                expected = ", ".join(sorted(rule.purposes))
                yield reason(rule, f"purpose {case.purpose!r}; allowed: {expected}")
        case _:
            return


def _flags(rule: Flags, case: Case) -> Iterator[Reason]:
    for flag in dict.fromkeys(case.flags):
        if not rule.flags or flag in rule.flags:
            yield reason(rule, f"flag {flag} is set", flag)


def _sources(rule: Sources, case: Case) -> Iterator[Reason]:
    kinds = set(case.sources) & rule.kinds
    if len(kinds) >= rule.at_least:
        return
    unknown = sorted(set(case.sources) - rule.kinds)
    text = f"{len(kinds)} known kinds of source, at least {rule.at_least} needed"
    yield reason(rule, f"{text}; unknown: {', '.join(unknown)}" if unknown else text)


def _reviews(rule: Reviews, case: Case) -> Iterator[Reason]:
    """People are compared as a person would: case and edge spaces do not count."""
    who = {r.strip().casefold() for r in case.reviewers} - {""}
    others = who - {case.importer.strip().casefold()}
    if len(others) < rule.at_least:
        text = f"{len(others)} approving reviewers other than the importer"
        yield reason(rule, f"{text}, {rule.at_least} needed")
