"""Does every name in the data point at something that exists?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ivr.inventory import INTENTS
from ivr.script import PSEUDO, RESUME, STUCK, Handler, Script, State
from ivr.template import CONDITIONS, SLOTS, Template, slots
from ivr.variants import why


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
        if state.then:
            yield f"states.{state_name}.then", state.then


def said(script: Script) -> Iterator[tuple[str, str]]:
    """Every template id a script names, with the place."""
    for key in ("reprompt", "again", "still_there", "ponder"):
        yield f"failures.{key}", getattr(script.failures, key)
    for key in ("ask", "denied", "keys_prompt"):
        yield f"failures.clarify.{key}", getattr(script.failures.clarify, key)
    yield "rights", script.rights
    for place, handler in handlers(script):
        yield from ((f"{place}.say", name) for name in handler.say)
    for name, state in script.states.items():
        for key in ("prompt", "ask"):
            yield from ((f"states.{name}.{key}", t) for t in getattr(state, key))
        yield f"states.{name}.keys_prompt", state.keys_prompt


def template_problems(
    template: Template, laws: Collection[str], rights: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(place, what) of every name in the template that means nothing."""
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
    for intent in sorted(set(template.keys.values()) - INTENTS):
        yield "keys", f"no intent {intent!r}"
    for intent in sorted(set(template.answers) - INTENTS):
        yield "answers", f"no intent {intent!r}"
    for clause in sorted(set(template.clauses) - set(laws)):
        yield "clauses", f"no clause {clause!r} in laws/"
    for right in sorted(set(template.rights) - set(rights)):
        yield "rights", f"no right {right!r} in rights/"


def variant_problems(
    template: Template, known: Mapping[str, Template]
) -> Iterator[tuple[str, str]]:
    """A variant of nothing, of a variant, or with nothing that tells it apart."""
    name = template.variant_of
    if not name:
        for key in ("at", "products", "roles", "reached"):
            if getattr(template, key):
                yield key, "is for variants (variant_of) only"
        return
    if name not in known:
        yield "variant_of", f"no template {name!r}"
    elif known[name].variant_of:
        yield "variant_of", f"{name} is a variant itself"
    elif not (why(template) or known[name].when):
        yield "variant_of", f"no condition tells it from {name}"


def script_problems(
    script: Script, known: Mapping[str, Template]
) -> Iterator[tuple[str, str]]:
    """(place, what) of every template, state and intent named but not there."""
    for place, name in said(script):
        if name not in known:
            yield place, f"no template {name!r}"
        elif known[name].variant_of:
            yield place, f"{name!r} is a variant: name {known[name].variant_of!r}"
    for place, target in _targets(script):
        if target not in script.states and target != RESUME:
            yield place, f"no state {target!r}"
    for place, intent in _intents(script):
        if intent not in INTENTS:
            yield place, f"no intent {intent!r}"
    for place, handler in handlers(script):
        if sum(map(bool, (handler.next, handler.hang_up, handler.hand_over))) > 1:
            yield place, "one of next, hang_up, hand_over"
        if bool(handler.needs) != bool(handler.otherwise):
            yield place, "needs and otherwise go together"
    wanted = {h.hand_over for _, h in handlers(script) if h.hand_over}
    for reason in sorted(wanted - set(script.not_taken)):
        yield "not_taken", f"nothing for {reason!r}"


def _targets(script: Script) -> Iterator[tuple[str, str]]:
    yield "start", script.start
    yield from ((f"resume.{k}", v) for k, v in script.resume.items())
    yield from ((f"{p}.next", h.next) for p, h in handlers(script) if h.next)
    for name, state in script.states.items():
        for condition, target in state.instead.items():
            yield f"states.{name}.instead.{condition}", target


def _intents(script: Script) -> Iterator[tuple[str, str]]:
    yield from (("any", intent) for intent in script.any)
    yield from (("keys", intent) for intent in script.keys.values())
    clarify = script.failures.clarify
    yield from (("failures.clarify.keys", intent) for intent in clarify.keys.values())
    for name, state in script.states.items():
        yield from ((f"states.{name}.on", i) for i in set(state.on) - PSEUDO)
        yield from ((f"states.{name}.expects", i) for i in state.expects or ())
        yield from ((f"states.{name}.keys", i) for i in state.keys.values())
    for place, handler in handlers(script):
        for key in ("otherwise", "afterwards"):
            intent = getattr(handler, key)
            if intent and intent != STUCK:
                yield f"{place}.{key}", intent


def in_order(script: Script) -> Iterator[str]:
    """Template names as a conversation would come to them."""
    waiting, seen = [script.start, *script.resume.values()], set[str]()
    later: list[str] = []
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in script.states:
            continue
        seen.add(name)
        state = script.states[name]
        yield from (*state.prompt, *state.ask, *_handled(state))
        waiting += [h.next for h in state.on.values()]
        waiting += state.instead.values()
        later.append(state.keys_prompt)
    for handler in (*script.any.values(), *script.not_taken.values()):
        yield from handler.say
    failures = script.failures
    yield from (failures.still_there, failures.reprompt, failures.again)
    yield failures.ponder
    yield script.rights
    yield from (failures.clarify.ask, failures.clarify.denied)
    yield failures.clarify.keys_prompt
    for handler in (failures.give_up, failures.stuck, failures.silent, failures.beep):
        yield from handler.say
    yield from later
    for name in [n for n in script.states if n not in seen]:  # reached from `any` only
        state = script.states[name]
        yield from (*state.prompt, *state.ask, *_handled(state), state.keys_prompt)


def _handled(state: State) -> Iterator[str]:
    for handler in (*state.on.values(), *((state.then,) if state.then else ())):
        yield from handler.say
