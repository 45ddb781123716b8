"""Intent + stage + context -> template, with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.select import at_stage, choose
from tests.templates.cases import library

SCRIPT = library().script("zh", "mediation")


@pytest.mark.parametrize(
    ("stage", "intent", "slots", "counts_as", "template"),
    [
        (1, "identity_yes", (), "identity_yes", "thanks_identity"),
        (1, "are_you_robot", (), "are_you_robot", "robot_yes"),
        (4, "are_you_robot", (), "are_you_robot", "robot_yes"),
        (1, "ask_amount", (), "unknown", "not_understood"),  # not admissible here
        (2, "ask_amount", (), "ask_amount", "answer_amount"),
        (2, "no", (), "no", "ask_dispute"),
        (3, "no", (), "no", "mediation_declined"),
        (1, "callback_time", ("callback_at",), "callback_time", "read_callback"),
        (1, "callback_time", (), "busy_now", "ask_when"),
        (4, "choose_option", ("option",), "choose_option", "read_option"),
        (4, "nonsense", (), "unknown", "not_understood"),
    ],
)
def test_stage_and_slots_decide(
    stage: int, intent: str, slots: tuple[str, ...], counts_as: str, template: str
) -> None:
    choice = choose(SCRIPT, at_stage(SCRIPT, stage), intent, slots)
    assert (choice.intent, choice.templates[0]) == (counts_as, template)


def test_failures_climb_from_words_to_keys_to_a_person() -> None:
    here = at_stage(SCRIPT, 4)
    said = [
        choose(SCRIPT, replace(here, misunderstood=n), "unknown").templates
        for n in range(3)
    ]
    assert said == [
        ("not_understood",),
        ("still_not_understood", "offer_option_keys"),
        ("give_up",),
    ]


def test_the_same_thing_again_and_again_is_not_answered_forever() -> None:
    here = replace(at_stage(SCRIPT, 2), visits=(("debt:ask_amount", 2),))
    choice = choose(SCRIPT, here, "ask_amount")
    assert (choice.place, choice.handler.hand_over) == ("failures.stuck", "stuck")


def test_abuse_is_borne_once() -> None:
    here = replace(at_stage(SCRIPT, 2), visits=(("debt:abuse", 1),))
    assert choose(SCRIPT, at_stage(SCRIPT, 2), "abuse").templates == ("stay_calm",)
    assert choose(SCRIPT, here, "abuse").templates == ("goodbye",)


def test_the_reason_tells_how_the_turn_was_counted() -> None:
    choice = choose(SCRIPT, at_stage(SCRIPT, 1), "callback_time")
    told = "callback_time -> busy_now (always) at greet: any.busy_now"
    assert choice.reason == told
