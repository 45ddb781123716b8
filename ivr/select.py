"""Intent + stage + context -> what to say next, with the reason."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ivr.inventory import ALWAYS
from ivr.port import Position
from ivr.script import STUCK, Handler, Script, State, admissible, answer


@dataclass(frozen=True, slots=True)
class Choice:
    """What answers a turn. `intent` is what the turn counted as in the end."""

    intent: str
    place: str  # of the handler in the script
    handler: Handler
    templates: tuple[str, ...]  # said before the next state asks
    reason: str


def choose(
    script: Script, position: Position, intent: str, slots: Collection[str] = ()
) -> Choice:
    """The handler for `intent` where the conversation stands. `slots` are those that
    hold something usable. Never raises: what nobody answers counts as unknown."""
    state = script.states[position.state]
    steps = [intent]
    if intent not in admissible(state, position.stage) | {"unknown"}:
        steps.append("unknown")
    while len(steps) < 6:
        found = answer(script, state, steps[-1]) or _failure(script, state, position)
        place, handler = found
        turned = _turned(handler, position, steps[-1], slots)
        if not turned:
            return _choice(script, position, steps, place, handler)
        if turned == STUCK:
            break
        steps.append(turned)
    steps.append(STUCK)
    return _choice(script, position, steps, "failures.stuck", script.failures.stuck)


def at_stage(script: Script, stage: int) -> Position:
    """A conversation that stands at a stage, for trying things out. KeyError: 1-5."""
    if stage == 1:
        return Position(script.start, 1)
    state = script.resume[stage]
    here = script.states[state].stage
    return Position(state, here, confirmed=("identity",))


def stays(handler: Handler) -> bool:
    """Whether the state goes on asking after this handler."""
    return not (handler.next or handler.hang_up or handler.hand_over)


def visits(position: Position, key: str) -> int:
    return dict(position.visits).get(key, 0)


def _turned(
    handler: Handler, position: Position, intent: str, slots: Collection[str]
) -> str:
    """The intent this one counts as instead, or ''."""
    if handler.needs and handler.needs not in slots:
        return handler.otherwise
    often = visits(position, f"{position.state}:{intent}")
    if intent != "unknown" and stays(handler) and often >= handler.times:
        return handler.afterwards
    return ""


def _failure(script: Script, state: State, position: Position) -> tuple[str, Handler]:
    """First failure: ask again. Second: offer the keys. Then a person."""
    failures = script.failures
    if position.misunderstood == 0:
        return "failures.reprompt", Handler(say=(failures.reprompt,))
    if position.misunderstood == 1:
        keys = (failures.again, state.keys_prompt)
        return "failures.again", Handler(say=keys, quiet=True)
    return "failures.give_up", failures.give_up


def _choice(
    script: Script, position: Position, steps: list[str], place: str, handler: Handler
) -> Choice:
    entered = script.states.get(handler.next)
    asked = entered.prompt if entered else ()
    told = " -> ".join(steps)
    context = "always" if steps[0] in ALWAYS else f"stage {position.stage}"
    return Choice(
        intent=steps[-1],
        place=place,
        handler=handler,
        templates=handler.say or asked,
        reason=f"{told} ({context}) at {position.state}: {place}",
    )
