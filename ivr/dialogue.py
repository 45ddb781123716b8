"""The conversation as a pure function: what was heard goes in, what to do comes out."""

from __future__ import annotations

from dataclasses import replace

from ivr import doubt, turn
from ivr.intent import understand
from ivr.library import Library
from ivr.port import (
    Action,
    Beeped,
    CaseFacts,
    Gone,
    Heard,
    NotTaken,
    Position,
    Pressed,
    Said,
    Silent,
    Understood,
)
from ivr.script import Script
from ivr.script import admissible as admitted
from ivr.talk import Talk


def begin(library: Library, case: CaseFacts) -> tuple[Position, tuple[Action, ...]]:
    """Open the call. LibraryError if the case's script does not exist."""
    script = library.script(case.language, case.script)
    talk = Talk(library, case, script, Position(script.start, 1))
    talk.enter(script.start)
    return talk.done()


def admissible(library: Library, position: Position) -> frozenset[str]:
    """The intents a turn may have here; the classifier chooses among them."""
    script = _script_of(library, position)
    here = admitted(script.states[position.state], position.stage)
    return doubt.narrowed(here, position)


def step(
    library: Library, case: CaseFacts, position: Position, heard: Heard
) -> tuple[Position, tuple[Action, ...]]:
    """One turn. After the end nothing more is done."""
    if position.over:
        return position, ()
    script = library.script(case.language, case.script)
    talk = Talk(library, case, script, position)
    match heard:
        case Said(text):
            state = script.states[position.state]
            admit = doubt.narrowed(admitted(state, position.stage), position)
            meant = understand(text, case.language, admit, case.today, heard=True)
            talk.respond(turn.expected(meant, position, script))
        case Pressed(key):
            talk.respond(turn.pressed(script, position, key))
        case Silent(seconds):
            talk.silence(seconds)
        case Beeped():
            talk.apply(script.failures.beep)
        case NotTaken():
            talk.not_taken()
        case Gone():
            talk.protect()
    return talk.done()


def cut_short(
    position: Position, explained: tuple[str, ...], unsaid: tuple[str, ...]
) -> Position:
    """They spoke or pressed a key over what we said: of the rights only `explained`
    count, and the templates `unsaid` were not heard whole this time."""
    visits = dict(position.visits)
    for name in unsaid:
        visits[f"here:{name}"] = visits.get(f"here:{name}", 0) - 1
    never = tuple(name for name in unsaid if visits[f"here:{name}"] <= 0)
    known = tuple(visits.items())
    return replace(position, rights=explained, unsaid=never, visits=known)


def respond(
    library: Library, case: CaseFacts, position: Position, understood: Understood
) -> tuple[Position, tuple[Action, ...]]:
    """One turn whose meaning is known already."""
    if position.over:
        return position, ()
    script = library.script(case.language, case.script)
    talk = Talk(library, case, script, position)
    talk.respond(understood)
    return talk.done()


def _script_of(library: Library, position: Position) -> Script:
    """States are the same in both languages: any script that has this one serves."""
    return next(
        script
        for scripts in library.scripts.values()
        for script in scripts.values()
        if position.state in script.states
    )
