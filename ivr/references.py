"""Does every name in the data point at something that exists?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ivr.script import INTENTS, PSEUDO, RESUME, Handler, Script
from ivr.template import CONDITIONS, SLOTS, Template, slots


def handlers(script: Script) -> Iterator[tuple[str, Handler]]:
    """Every handler of a script with its place in the file."""
    for name, handler in script.any.items():
        yield f"any.{name}", handler
    for name, handler in script.not_taken.items():
        yield f"not_taken.{name}", handler
    failures = script.failures
    for name in ("give_up", "stuck", "silent", "beep"):
        yield f"failures.{name}", getattr(failures, name)
    for state_name, state in script.states.items():
        for name, handler in state.on.items():
            yield f"states.{state_name}.on.{name}", handler


def said(script: Script) -> Iterator[tuple[str, str]]:
    """Every template id a script names, with the place."""
    yield "failures.reprompt", script.failures.reprompt
    yield "failures.again", script.failures.again
    for place, handler in handlers(script):
        yield from ((f"{place}.say", name) for name in handler.say)
    for name, state in script.states.items():
        for key in ("prompt", "ask", "patience"):
            yield from ((f"states.{name}.{key}", t) for t in getattr(state, key))
        yield f"states.{name}.keys_prompt", state.keys_prompt


def _references(reading: _Reading) -> Iterator[Problem]:
    for (language, name), file in reading.places.items():
        if name.startswith("script "):
            script = reading.scripts[language][name.removeprefix("script ")]
            for place, what in _script_problems(reading, script):
                yield Problem(file, place, what)
        else:
            template = reading.templates[language][name]
            for place, what in _template_problems(reading, template):
                yield Problem(file, f"{name}.{place}", what)
    for right in reading.rights.values():
        if right.clause not in reading.laws:
            yield Problem("rights", right.id, f"no clause {right.clause!r}")


def _template_problems(
    reading: _Reading, template: Template
) -> Iterator[tuple[str, str]]:
    for key in ("text", "again"):
        for sentence in getattr(template, key):
            try:
                unknown = set(slots(sentence)) - SLOTS
            except ValueError as error:
                yield key, f"{error}: {sentence}"
                continue
            for name in sorted(unknown):
                yield key, f"no slot {name!r}; there are: {', '.join(sorted(SLOTS))}"
    if template.when not in CONDITIONS:
        yield "when", f"no condition {template.when!r}"
    for intent in sorted(set(template.answers) - INTENTS):
        yield "answers", f"no intent {intent!r}"
    for clause in sorted(set(template.clauses) - set(reading.laws)):
        yield "clauses", f"no clause {clause!r} in laws/"
    for right in sorted(set(template.rights) - set(reading.rights)):
        yield "rights", f"no right {right!r} in rights/"


def _script_problems(reading: _Reading, script: Script) -> Iterator[tuple[str, str]]:
    known = reading.templates[script.language]
    for place, name in said(script):
        if name not in known:
            yield place, f"no template {name!r}"
    targets = [("start", script.start)]
    targets += [(f"resume.{k}", v) for k, v in script.resume.items()]
    targets += [(f"{p}.next", h.next) for p, h in handlers(script) if h.next]
    for name, state in script.states.items():
        if state.without_options:
            targets.append((f"states.{name}.without_options", state.without_options))
        for intent in sorted(set(state.on) - INTENTS - PSEUDO):
            yield f"states.{name}.on", f"no intent {intent!r}"
        wrong = (set(state.expects or ()) | set(state.keys.values())) - INTENTS
        for intent in sorted(wrong):
            yield f"states.{name}", f"no intent {intent!r}"
    for place, target in targets:
        if target not in script.states and target != RESUME:
            yield place, f"no state {target!r}"
    for intent in sorted((set(script.any) | set(script.keys.values())) - INTENTS):
        yield "any", f"no intent {intent!r}"
    for place, handler in handlers(script):
        if sum(map(bool, (handler.next, handler.hang_up, handler.hand_over))) > 1:
            yield place, "one of next, hang_up, hand_over"
        if bool(handler.needs) != bool(handler.otherwise):
            yield place, "needs and otherwise go together"
