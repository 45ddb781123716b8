"""Turn-taking, from tables of probabilities."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from speech.audio import to_pcm
from speech.endpoint import (
    BackChannel,
    BargedIn,
    Began,
    Ear,
    EarEvent,
    Ended,
    Paused,
    Resumed,
    Thresholds,
)

NOISE = to_pcm((np.random.default_rng(1).standard_normal(160) * 0.002).astype("f4"))
VOICE = to_pcm((np.random.default_rng(2).standard_normal(160) * 0.1).astype("f4"))
FAINT = to_pcm((np.random.default_rng(3).standard_normal(160) * 0.002).astype("f4"))
LOST = bytes(320)

Frame = tuple[float, bytes]


def quiet(ms: int) -> list[Frame]:
    return [(0.05, NOISE)] * (ms // 20)


def voice(ms: int) -> list[Frame]:
    return [(0.95, VOICE)] * (ms // 20)


def hear(
    ear: Ear, frames: Iterable[Frame], speaking: float = -1.0, *, barge_in: bool = True
) -> list[EarEvent]:
    """`speaking`: seconds our prompt has played before the first of these frames."""
    found: list[EarEvent] = []
    for count, (chance, frame) in enumerate(frames):
        since = speaking + 0.02 * count if speaking >= 0 else -1.0
        found += ear.hear(chance, frame, speaking=since, barge_in=barge_in)
    return found


def kinds(events: Iterable[EarEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def _dice() -> random.Random:
    seed = random.randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")
    return random.Random(seed)


def ended(events: Iterable[EarEvent]) -> Iterator[Ended]:
    return (event for event in events if isinstance(event, Ended))


def test_a_turn_begins_pauses_and_ends() -> None:
    events = hear(Ear(), quiet(1000) + voice(600) + quiet(600))
    assert kinds(events) == ["Began", "Paused", "Ended"]
    began, paused, end = events
    assert isinstance(began, Began)
    assert isinstance(paused, Paused)
    assert isinstance(end, Ended)
    assert began.at == pytest.approx(1.0)
    assert end.began == pytest.approx(1.0)
    assert end.ended == pytest.approx(1.6)
    assert end.pcm == paused.pcm  # so what was decoded early is the whole
    assert paused.pcm == NOISE * 10 + VOICE * 30 + NOISE * 13  # 200 before, 260 after


def test_who_goes_on_after_a_pause_is_heard_as_one_turn() -> None:
    frames = quiet(500) + voice(400) + quiet(300) + voice(400) + quiet(600)
    events = hear(Ear(), frames)
    assert kinds(events) == ["Began", "Paused", "Resumed", "Paused", "Ended"]
    (end,) = ended(events)
    assert end.pcm.count(VOICE) == 40
    assert end.ended == pytest.approx(1.6)


@pytest.mark.parametrize("patience", [300, 500, 900])
def test_patience_is_how_much_quiet_ends_a_turn(patience: int) -> None:
    ear = Ear()
    ear.patience(patience)
    hear(ear, quiet(500) + voice(400))
    assert "Ended" not in kinds(hear(ear, quiet(patience - 20)))
    assert kinds(hear(ear, quiet(20))) == ["Ended"]


def test_patience_shorter_than_the_pause_ends_without_one() -> None:
    ear = Ear()
    ear.patience(100)
    events = hear(ear, quiet(300) + voice(400) + quiet(100))
    assert kinds(events) == ["Began", "Ended"]
    with pytest.raises(ValueError, match="at least 1 ms"):
        ear.patience(0)


def test_patience_shortened_in_a_pause_ends_at_once() -> None:
    ear = Ear()
    hear(ear, quiet(300) + voice(400) + quiet(400))
    ear.patience(300)
    assert kinds(hear(ear, quiet(20))) == ["Ended"]


@pytest.mark.parametrize(
    "frames",
    [
        [(0.95, VOICE)] * 2,
        [(0.95, VOICE), (0.1, NOISE), (0.1, NOISE), (0.1, NOISE)] * 10,
        [(0.45, VOICE)] * 50,
    ],
    ids=["a click", "crackle", "not sure enough"],
)
def test_what_is_not_speech_begins_nothing(frames: list[Frame]) -> None:
    assert hear(Ear(), quiet(500) + frames + quiet(600)) == []


def test_a_click_in_a_pause_does_not_lengthen_it() -> None:
    frames = voice(400) + quiet(300) + [(0.9, VOICE)] + quiet(180)
    events = hear(Ear(), quiet(500) + frames)
    assert kinds(events) == ["Began", "Paused", "Ended"]


def test_five_per_cent_of_frames_lost_changes_no_turn() -> None:
    """One in 5,000 begins more than 0.08 s late (40,000 tried): where all of the first
    frames are lost, nothing can know better."""
    dice, late = _dice(), 0
    for _ in range(50):
        clean = quiet(600) + voice(1200) + quiet(620)
        frames = [(0.1, LOST) if dice.random() < 0.05 else f for f in clean]
        (end,) = ended(hear(Ear(), frames))
        late += end.began - 0.6 > 0.081
        assert end.began == pytest.approx(0.6, abs=0.2)
        assert end.ended == pytest.approx(1.8, abs=0.081)
    assert late <= 1


def test_a_turn_is_cut_at_fifteen_seconds_and_goes_on_as_another() -> None:
    events = hear(Ear(), quiet(400) + voice(20_000) + quiet(600))
    first, second = ended(events)
    assert len(first.pcm) / 16000 == pytest.approx(15.0, abs=0.02)
    assert second.ended == pytest.approx(20.4)
    lengths = (first.pcm + second.pcm).count(VOICE)
    assert lengths == pytest.approx(1000, abs=1)


# --- over our prompt


def test_an_interruption_is_told_once_after_400_ms() -> None:
    events = hear(Ear(), quiet(1000) + voice(1000), speaking=0.0)
    assert kinds(events) == ["Began", "BargedIn"]
    (barged,) = (e for e in events if isinstance(e, BargedIn))
    assert barged.at == pytest.approx(1.4, abs=0.03)


def test_an_interruption_is_heard_to_its_end() -> None:
    ear = Ear()
    assert "BargedIn" in kinds(hear(ear, quiet(1000) + voice(500), speaking=0.0))
    (end,) = ended(hear(ear, voice(500) + quiet(600)))
    assert end.began == pytest.approx(1.0)
    assert end.ended == pytest.approx(2.0)


def test_a_short_sound_over_our_prompt_is_a_back_channel() -> None:
    events = hear(Ear(), quiet(1000) + voice(300) + quiet(600), speaking=0.0)
    assert kinds(events) == ["Began", "BackChannel"]
    assert isinstance(events[1], BackChannel)
    assert events[1].at == pytest.approx(1.56)


def test_a_short_answer_into_the_end_of_our_prompt_is_an_answer() -> None:
    ear = Ear()
    hear(ear, quiet(1000) + voice(200), speaking=0.0)
    events = hear(ear, voice(100) + quiet(600))  # our prompt is over
    assert kinds(events) == ["Paused", "Ended"]


def test_the_first_200_ms_of_a_prompt_are_no_interruption() -> None:
    ear = Ear()
    hear(ear, quiet(1000))
    echo = hear(ear, voice(180) + quiet(600), speaking=0.0)
    assert kinds(echo) == ["Began", "BackChannel"]


def test_one_who_talks_on_into_our_prompt_interrupts_after_the_guard() -> None:
    ear = Ear()
    hear(ear, quiet(500) + voice(800))
    events = hear(ear, voice(600), speaking=0.0)
    (barged,) = (e for e in events if isinstance(e, BargedIn))
    assert barged.at == pytest.approx(1.3 + 0.2 + 0.06, abs=0.03)


def test_faint_speech_in_the_room_interrupts_nobody() -> None:
    murmur = [(0.9, FAINT)] * 100
    events = hear(Ear(), quiet(1000) + murmur, speaking=0.0)
    assert "BargedIn" not in kinds(events)


def test_speech_no_louder_than_the_echo_of_our_prompt_interrupts_nobody() -> None:
    echo = [(0.2, VOICE)] * 100
    events = hear(Ear(), echo + voice(1000), speaking=0.0)
    assert "BargedIn" not in kinds(events)


def test_a_prompt_that_may_not_be_interrupted_is_not_but_words_are_heard() -> None:
    frames = quiet(500) + voice(900) + quiet(600)
    events = hear(Ear(), frames, speaking=0.0, barge_in=False)
    assert kinds(events) == ["Began", "Paused", "Ended"]


def test_each_prompt_is_interrupted_for_itself() -> None:
    ear = Ear()
    hear(ear, quiet(500) + voice(600), speaking=0.0)
    hear(ear, voice(200))  # our prompt was stopped; they talk on
    events = hear(ear, voice(400), speaking=0.0)  # we begin another all the same
    assert kinds(events) == ["BargedIn"]


# --- silence


def test_silence_counts_from_the_last_word_of_either_side() -> None:
    ear = Ear()
    hear(ear, quiet(400))
    assert ear.silence == pytest.approx(0.4)
    hear(ear, quiet(1000), speaking=0.0)
    assert ear.silence == 0.0
    hear(ear, quiet(500))
    assert ear.silence == pytest.approx(0.5)
    hear(ear, voice(400))
    assert ear.silence == 0.0
    assert ear.talking
    hear(ear, quiet(700))
    assert ear.silence == pytest.approx(0.7)
    assert not ear.talking


def test_thresholds_can_be_others() -> None:
    ear = Ear(Thresholds(end_of_turn_ms=300, pause_ms=100))
    events = hear(ear, quiet(300) + voice(400) + quiet(300))
    assert kinds(events) == ["Began", "Paused", "Ended"]


def test_whatever_comes_turns_are_whole_and_in_order() -> None:
    dice = _dice()
    ear, since, talking, last = Ear(), -1.0, False, 0.0
    for _ in range(20_000):
        if dice.random() < 0.01:
            since = dice.choice([-1.0, 0.0])
        frame = dice.choice([NOISE, VOICE, LOST])
        chance = (
            dice.choice([0.02, 0.4, 0.97]) if dice.random() < 0.3 else dice.random()
        )
        for event in ear.hear(
            chance, frame, speaking=since, barge_in=dice.random() < 0.5
        ):
            match event:
                case Began():
                    assert not talking
                    talking = True
                case BackChannel():
                    assert talking
                    talking = False
                case Ended(pcm=pcm, began=began, ended=until):
                    assert talking
                    assert last <= began < until
                    assert len(pcm) <= 15.1 * 16000
                    talking, last = False, began
                case Paused() | Resumed() | BargedIn():
                    assert talking
        assert ear.talking == talking
        since = since + 0.02 if since >= 0 else since
