"""Rules that time alone does not change: flags, provenance, review, purpose."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from dialer.compliance.rules import Age, Flags, Purposes, Reviews, Rule, Sources
from dialer.model import Reason


def reason(rule: Rule, detail: str, part: str = "") -> Reason:
    """A rule's id (with the fact or flag it is about) and citation."""
    return Reason(f"{rule.id}.{part}" if part else rule.id, rule.citation, detail)


@lru_cache(maxsize=4096)
def standing(
    rules: tuple[Rule, ...],
    sources: tuple[str, ...],
    reviewers: tuple[str, ...],
    importer: str,
    purpose: str,
) -> tuple[Reason, ...]:
    """What the rules find against where the number comes from, who approved it and
    what the call is for. Few combinations exist, so each is worked out once."""
    found: list[Reason] = []
    for rule in rules:
        match rule:
            case Sources():
                found += _sources(rule, sources)
            case Reviews():
                found += _reviews(rule, reviewers, importer)
            case Purposes() if purpose not in rule.purposes:
                expected = ", ".join(sorted(rule.purposes))
                text = f"purpose {purpose!r}; allowed: {expected}"
                found.append(reason(rule, text))
            case _:
                pass
    return tuple(found)


def aged(
    rules: tuple[Rule, ...], dated: date | None, now: datetime
) -> Iterator[Reason]:
    """What is too old by now (days of UTC); what has no date is not judged."""
    if dated is None:
        return
    days = (now.astimezone(UTC).date() - dated).days
    for rule in rules:
        if isinstance(rule, Age) and days > rule.at_most_days:
            yield reason(rule, f"{days} days old, at most {rule.at_most_days}")


def fresh_until(rules: tuple[Rule, ...], dated: date | None) -> list[datetime]:
    """When what is not too old now will be: an instant for each rule."""
    if dated is None:
        return []
    return [
        datetime.combine(dated + timedelta(days=rule.at_most_days + 1), time.min, UTC)
        for rule in rules
        if isinstance(rule, Age)
    ]


def flagged(rules: tuple[Rule, ...], flags: tuple[str, ...]) -> Iterator[Reason]:
    """One reason a flag and rule; a rule that names no flags blocks on any."""
    for rule in rules:
        if isinstance(rule, Flags):
            for flag in dict.fromkeys(flags):
                if not rule.flags or flag in rule.flags:
                    yield reason(rule, f"flag {flag} is set", flag)


def _sources(rule: Sources, sources: tuple[str, ...]) -> Iterator[Reason]:
    kinds = set(sources) & rule.kinds
    if len(kinds) >= rule.at_least:
        return
    unknown = sorted(set(sources) - rule.kinds)
    text = f"{len(kinds)} known kinds of source, at least {rule.at_least} needed"
    yield reason(rule, f"{text}; unknown: {', '.join(unknown)}" if unknown else text)


def _reviews(
    rule: Reviews, reviewers: tuple[str, ...], importer: str
) -> Iterator[Reason]:
    """People are compared as a person would: case and edge spaces do not count."""
    who = {r.strip().casefold() for r in reviewers}
    others = who - {importer.strip().casefold()}
    if len(others) < rule.at_least:
        text = f"{len(others)} approving reviewers other than the importer"
        yield reason(rule, f"{text}, {rule.at_least} needed")
