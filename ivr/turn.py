"""What one turn brought: a key's meaning, and the slots that can be acted on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from ivr import doubt, fill
from ivr.inventory import LEGAL
from ivr.port import CaseFacts, Position, Understood
from ivr.script import Script, State


def pressed(script: Script, position: Position, key: str) -> Understood:
    """A key. The script's own keys (9, 0) come before those of the state."""
    asked = doubt.keys(script.failures.clarify, position)
    keys = {**script.states[position.state].keys, **asked, **script.keys}
    intent = keys.get(key, "unknown")
    found = {"option": key} if intent == "choose_option" else {}
    return Understood(intent, 1.0, "key", found)


def usable(understood: Understood, case: CaseFacts) -> dict[str, str]:
    """The slots of a turn that can be acted on: in range, and not past."""
    found = dict(understood.slots)
    then = fill.callback(found.pop("callback_at", ""), case.today)
    day = _ahead(found.pop("date", "") or _day_of(then), case.today.date())
    number = found.pop("option", "") or _by_months(found.get("months", ""), case)
    if then:
        found["callback_at"] = then.isoformat()
    if day:
        found["date"] = day.isoformat()
    if number.isdecimal() and 1 <= int(number) <= min(len(case.options), 3):
        found["option"] = number
    return found


def _ahead(value: str, today: date) -> date | None:
    """A day that has not passed; how far ahead it may be is weighed later."""
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return None
    return day if day >= today else None


def _day_of(then: datetime | None) -> str:
    return then.date().isoformat() if then else ""


def _by_months(months: str, case: CaseFacts) -> str:
    """The one option that runs so many months, as its number."""
    fits = [i for i, o in enumerate(case.options, 1) if str(o.months) == months]
    return str(fits[0]) if len(fits) == 1 else ""


def asks_option(state: State) -> bool:
    """Does the state ask which option to take?"""
    return "choose_option" in state.keys.values()


def single_option(
    intent: str, state: State, case: CaseFacts, found: dict[str, str]
) -> str:
    """Yes to the only option there is, is a choice."""
    if intent == "yes" and asks_option(state) and len(case.options) == 1:
        found["option"] = "1"
        return "choose_option"
    if intent == "propose_amount" and (
        number := _by_sum(found.get("amount", ""), case)
    ):
        found["option"] = number
        return "choose_option"
    return intent


def _by_sum(amount: str, case: CaseFacts) -> str:
    """The one option whose instalments are just what they propose, as its number: it
    is read back like any choice."""
    plans = enumerate(case.options[:3], 1)
    fits = [
        str(i)
        for i, option in plans
        if amount and option.name == "instalments" and option.each == Decimal(amount)
    ]
    return fits[0] if len(fits) == 1 else ""


def expected(understood: Understood, position: Position, script: Script) -> Understood:
    """What an answer that nothing recognised means to the question just asked.

    Only where the question itself expects it, and only what is read back or can do no
    harm: a day, an option, a no, and a yes that protects the callee by a flag ("is it
    disputed?"). Any other yes must be understood as such. What may be a legal or care
    intent is not taken for an answer: it is asked about first.
    """
    if understood.intent != "unknown":
        return understood
    state = script.states[position.state]
    if position.guess is not None:
        return _answer(understood, position.guess, state, script)
    if understood.guess in LEGAL:
        return understood
    found = understood.slots
    intent = ""
    proposal, agreed = state.on.get("propose_date"), state.on.get("yes")
    if "date" in found and proposal is not None and proposal.needs == "date":
        intent = "propose_date"
    elif found.keys() & {"option", "months"} and asks_option(state):
        intent = "choose_option"
    elif found.get("yes_no") == "no" and "no" in state.on:
        intent = "no"
    elif found.get("yes_no") == "yes" and agreed is not None and agreed.flag:
        intent = "yes"
    return replace(understood, intent=intent, by="expected") if intent else understood


def _answer(
    understood: Understood, guess: Understood, state: State, script: Script
) -> Understood:
    """To "do you mean ...?": a no takes the guess back, a yes counts if it protects."""
    said = understood.slots.get("yes_no", "")
    safe = guess.guess in LEGAL or doubt.protects(script, state, guess.guess)
    if said == "no" or (said == "yes" and safe):
        return replace(understood, intent=said, by="expected")
    return understood
