"""Heard, but not surely: what we ask back about, and what an answer to that means.

A guess is named ("Do you mean ...?") where the words for it are in the library. A yes
takes it, with the values heard at first; a no asks the pending question again; anything
else is understood anew. A guess by which a callee protects themselves is a doubt until
they take it back: who answers it with noise, silence or by hanging up is protected.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ivr.inventory import ALWAYS, LEGAL
from ivr.port import Position, Understood
from ivr.script import Clarify, Script, State, admissible, answer

#: Said in answer to "do you mean ...?", these do not answer it: it is asked again.
ASIDE = frozenset(
    {
        *("abuse", "repeat_please", "speak_slower", "wait_moment", "greeting"),
        "back_channel",
    }
)
IDENTITY = frozenset({"identity_yes", "identity_no"})
OPT_OUT = "stop_calling"


def narrowed(admitted: frozenset[str], position: Position) -> frozenset[str]:
    """What a turn may mean while a guess is asked about. A yes to that is no yes to
    "is it you?"."""
    if position.guess is None:
        return admitted
    answers = {"yes", "no"}
    return (admitted - (IDENTITY - {position.guess.guess})) | answers


def keys(clarify: Clarify, position: Position) -> dict[str, str]:
    """The keys that answer the question back, while it is asked."""
    return clarify.keys if position.guess else {}


def resolved(understood: Understood, guess: Understood | None) -> Understood:
    """A yes to a guess is the guess, with the values of both turns."""
    if guess is None or understood.intent not in {"yes", "identity_yes"}:
        return understood
    if understood.intent == "identity_yes" != guess.guess:
        return understood
    values = {k: v for k, v in understood.slots.items() if k not in {"yes_no", "also"}}
    return replace(
        understood, intent=guess.guess, by="confirmed", slots={**guess.slots, **values}
    )


def protects(script: Script, state: State, intent: str) -> str:
    """The flag that an intent would set here, or ''."""
    found = answer(script, state, intent)
    return found[1].flag if found else ""


def worth_asking(
    script: Script,
    position: Position,
    understood: Understood,
    place: str,
    named: Collection[str],
) -> bool:
    """Is the guess to be asked about? `place` is the handler that answers the turn,
    `named` the intents that there are words for. Once; a legal or care intent also
    where a state takes whatever it does not understand for an answer, and twice."""
    guess, state = understood.guess, script.states[position.state]
    if understood.intent != "unknown" or guess not in named:
        return False
    if guess not in admissible(state, position.stage):
        return False
    first = position.misunderstood == 0
    if guess in LEGAL or protects(script, state, guess):
        return first or place == "failures.again"
    return first and place == "failures.reprompt"


def stands(intent: str) -> bool:
    """Does a doubt still stand after a turn that meant this?"""
    return intent == "unknown" or (intent in ALWAYS and intent != "callback_time")
