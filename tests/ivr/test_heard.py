"""What a recogniser wrote must be surer: asked back about, where typed it is done."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from bench.limits import HIGHEST, rising
from bench.said import UNLEARNT, heard, written
from ivr import dialogue
from ivr.classifier import KINDS, load_classifier
from ivr.encoder import FILE, SUMS
from ivr.intent import LANGUAGES, folder, understand
from ivr.inventory import LEGAL, STAGED, STAGES
from ivr.port import Position, Said, Say, Understood
from ivr.rules import LexiconError
from tests.templates.cases import CASES, library

NOW = datetime(2026, 11, 24, 14, 20, tzinfo=ZoneInfo("Asia/Shanghai"))


def understood(language: str) -> list[tuple[str, Understood, Understood]]:
    """Some really heard copies, each as if typed and as heard. None is a test sentence
    of another file."""
    said = written(language)
    lines = [*heard(language, said)[::7], *heard(language, said, kind=UNLEARNT)]
    found = []
    for line in lines:
        here = STAGES[1 if line.intent in STAGED[1] else 4]
        typed = understand(line.text, language, here, NOW)
        found.append(
            (line.intent, typed, understand(line.text, language, here, NOW, heard=True))
        )
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_less_is_acted_on_and_nothing_else(language: str) -> None:
    rows = understood(language)
    done = [(typed, far) for _, typed, far in rows if far.intent != "unknown"]
    assert [typed.intent for typed, _ in done] == [far.intent for _, far in done]
    off = [(typed, far) for intent, typed, far in rows if intent == "unknown"]
    acted = [typed.intent != "unknown" for _, typed, _ in rows]
    assert len(off) >= 30
    assert len(rows) / 3 < len(done) <= sum(acted)
    still = sum(far.intent != "unknown" for _, far in off)
    assert still <= sum(typed.intent != "unknown" for typed, _ in off)
    assert still <= 0.06 * len(off)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_legal_intent_heard_unsurely_is_asked_about(language: str) -> None:
    rows = [
        (typed.intent, far.intent, far.guess)
        for _, typed, far in understood(language)
        if typed.intent in LEGAL and far.intent == "unknown"
    ]
    assert [guess for _, _, guess in rows] == [intent for intent, _, _ in rows]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_limits_are_ordered(language: str) -> None:
    """Log odds: as heard it takes more to act, a guess takes less than an act, and what
    typed would be done to protect them is at least asked about."""
    model = load_classifier(folder(), language)
    typed, far = (model.limits(heard) for heard in (False, True))
    assert far.act >= typed.act
    assert far.care >= typed.care
    for limits in (typed, far):
        assert limits.guess < limits.act
        assert limits.guess_care <= min(limits.care, typed.care)
    assert typed.weights == far.weights


@pytest.mark.parametrize("language", LANGUAGES)
def test_limits_rest_on_copies_that_nothing_is_learnt_from(language: str) -> None:
    said = written(language)
    learnt = {line.source for line in heard(language, said)}
    apart = heard(language, said, kind=UNLEARNT)
    assert len(apart) >= 40
    assert not learnt & {line.source for line in apart}


def test_a_guess_is_asked_where_it_is_right_often_enough_there() -> None:
    """Not where the better ones above make up for it. Shares: 0, 1/2, 1/2, 1."""
    odds, right = np.arange(6.0), np.array([0, 1, 0, 1, 0, 1], bool)
    mixed = np.array([3, 0, 5, 1, 4, 2])
    for share, wanted in ((0.0, 0), (0.4, 1), (0.5, 1), (0.6, 5), (1.0, 5)):
        assert rising(odds[mixed], right[mixed], share) == wanted
    assert rising(odds, np.zeros(6, bool), 0.25) == HIGHEST


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_that_is_not_recorded_is_named(tmp_path: Path, kind: str) -> None:
    for name in (FILE, "model-en.npz"):
        shutil.copy(folder() / name, tmp_path)
    text = (folder() / SUMS).read_text("utf-8")
    (tmp_path / SUMS).write_text(text.replace(f"[limits.en.{kind}]", "[x]"), "utf-8")
    with pytest.raises(LexiconError, match=rf"limits\.en: no such number: '{kind}'"):
        load_classifier(tmp_path, "en")


@pytest.mark.parametrize(
    ("language", "text"), [("zh", "你们领导呢"), ("en", "in person")]
)
def test_a_call_takes_what_it_hears_for_heard(language: str, text: str) -> None:
    """Typed it is an answer; in a call we ask back."""
    case = CASES[language]
    position = Position("debt", 2, confirmed=("identity",))
    here = dialogue.admissible(library(), position)
    typed = understand(text, language, here, case.today)
    assert typed.intent != "unknown"
    position, (first, *_) = dialogue.step(library(), case, position, Said(text))
    assert isinstance(first, Say)
    assert first.template == "ask_meant"
    assert position.guess is not None
    assert position.guess.guess == typed.intent
