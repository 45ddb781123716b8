"""Rules of the linter about law: what is cited, and what is named in words spoken.

A template cites clauses for its record. Only a clause whose text was read, and which is
in force, may be named as law to a callee.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from ivr.library import Library, Problem
from ivr.template import LANGUAGES, Clause, Template

#: What a clause must be about when a template that answers this intent cites it.
TOPICS = {
    "ask_data_source": "data_source",
    "are_you_robot": "machine",
    "stop_calling": "stop",
    "attorney": "attorney",
    "third_party": "third_party",
}


def law_problems(library: Library, today: date | None) -> Iterator[Problem]:
    """Everything wrong with clauses, rights and the templates that cite them."""
    for language in LANGUAGES:
        for name, template in library.templates[language].items():
            file = library.places[language, name]
            for what in _cited(library, template, today):
                yield Problem(file, f"{name}.clauses", what)
            for what in _named(library, language, template, today):
                yield Problem(file, f"{name}.text", what)
    for clause in library.laws.values():
        file = library.places["laws", clause.id]
        if (clause.quote_status == "verified") != bool(clause.quote):
            yield Problem(file, clause.id, "a quote and quote_status go together")
        if clause.quote and clause.status != "primary":
            yield Problem(file, clause.id, "a quote of a text that was not read")
    for right in library.rights.values():
        clause_of = library.laws.get(right.clause)
        if clause_of and right.topic not in clause_of.topics:
            what = f"{clause_of.id} is not about {right.topic!r}"
            yield Problem("rights/rights.toml", f"{right.id}.clause", what)


def _cited(library: Library, template: Template, today: date | None) -> Iterator[str]:
    for clause in (library.laws[name] for name in template.clauses):
        if today and (what := not_in_force(clause, today)):
            yield f"{clause.id} {what}"
        if clause.kind == "penalty":
            yield f"{clause.id} is a penalty: to a callee it would be a threat"
        for intent in template.answers:
            topic = TOPICS.get(intent)
            if topic and topic not in clause.topics:
                yield f"{clause.id} is not about {topic!r}"


def _named(
    library: Library, language: str, template: Template, today: date | None
) -> Iterator[str]:
    lines = (*template.text, *template.again)
    named = [word for word in library.law_words[language] if spoken(word, lines)]
    if not named:
        return
    if not template.clauses:
        yield f"names the law ({named[0]!r}) and cites no clause"
    for clause in (library.laws[name] for name in template.clauses):
        if what := _not_certain(clause, today):
            yield f"names the law ({named[0]!r}), but {clause.id} {what}"


def spoken(word: str, lines: Sequence[str]) -> bool:
    """Is the word in one of the lines? English whole words only."""
    if word.isascii():
        pattern = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
        return any(pattern.search(line) for line in lines)
    return any(word in line for line in lines)


def _not_certain(clause: Clause, today: date | None) -> str:
    if clause.status != "primary" or clause.quote_status != "verified":
        return f"is not verified (status {clause.status})"
    if not clause.in_force_from:
        return "does not say since when it is in force"
    return not_in_force(clause, today) if today else ""


def not_in_force(clause: Clause, today: date) -> str:
    """Why a clause does not count on that day, or ''."""
    if clause.in_force_from and today < clause.in_force_from:
        return f"is in force from {clause.in_force_from}"
    if clause.in_force_to and today > clause.in_force_to:
        return f"was in force until {clause.in_force_to}"
    return ""
