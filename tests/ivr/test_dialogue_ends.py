"""How conversations end, and what is stored before they do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ivr import dialogue
from ivr.port import Beeped, Flag, HandOver, HangUp, NotTaken, Pressed, Say, Silent
from tests.ivr.test_dialogue import TO_OPTIONS, Turn, end, hold, said
from tests.templates.cases import NOW, ZH, library

TOMORROW = NOW + timedelta(days=1)


@pytest.mark.parametrize("turn", ["stop_calling", Pressed("9")])
def test_the_opt_out_is_flagged_before_anything_is_said(turn: Turn) -> None:
    for before in ((), ("identity_yes",), TO_OPTIONS):
        _, done = hold(*before, turn)
        flag, goodbye, hang_up = done[-1]
        assert flag == Flag("do_not_call")
        assert isinstance(goodbye, Say)
        assert hang_up == HangUp("opted_out")


@pytest.mark.parametrize(
    ("intent", "flag", "disposition"),
    [
        ("wrong_number", "wrong_number", "wrong_number"),
        ("attorney", "attorney", "attorney"),
        ("deceased", "deceased", "deceased"),
    ],
)
def test_what_must_be_stored_is_stored_first(
    intent: str, flag: str, disposition: str
) -> None:
    _, done = hold(intent)
    assert done[-1][0] == Flag(flag)
    assert done[-1][-1] == HangUp(disposition)


@pytest.mark.parametrize("main", ["complaint", "attorney", "distress"])
def test_an_opt_out_heard_beside_something_else_is_stored_too(main: str) -> None:
    _, done = hold((main, {"also": "stop_calling"}))
    assert Flag("do_not_call") in done[-1]
    flags = [isinstance(a, Flag) for a in done[-1]]
    assert flags == sorted(flags, reverse=True)  # flags first


@pytest.mark.parametrize("main", ["ask_who", "are_you_robot", "recording_objection"])
def test_an_opt_out_ends_the_call_where_it_would_have_gone_on(main: str) -> None:
    last = end((main, {"also": "stop_calling,complaint"}))
    assert last == HangUp("opted_out")


def test_a_dispute_stops_the_asking_and_offers_a_person() -> None:
    position, done = hold("identity_yes", "dispute_debt")
    assert done[-1][0] == Flag("dispute")
    assert position.state == "dispute_offer"
    assert end("identity_yes", "dispute_debt", "no") == HangUp("disputed")
    _, done = hold("identity_yes", "dispute_debt", "yes")
    assert done[-1][-1] == HandOver("disputed")


@pytest.mark.parametrize(
    ("turns", "disposition"),
    [
        (("third_party",), "third_party"),
        (("identity_no", "no"), "third_party"),
        (("identity_no", "yes"), "wrong_number"),
        (("identity_no", "unknown"), "third_party"),
        (("person_absent", "unsure"), "person_absent"),
        (("identity_yes", "already_paid", "unknown"), "already_paid"),
        (("identity_yes", "cannot_pay", "no"), "cannot_pay"),
        (("identity_yes", "cannot_pay", "yes", "cannot_pay"), "cannot_pay"),
        (("identity_yes", "refuse_pay", "refuse_pay"), "refused_to_pay"),
        (("identity_yes", "unsure", "unsure", "unsure"), None),
        ((*TO_OPTIONS, "unsure", "no"), "no_commitment"),
        ((*TO_OPTIONS, "goodbye"), "no_commitment"),
        (("busy_now", "busy_now"), "callback"),
        (("abuse", "abuse"), "no_commitment"),
        ((Beeped(),), "voicemail"),
        (("distress", NotTaken()), "distress"),
        (("complaint", NotTaken()), "complaint"),
        (("want_person", NotTaken(), "no"), "callback"),
        (("unknown", "unknown", "unknown", NotTaken()), "not_understood"),
    ],
)
def test_ways_to_end(turns: tuple[Turn, ...], disposition: str | None) -> None:
    if disposition is None:
        position, done = hold(*turns)
        assert isinstance(done[-1][-1], HandOver)
        assert not position.over
        return
    assert end(*turns).disposition == disposition


def test_a_third_party_learns_nothing() -> None:
    for turns in (("third_party",), ("identity_no", "no"), ("person_absent", "no")):
        _, done = hold(*turns)
        for say in (a for actions in done for a in actions if isinstance(a, Say)):
            assert say.stage == 1
            assert not any(
                word in say.text for word in ("债", "款", "银行", "一万", "六六")
            )


def test_a_yes_to_the_wrong_number_question_is_no_identity() -> None:
    position, _ = hold("identity_no")
    assert "identity_yes" not in dialogue.admissible(library(), position)
    position, done = hold("identity_no", "identity_yes")
    assert position.confirmed == ()
    assert done[-1][-1] == HangUp("third_party")


def test_a_machine_hears_only_who_called() -> None:
    _, done = hold(Beeped())
    say, hang_up = done[-1]
    assert isinstance(say, Say)
    assert say.template == "voicemail_message"
    assert ZH.name not in say.text
    assert hang_up == HangUp("voicemail")


def test_a_time_named_is_read_back_and_kept() -> None:
    turn = ("callback_time", {"callback_at": TOMORROW.isoformat()})
    _, done = hold(turn)
    assert said(done[-1]) == ["read_callback"]
    for answer in ("yes", "unknown", Silent(6.0)):
        assert end(turn, answer) == HangUp("callback", TOMORROW)
    position, _ = hold(turn, "no")
    assert position.state == "callback_ask"
    assert end(turn, "no", "no") == HangUp("callback", None)


def test_a_time_in_the_night_is_asked_again() -> None:
    night = TOMORROW.replace(hour=23)
    position, _ = hold(("callback_time", {"callback_at": night.isoformat()}))
    assert position.state == "callback_ask"


def test_silence_is_borne_then_ends() -> None:
    assert end(Silent(6.0), Silent(6.0), Silent(6.0)) == HangUp("silent")
    assert end(Silent(30.0)) == HangUp("silent")
    # the budget is the call's, not the turn's: 12 + 12 + 6 seconds over the call
    quiet: tuple[Turn, ...] = (Silent(12.0), "identity_yes", Silent(12.0), "ask_who")
    assert end(*quiet, Silent(6.0)) == HangUp("silent")


def test_at_the_options_they_may_think() -> None:
    _, done = hold(*TO_OPTIONS, Silent(10.0))
    assert said(done[-1]) == ["take_your_time"]
    _, done = hold(*TO_OPTIONS, Silent(9.0), Silent(9.0))
    assert said(done[-1]) == ["still_there_options", "ask_option"]


def test_two_failures_to_understand_then_a_person() -> None:
    position, done = hold("identity_yes", "unknown", "unknown", "unknown")
    assert said(done[-3]) == ["not_understood", "debt_question"]
    assert said(done[-2]) == ["still_not_understood", "offer_keys"]
    assert done[-1][-1] == HandOver("not_understood")
    assert position.misunderstood == 3
    position, _ = hold("identity_yes", "unknown", "yes")
    assert position.misunderstood == 0


def test_a_person_who_did_not_come_is_not_sent_for_again() -> None:
    position, done = hold("want_person", NotTaken(), "want_person")
    assert not any(isinstance(a, HandOver) for a in done[-1])
    assert position.state == "callback_ask"


def test_after_the_end_nothing_is_done() -> None:
    position, _ = hold("stop_calling")
    for heard in (Pressed("1"), Silent(5.0), Beeped()):
        assert dialogue.step(library(), ZH, position, heard) == (position, ())


def test_the_stage_reached_does_not_fall_back_at_the_end() -> None:
    case = replace(ZH, first_call=False, stage=4)
    position, _ = hold("busy_now", "busy_now", case=case)
    assert position.stage == 4
