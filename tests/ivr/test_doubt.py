"""What was heard unsurely is asked about, and what protects a callee is not lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr import dialogue
from ivr.inventory import LEGAL
from ivr.port import (
    Action,
    CaseFacts,
    Confirmed,
    Flag,
    Gone,
    HandOver,
    HangUp,
    Heard,
    Position,
    Pressed,
    Said,
    Silent,
    Understood,
)
from tests.ivr.test_dialogue import said
from tests.templates.cases import EN, ZH, library

NOISE = Understood("unknown", 0.0, "none")


def unsure(guess: str, **slots: str) -> Understood:
    return Understood("unknown", 0.4, "none", slots, guess)


def meant(intent: str) -> Understood:
    return Understood(intent, 0.9, "classifier")


def hold(
    *turns: Understood | Heard, at: str = "debt", case: CaseFacts = ZH
) -> tuple[Position, tuple[Action, ...]]:
    """A conversation from a state on -> where it stands, and what the last turn did."""
    passed = () if at in {"greet", "who_else"} else ("identity",)
    stage = library().script("zh", "mediation").states[at].stage or 2
    told = ("stop_calls", "mediation", "person")
    position = Position(at, stage, confirmed=passed, rights=told)
    actions: tuple[Action, ...] = ()
    for turn in turns:
        if isinstance(turn, Understood):
            position, actions = dialogue.respond(library(), case, position, turn)
        else:
            position, actions = dialogue.step(library(), case, position, turn)
    return position, actions


def flags(actions: tuple[Action, ...]) -> list[str]:
    return [a.flag for a in actions if isinstance(a, Flag)]


@pytest.mark.parametrize(("case", "words"), [(ZH, "不想再接到"), (EN, "stop calling")])
def test_a_guess_is_named_and_a_yes_takes_it(case: CaseFacts, words: str) -> None:
    _, actions = hold(unsure("stop_calling"), case=case)
    assert said(actions) == ["ask_meant"]
    assert words in actions[0].text  # type: ignore[union-attr]
    for yes in (meant("yes"), Pressed("1"), Said("对" if case is ZH else "yes")):
        _, actions = hold(unsure("stop_calling"), yes, case=case)
        assert actions[0] == Flag("do_not_call")
        assert actions[-1] == HangUp("opted_out")


def test_the_values_heard_at_first_go_with_the_yes() -> None:
    plan = unsure("choose_option", option="2")
    position, actions = hold(plan, meant("yes"), at="options")
    assert (position.state, said(actions)) == ("choose_read", ["read_option"])
    assert position.understood is not None
    assert (position.understood.intent, position.understood.by) == (
        "choose_option",
        "confirmed",
    )


def test_a_no_asks_the_question_again_and_the_failure_still_counts() -> None:
    position, actions = hold(unsure("refuse_pay"), Pressed("2"))
    assert said(actions) == ["misheard", "debt_question"]
    assert (position.guess, position.misunderstood) == (None, 1)
    _, actions = hold(unsure("refuse_pay"), meant("no"), unsure("cannot_pay"))
    assert said(actions) == ["still_not_understood", "offer_keys"]
    _, actions = hold(unsure("refuse_pay"), meant("no"), NOISE, NOISE)
    assert isinstance(actions[-1], HandOver)


def test_another_statement_is_understood_anew() -> None:
    position, actions = hold(unsure("refuse_pay"), meant("ask_amount"))
    assert said(actions) == ["answer_amount", "debt_question"]
    assert position.guess is None


def test_a_murmur_is_no_yes_and_the_question_back_comes_again() -> None:
    _, actions = hold(unsure("attorney"), meant("back_channel"))
    assert said(actions) == ["go_on", "ask_meant"]
    _, actions = hold(unsure("attorney"), meant("back_channel"), Pressed("1"))
    assert flags(actions) == ["attorney"]


def test_yes_to_a_guess_confirms_no_identity_but_that_of_the_guess() -> None:
    position, _ = hold(unsure("person_absent"), at="greet")
    admitted = dialogue.admissible(library(), position)
    assert {"yes", "no"} <= admitted
    assert "identity_yes" not in admitted
    for yes in (Said("对"), Said("是的"), Pressed("1")):
        position, actions = hold(unsure("person_absent"), yes, at="greet")
        assert Confirmed("identity") not in actions
        assert position.state == "absent_when"
    _, actions = hold(unsure("identity_yes"), Said("是的"), at="greet")
    assert Confirmed("identity") in actions


PROTECTING = {
    "stop_calling": "do_not_call",
    "attorney": "attorney",
    "deceased": "deceased",
    "recording_objection": "no_recording",
    "wrong_number": "wrong_number",
    "dispute_debt": "dispute",
}


@pytest.mark.parametrize(("guess", "flag"), PROTECTING.items())
def test_what_may_protect_them_holds_unless_they_take_it_back(
    guess: str, flag: str
) -> None:
    """Noise, silence, a question, hanging up: none of them takes it back."""
    _, actions = hold(unsure(guess), Gone())
    assert actions == (Flag(flag),)
    _, actions = hold(unsure(guess), Silent(8), Silent(8), Silent(8))
    assert flags(actions) == [flag]
    assert isinstance(actions[-1], HangUp)
    _, actions = hold(unsure(guess), NOISE)
    assert said(actions) == ["still_not_understood", "ask_meant", "offer_keys"]
    _, actions = hold(unsure(guess), NOISE, NOISE)
    assert flags(actions) == [flag]
    assert isinstance(actions[-1], HandOver)
    _, actions = hold(unsure(guess), meant("are_you_robot"), meant("goodbye"))
    assert flags(actions) == [flag]
    for answer in (meant("no"), meant("ask_amount")):
        _, actions = hold(unsure(guess), answer, meant("goodbye"))
        assert flags(actions) == []


@pytest.mark.parametrize("guess", sorted(LEGAL))
def test_a_legal_guess_is_asked_about_where_a_state_takes_anything(guess: str) -> None:
    """Here what is not understood ends the call, but for these."""
    _, actions = hold(unsure(guess), at="dispute_offer")
    assert said(actions) == ["ask_meant"]
    _, actions = hold(unsure("unsure"), at="dispute_offer")
    assert actions[-1] == HangUp("disputed")
    _, actions = hold(unsure("no", yes_no="no"), at="dispute_offer")
    assert actions[-1] == HangUp("disputed")


def test_an_opt_out_that_could_not_be_asked_about_counts() -> None:
    _, actions = hold(NOISE, NOISE, unsure("stop_calling"))
    assert flags(actions) == ["do_not_call"]
    assert isinstance(actions[-1], HandOver)
    _, actions = hold(NOISE, NOISE, unsure("attorney"))
    assert flags(actions) == []


def test_who_may_need_a_person_and_falls_silent_gets_one() -> None:
    _, actions = hold(unsure("distress"), Silent(8))
    assert actions[-1] == HandOver("distress")


def test_what_there_are_no_words_for_is_asked_again_as_ever() -> None:
    for guess in ("yes", "no", "back_channel", "identity_yes"):
        _, actions = hold(unsure(guess))
        assert said(actions) == ["not_understood", "debt_question"]
    case = replace(ZH, product="card")
    _, actions = hold(unsure("choose_option"), case=case)  # not at this stage
    assert said(actions) == ["not_understood", "debt_question"]
