"""What the conversation does, turn by turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ivr import dialogue
from ivr.inventory import ALWAYS, IDENTITY, STAGED
from ivr.port import (
    Action,
    CaseFacts,
    Confirmed,
    Fact,
    Flag,
    HandOver,
    HangUp,
    Heard,
    Position,
    Pressed,
    Say,
    Understood,
)
from ivr.talk import DebtDetailRefused, Talk
from ivr.turn import expected
from tests.templates.cases import EN, MEDIATION, NOW, ZH, library

Turn = str | Heard | tuple[str, dict[str, str]]
TOMORROW = NOW + timedelta(days=1)


def hold(
    *turns: Turn, case: CaseFacts = ZH
) -> tuple[Position, list[tuple[Action, ...]]]:
    """A conversation of intents (with slots), keys and silences; what each did."""
    position, actions = dialogue.begin(library(), case)
    done = [actions]
    for turn in turns:
        match turn:
            case str():
                meant = Understood(turn, 1.0, "rule")
                position, actions = dialogue.respond(library(), case, position, meant)
            case (str() as intent, dict() as slots):
                meant = Understood(intent, 1.0, "rule", slots)
                position, actions = dialogue.respond(library(), case, position, meant)
            case _:
                position, actions = dialogue.step(library(), case, position, turn)
        done.append(actions)
    return position, done


def said(actions: tuple[Action, ...]) -> list[str]:
    return [a.template for a in actions if isinstance(a, Say)]


def end(*turns: Turn, case: CaseFacts = ZH) -> HangUp:
    """How such a conversation ends."""
    position, done = hold(*turns, case=case)
    last = done[-1][-1]
    assert isinstance(last, HangUp)
    assert position.over
    return last


TO_OPTIONS: tuple[Turn, ...] = ("identity_yes", "yes", "yes")


def test_a_machine_says_so_and_asks_who_is_there_before_anything_else() -> None:
    position, (opening,) = hold()
    texts = [a.text for a in opening if isinstance(a, Say)]
    assert texts == [
        "您好，这里是和衷调解服务中心，我是智能语音助手。",
        "请问您是魏青禾吗？",
    ]
    assert (position.stage, position.confirmed) == (1, ())


def test_admissible_is_the_stage_and_what_is_always() -> None:
    position, _ = hold()
    assert dialogue.admissible(library(), position) == ALWAYS | IDENTITY
    position, _ = hold(*TO_OPTIONS)
    assert dialogue.admissible(library(), position) == ALWAYS | STAGED[4]
    position, _ = hold("busy_now")
    assert {"yes", "no", "callback_time"} <= dialogue.admissible(library(), position)
    assert "identity_yes" not in dialogue.admissible(library(), position)


def test_the_first_call_explains_rights_before_the_debt() -> None:
    position, done = hold("identity_yes")
    names = said(done[-1])
    assert names.index("rights_explained") < names.index("debt_statement")
    assert len(position.rights) >= 3
    _, done = hold("identity_yes", "repeat_please")
    assert "rights_explained" not in said(done[-1])  # once is enough


@pytest.mark.parametrize(
    ("stage", "state"), [(1, "debt"), (2, "debt"), (3, "mediate"), (4, "options")]
)
def test_a_later_call_goes_on_where_the_case_stands(stage: int, state: str) -> None:
    case = replace(ZH, first_call=False, stage=stage)
    position, done = hold("identity_yes", case=case)
    assert position.state == state
    assert "rights_explained" not in said(done[-1])


def test_a_first_call_starts_at_the_debt_whatever_the_stage_says() -> None:
    position, _ = hold("identity_yes", case=replace(ZH, stage=4))
    assert position.state == "debt"


def test_a_plan_counts_after_its_nodes() -> None:
    plan = ("choose_option", {"option": "2"})
    date = ("propose_date", {"date": "2026-12-05"})
    turns: tuple[Turn, ...] = (*TO_OPTIONS, plan, "yes", date, "yes", "yes")
    position, done = hold(*turns)
    assert done[-1][-1] == HangUp("agreed_plan")
    assert position.confirmed == (
        "identity", "debt", "mediation", "plan", "date", "final",
    )  # fmt: skip
    facts = [a for actions in done for a in actions if isinstance(a, Fact)]
    assert facts == [
        Fact("mediation", "wanted"),
        Fact("option", "2"),
        Fact("promise_date", "2026-12-05"),
    ]


def test_a_commitment_with_too_few_nodes_does_not_count() -> None:
    position = Position("promise_final", 5, confirmed=("identity",))
    meant = Understood("yes", 1.0, "rule")
    after, actions = dialogue.respond(library(), ZH, position, meant)
    assert after.confirmed == ("identity", "final")
    assert actions[-1] == HangUp("no_commitment")


def test_a_promise_with_its_date_is_read_back() -> None:
    promise = ("promise_pay", {"date": "2026-11-30"})
    assert end("identity_yes", promise, "yes", "yes", "yes").disposition == "promised"


def test_a_date_that_is_past_or_far_is_not_taken() -> None:
    plan = ("choose_option", {"option": "1"})
    for day, state, asked in (
        ("2026-11-23", "first_date", "ask_first_date"),
        ("2027-08-01", "date_person", "ask_date_person"),
    ):
        turn = ("propose_date", {"date": day})
        position, done = hold(*TO_OPTIONS, plan, "yes", turn)
        assert position.state == state
        assert said(done[-1])[-1] == asked
        assert "promise_date" not in dict(position.facts)


def test_an_option_that_is_not_on_offer_is_not_chosen() -> None:
    position, done = hold(*TO_OPTIONS, ("choose_option", {"option": "7"}))
    assert (position.state, said(done[-1])) == ("options", ["options_list"])
    case = replace(ZH, options=ZH.options[:2])
    position, _ = hold(*TO_OPTIONS, Pressed("3"), case=case)
    assert position.state == "options"


def test_months_name_an_option_when_only_one_fits() -> None:
    position, done = hold(*TO_OPTIONS, ("choose_option", {"months": "6"}))
    assert Fact("option", "2") in done[-1]
    assert position.state == "choose_read"


def test_yes_to_the_only_option_chooses_it() -> None:
    case = replace(ZH, options=ZH.options[:1])
    position, _ = hold(*TO_OPTIONS, "yes", case=case)
    assert position.state == "choose_read"


def test_without_options_they_are_asked_for_their_own_idea() -> None:
    position, _ = hold(*TO_OPTIONS, case=replace(ZH, options=()))
    assert position.state == "own_idea"


def test_choosing_mediation_needs_no_date() -> None:
    case = replace(ZH, options=(MEDIATION,))
    choice = ("choose_option", {"option": "1"})
    assert end(*TO_OPTIONS, choice, "yes", "yes", case=case) == HangUp("agreed_plan")


def test_a_question_is_answered_and_the_pending_one_asked_again_in_other_words() -> (
    None
):
    _, done = hold("identity_yes", "ask_amount")
    answer, question = (a for a in done[-1] if isinstance(a, Say))
    assert answer.template == "answer_amount"
    first = next(a for a in done[1] if isinstance(a, Say) and a.confirmation == "debt")
    assert question.template == first.template
    assert question.text != first.text


@pytest.mark.parametrize("intent", ["greeting", "back_channel"])
def test_hello_and_uh_huh_are_no_answers(intent: str) -> None:
    position, done = hold("identity_yes", intent)
    assert (position.state, position.confirmed) == ("debt", ("identity",))
    told = {"greeting": "here", "back_channel": "go_on"}[intent]
    assert said(done[-1]) == [told, "debt_question"]


def test_keys_answer_where_something_is_asked() -> None:
    position, _ = hold(Pressed("1"), Pressed("1"), Pressed("2"), Pressed("3"))
    assert position.state == "choose_read"
    assert dict(position.facts)["option"] == "3"
    _, done = hold(Pressed("0"))
    assert done[-1][-1] == HandOver("want_person")
    _, done = hold(Pressed("7"))
    assert said(done[-1])[0] == "not_understood_opening"


def test_recording_is_stopped_and_the_call_goes_on() -> None:
    position, done = hold("identity_yes", "recording_objection")
    assert done[-1][0] == Flag("no_recording")
    assert (position.state, position.over) == ("debt", False)


def test_a_node_is_confirmed_once() -> None:
    turns: tuple[Turn, ...] = ("identity_yes", "no", "no", "yes")
    _, done = hold(*turns)
    nodes = [a.node for actions in done for a in actions if isinstance(a, Confirmed)]
    assert nodes == ["identity", "debt"]


def test_english_has_the_same_conversation() -> None:
    turns: tuple[Turn, ...] = (*TO_OPTIONS, ("choose_option", {"option": "1"}))
    for case in (ZH, EN):
        position, _ = hold(*turns, case=case)
        assert position.state == "choose_read"


def test_debt_detail_before_identity_is_refused_even_if_a_script_asks_for_it() -> None:
    script = library().script("zh", "mediation")
    talk = Talk(library(), ZH, script, Position("greet", 1))
    with pytest.raises(DebtDetailRefused):
        talk.say("debt_statement")
    assert talk.actions == []


def test_an_answer_that_only_the_question_explains() -> None:
    script = library().script("zh", "mediation")
    state = Position("first_date", 5)
    lone = Understood("unknown", 0.4, "none", {"date": "2026-12-10"})
    assert expected(lone, state, script).intent == "propose_date"
    debt = Position("debt", 2)
    assert expected(lone, debt, script) == lone
    no = Understood("unknown", 0.4, "none", {"yes_no": "no"})
    assert expected(no, debt, script).intent == "no"
    yes = Understood("unknown", 0.4, "none", {"yes_no": "yes"})
    assert expected(yes, debt, script) == yes, "a commitment is never guessed"
    options = Position("options", 2)
    six = Understood("unknown", 0.4, "none", {"months": "6"})
    assert expected(six, options, script).intent == "choose_option"
    disputed = Position("dispute_check", 2)
    assert expected(yes, disputed, script).intent == "yes", "it stops the calls"


def test_a_sum_that_is_an_option_is_that_option_and_is_read_back() -> None:
    position, done = hold(*TO_OPTIONS, ("propose_amount", {"amount": "2050"}))
    assert (position.state, said(done[-1])) == ("choose_read", ["read_option"])
    assert dict(position.facts)["option"] == "2"
    position, done = hold(*TO_OPTIONS, ("propose_amount", {"amount": "2000"}))
    assert position.state == "proposal", "a person looks at any other"
