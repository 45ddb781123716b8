"""The rules of R6 to R13 over the whole library: every problem, with its place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from ivr import flow, references
from ivr.inventory import STAGED, STAGES
from ivr.library import Library, Problem
from ivr.script import Script
from ivr.template import LANGUAGES, Clause, Fragments, Template, slots

MAX_CHARACTERS = 60  #: of a Chinese sentence
MAX_WORDS = 25  #: of an English sentence
SLOT_CHARACTERS = 6  # what a slot counts for
SLOT_WORDS = 3
MAX_FRAGMENT = 40  # characters: fragments are short clips
OPTION_NAMES = frozenset({"instalments", "deferral", "discount", "mediation"})
OPTION_SLOTS = frozenset({"nth", "months", "each", "total"})
#: Ends a script may name: the conversation's share of dialer.model.Disposition.
ENDS = frozenset(
    {
        "agreed_plan",
        "promised",
        "disputed",
        "already_paid",
        "cannot_pay",
        "refused_to_pay",
        "opted_out",
        "wrong_number",
        "third_party",
        "person_absent",
        "handed_over",
        "distress",
        "deceased",
        "attorney",
        "complaint",
        "callback",
        "silent",
        "not_understood",
        "voicemail",
        "no_commitment",
    }
)
QUESTION_MARKS = "？?"


def lint(
    library: Library, today: date | None = None, twins: Path | None = None
) -> list[Problem]:
    """All problems; empty: the library may be used. `today` is the day clauses must
    be in force (None: not checked), `twins` the folder of the twin tests (None: not
    checked, as in an installation without tests)."""
    found: list[Problem] = []
    for language in LANGUAGES:
        reached: set[str] = set()
        for script in library.scripts[language].values():
            found += _script(library, script, reached)
        for name, template in library.templates[language].items():
            file = library.places[language, name]
            for place, what in _template(library, language, template):
                found.append(Problem(file, f"{name}.{place}", what))
            if name not in reached:
                found.append(Problem(file, name, "is reached by no script"))
        file = f"{language}/fragments.toml"
        for place, what in _fragments(library.fragments[language]):
            found.append(Problem(file, place, what))
    found += _laws(library, today)
    found += _twins(library, twins)
    return found


def _script(library: Library, script: Script, reached: set[str]) -> Iterator[Problem]:
    language = script.language
    file = library.places[language, f"script {script.id}"]
    walk = flow.Walk(script, library.templates[language], library.early[language]).run()
    reached |= walk.reached
    handlers = references.handlers(script)
    for place, what in (
        *walk.problems,
        *flow.legal_problems(script),
        *flow.disposition_problems(handlers, ENDS),
    ):
        yield Problem(file, place, what)


def _template(
    library: Library, language: str, template: Template
) -> Iterator[tuple[str, str]]:
    yield from _wording(library, language, template)
    yield from _rights(library, language, template)
    yield from _counterpart(library, language, template)
    if template.stage:
        stray = set(template.answers) - STAGES[template.stage]
        # one question later the stage may have moved on: 1 answers what 2 asked
        for intent in sorted(stray - STAGED[max(template.stage - 1, 1)]):
            yield "answers", f"{intent} is not admissible at stage {template.stage}"


def _wording(
    library: Library, language: str, template: Template
) -> Iterator[tuple[str, str]]:
    for key, lines in (("text", template.text), ("again", template.again)):
        for line in lines:
            for word, why in library.forbidden[language].items():
                if word in line.lower():
                    yield key, f"forbidden {word!r} ({why}): {line}"
            if what := _too_long(line, language):
                yield key, f"{what}: {line}"
            names = slots(line)
            if len(set(names)) < len(names):
                yield key, f"a slot twice in one sentence: {line}"
        questions = sum(line.count(mark) for line in lines for mark in QUESTION_MARKS)
        if questions > 1:
            yield key, "one question at a time"


def _too_long(line: str, language: str) -> str:
    names = slots(line)
    bare = line.format(**dict.fromkeys(names, ""))
    if language == "zh":
        size = len(bare) + SLOT_CHARACTERS * len(names)
        return f"{size} characters, at most {MAX_CHARACTERS}" * (size > MAX_CHARACTERS)
    size = len(bare.split()) + SLOT_WORDS * len(names)
    return f"{size} words, at most {MAX_WORDS}" * (size > MAX_WORDS)


def _rights(
    library: Library, language: str, template: Template
) -> Iterator[tuple[str, str]]:
    words = " ".join(template.text).lower()
    for name in template.rights:
        right = library.rights[name]
        points: tuple[str, ...] = getattr(right, language)
        if not any(point in words for point in points):
            yield "rights", f"{name} is not explained: none of {', '.join(points)}"


def _counterpart(
    library: Library, language: str, template: Template
) -> Iterator[tuple[str, str]]:
    other_language = next(name for name in LANGUAGES if name != language)
    other = library.templates[other_language].get(template.id)
    if other is None:
        yield "id", f"has no counterpart in {other_language}"
        return
    for key in ("stage", "when", "rights", "clauses", "confirmation", "answers"):
        if getattr(template, key) != getattr(other, key):
            yield key, f"is not what it is in {other_language}"
    if _all_slots(template) != _all_slots(other):
        yield "text", f"other slots than in {other_language}"


def _all_slots(template: Template) -> set[str]:
    return {name for line in template.text for name in slots(line)}


def _fragments(fragments: Fragments) -> Iterator[tuple[str, str]]:
    for name in sorted(OPTION_NAMES ^ set(fragments.options)):
        yield "options", f"{name}: there are {', '.join(sorted(OPTION_NAMES))}"
    for name, pieces in fragments.options.items():
        for slot in sorted(set(slots("".join(pieces))) - OPTION_SLOTS):
            yield f"options.{name}", f"no slot {slot!r}"
    for key in ("relative", "months", "days", "times"):
        texts: tuple[str, ...] = getattr(fragments, key)
        for text in texts:
            if len(text) > MAX_FRAGMENT:
                yield key, f"longer than {MAX_FRAGMENT} characters: {text}"
        if len(set(texts)) < len(texts):
            yield key, "holds one text twice"


def _laws(library: Library, today: date | None) -> Iterator[Problem]:
    for language in LANGUAGES:
        for name, template in library.templates[language].items():
            for clause in (library.laws[c] for c in template.clauses):
                if today and (what := _not_in_force(clause, today)):
                    file = library.places[language, name]
                    yield Problem(file, f"{name}.clauses", f"{clause.id} {what}")
    for clause in library.laws.values():
        if (clause.quote_status == "verified") != bool(clause.quote):
            yield Problem("laws", clause.id, "a quote and quote_status go together")


def _not_in_force(clause: Clause, today: date) -> str:
    if clause.in_force_from and today < clause.in_force_from:
        return f"is in force from {clause.in_force_from}"
    if clause.in_force_to and today > clause.in_force_to:
        return f"was in force until {clause.in_force_to}"
    return ""


def _twins(library: Library, twins: Path | None) -> Iterator[Problem]:
    if twins is None:
        return
    for language in LANGUAGES:
        for path in sorted((library.folder / language).glob("*.toml")):
            if not (twins / language / path.name).is_file():
                file = f"{language}/{path.name}"
                yield Problem(file, "file", "has no twin test file of its name")
