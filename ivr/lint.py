"""The rules of R6 to R13 over the whole library: every problem, with its place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from ivr import asking, flow, references
from ivr.citing import law_problems
from ivr.inventory import STAGED, STAGES
from ivr.library import Library, Problem
from ivr.script import Script
from ivr.template import LANGUAGES, Template, slots
from ivr.wording import fragments_wording, wording

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
        "abandoned",
    }
)
#: What must be the same in both languages.
SHARED = (
    *("variant_of", "stage", "at", "products", "roles", "reached", "when", "time"),
    *("answers", "rights", "clauses", "confirmation", "keys", "barge_in", "tone"),
)


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
        fragments, words = library.fragments[language], library.forbidden[language]
        for place, what in fragments_wording(fragments, language, words):
            found.append(Problem(file, place, what))
        other = library.fragments[next(n for n in LANGUAGES if n != language)].wishes
        early = library.early[language]
        for place, what in asking.wish_problems(fragments.wishes, other, early):
            found.append(Problem(file, place, what))
        for name, place, what in asking.variant_problems(library.families[language]):
            file = library.places[language, name]
            found.append(Problem(file, f"{name}.{place}", what))
    found += law_problems(library, today)
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
        *asking.state_problems(script, library.families[language]),
        *asking.private_problems(script, library.families[language]),
    ):
        yield Problem(file, place, what)


def _template(
    library: Library, language: str, template: Template
) -> Iterator[tuple[str, str]]:
    yield from wording(template, language, library.forbidden[language])
    yield from _rights(library, language, template)
    yield from _counterpart(library, language, template)
    if template.stage:
        stray = set(template.answers) - STAGES[template.stage]
        # one question later the stage may have moved on: 1 answers what 2 asked
        for intent in sorted(stray - STAGED[max(template.stage - 1, 1)]):
            yield "answers", f"{intent} is not admissible at stage {template.stage}"


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
    for key in SHARED:
        if getattr(template, key) != getattr(other, key):
            yield key, f"is not what it is in {other_language}"
    if _all_slots(template) != _all_slots(other):
        yield "text", f"other slots than in {other_language}"


def _all_slots(template: Template) -> set[str]:
    return {name for line in template.text for name in slots(line)}


def _twins(library: Library, twins: Path | None) -> Iterator[Problem]:
    if twins is None:
        return
    for language in LANGUAGES:
        for path in sorted((library.folder / language).glob("*.toml")):
            if not (twins / language / path.name).is_file():
                file = f"{language}/{path.name}"
                yield Problem(file, "file", "has no twin test file of its name")
