"""The trained models: the file is the one recorded, and a decision is no guess."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ivr.classifier import Limits, decide, load_classifier
from ivr.encoder import FILE, SUMS, encoder
from ivr.intent import LANGUAGES, folder
from ivr.inventory import INTENTS, STAGES
from ivr.rules import LexiconError

# odds rise with the lead over the next and over talk off topic; rules add points only
LIMITS = Limits(
    act=1.5,
    care=0.5,
    guess=-0.7,
    guess_care=-1.5,
    legal=0.6,
    rule=0.3,
    weights=(0.0, 8.0, -8.0, -8.0, *[0.0] * 9),
)
FLAT = dict.fromkeys(INTENTS, 0.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_model_is_the_one_recorded_and_knows_every_intent(language: str) -> None:
    assert set(load_classifier(folder(), language).intents) == INTENTS


def test_another_model_is_refused_with_the_remedy(tmp_path: Path) -> None:
    for name in (SUMS, "model-en.npz"):
        shutil.copy(folder() / name, tmp_path)
    with (tmp_path / "model-en.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(LexiconError, match=r"models\.toml says .*bench.train_intents"):
        load_classifier(tmp_path, "en")


def test_an_encoder_that_is_not_the_one_recorded_is_refused(tmp_path: Path) -> None:
    shutil.copy(folder() / SUMS, tmp_path)
    (tmp_path / FILE).write_bytes(b"x")
    with pytest.raises(LexiconError, match=r"models\.toml says .*bench\.encoder"):
        encoder(tmp_path)


@pytest.mark.parametrize(
    ("one", "like", "unlike"),
    [
        ("别再给我打电话了", "以后不要再联系我", "我想先付一半"),
        ("i lost my job", "i am out of work now", "please speak up"),
        ("who do i owe this to", "which company is owed", "is it raining there"),
    ],
)
def test_what_means_alike_lies_closer(one: str, like: str, unlike: str) -> None:
    at = encoder(folder()).vector
    assert float(at(one) @ at(like)) > float(at(one) @ at(unlike)) + 0.02
    assert abs(float(at(one) @ at(one)) - 1) < 1e-5


def test_any_text_has_a_place() -> None:
    """Strange characters, no characters, and more than is looked at."""
    for text in ("", "\u0b95\u2603", "好" * 500, "a" * 500):
        assert encoder(folder()).vector(text).shape == (384,)


def test_a_model_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match=r"model-zh\.npz"):
        load_classifier(tmp_path, "zh")


@pytest.mark.parametrize(
    ("score", "stage", "legal", "rules", "intent", "guess"),
    [
        ({"no": 0.5}, 2, [], [], "no", ""),
        ({"no": 0.5, "refuse_pay": 0.4}, 2, [], [], "unknown", "no"),
        ({"no": 0.5, "unknown": 0.4}, 2, [], [], "unknown", "no"),
        ({"unknown": 0.9}, 2, [], [], "unknown", ""),
        ({"no": 0.4, "refuse_pay": 0.3}, 2, [], ["no"], "no", ""),
        ({"no": 0.4}, 2, ["stop_calling"], [], "stop_calling", ""),
        # of several legal ones the first wins, and the others stand back
        ({"complaint": 0.9}, 2, ["deceased", "complaint"], [], "deceased", ""),
        # what is not admissible competes, and is not done
        ({"propose_amount": 0.45, "yes": 0.4}, 2, [], [], "unknown", "yes"),
        # and what is that far behind is not asked about
        ({"propose_amount": 0.9, "yes": 0.4}, 2, [], [], "unknown", ""),
        # unless it would protect them
        ({"propose_amount": 0.55, "yes": 0.4}, 2, [], [], "unknown", ""),
        ({"propose_amount": 0.55, "attorney": 0.4}, 2, [], [], "unknown", "attorney"),
        # a yes is one intent, whatever was asked
        ({"yes": 0.6, "identity_yes": 0.5}, 1, [], [], "identity_yes", ""),
        ({"yes": 0.5, "identity_yes": 0.6}, 2, [], [], "yes", ""),
        # busy or later: the time that was named decides, elsewhere
        ({"busy_now": 0.5, "callback_time": 0.4}, 2, [], [], "busy_now", ""),
        # legal and care intents need less
        ({"distress": 0.35, "busy_now": 0.2}, 2, [], [], "distress", ""),
        ({"ask_amount": 0.35, "busy_now": 0.2}, 2, [], [], "unknown", "ask_amount"),
    ],
)
def test_what_stands_out(
    score: dict[str, float],
    stage: int,
    legal: list[str],
    rules: list[str],
    intent: str,
    guess: str,
) -> None:
    got = decide(FLAT | score, STAGES[stage], legal, rules, LIMITS)
    assert (got.intent, got.guess) == (intent, guess)
    assert (got.confidence >= 0.5) == (intent != "unknown") or got.confidence == 0.5


def test_to_name_a_day_before_days_are_asked_for_is_to_promise() -> None:
    score = FLAT | {"propose_date": 0.6, "promise_pay": 0.55}
    assert decide(score, STAGES[2], (), (), LIMITS).intent == "promise_pay"
    assert decide(score, STAGES[3], (), (), LIMITS).intent == "propose_date"
