"""Rules of the linter about questions: keys, other words, variants kept apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations

from ivr.inventory import ALWAYS, IDENTITY, INTENTS, LEGAL
from ivr.script import Handler, Script, State, admissible, answer
from ivr.template import PERSONAL_SLOTS, slots
from ivr.variants import Families, overlap, why

#: What can be asked back about: a yes to "do you mean yes?" would be no answer.
ASKABLE = INTENTS - {"unknown", "yes", "no", "greeting", "back_channel"}


def state_problems(script: Script, families: Families) -> Iterator[tuple[str, str]]:
    """(place, what): questions whose keys differ from the state's, questions without
    other words for a second time, intents that are answered by silence."""
    for name, state in script.states.items():
        for asked in dict.fromkeys(state.prompt[-1:] + state.ask[-1:]):
            for template in families[asked]:
                if template.keys != state.keys:
                    what = f"{template.id} promises other keys than the state has"
                    yield f"states.{name}.keys", what
                if not template.again:
                    what = f"{template.id} has no other words for a second time"
                    yield f"states.{name}.ask", what
        for intent in sorted(admissible(state, state.stage or 2)):
            found = answer(script, state, intent)
            if found and _nothing(found[1]):
                what = f"{intent} is answered by the same question only ({found[0]})"
                yield f"states.{name}", what


def _nothing(handler: Handler) -> bool:
    moves = handler.next or handler.hang_up or handler.hand_over or handler.otherwise
    return not (handler.say or moves or handler.whole)


def variant_problems(families: Families) -> Iterator[tuple[str, str, str]]:
    """(template, place, what): variants of which either could be said."""
    for members in families.values():
        for one, other in combinations(members, 2):
            if overlap(one, other):
                told = f"nothing decides between it and {one.id} ({why(other)})"
                yield other.id, "variant_of", told
        for member in members:
            if member.stage and member.at and member.stage not in member.at:
                yield member.id, "stage", f"is not one of at {list(member.at)}"


def private_problems(script: Script, families: Families) -> Iterator[tuple[str, str]]:
    """(place, what): what a machine or somebody else hears that is for one person."""
    for name in script.failures.beep.say:
        for template in families[name]:
            for slot in sorted(PERSONAL_SLOTS & _slots(template.text)):
                yield "failures.beep", f"{template.id} leaves {slot!r} on a machine"


def said_to_others(state: State, lines: tuple[str, ...]) -> Iterator[str]:
    """The personal slots in words that somebody else hears."""
    if state.speaker:
        yield from sorted(PERSONAL_SLOTS & _slots(lines))


def wish_problems(
    wishes: Mapping[str, str], other: Collection[str], early: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(place, what): the words for what a callee may want, to ask back about it.
    `other`: the intents that the other language has words for; `early`: words that
    tell of a debt."""
    for intent in sorted(LEGAL - wishes.keys()):
        yield "wishes", f"no words for {intent}: it could not be asked back about"
    for intent in sorted(wishes.keys() - ASKABLE):
        yield f"wishes.{intent}", "is no intent to ask back about"
    for intent in sorted(wishes.keys() ^ set(other)):
        yield f"wishes.{intent}", "is not in both languages"
    for intent in sorted(wishes.keys() & (ALWAYS | IDENTITY)):
        for word in early:
            if word in wishes[intent].lower():
                yield f"wishes.{intent}", f"says {word!r} before identity is confirmed"


def _slots(lines: tuple[str, ...]) -> set[str]:
    return {name for line in lines for name in slots(line)}
