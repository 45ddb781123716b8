"""Silero on telephone sound, frame by frame."""

from __future__ import annotations

import os

import hibari
import numpy as np
import pytest

from speech.audio import (
    Samples,
    add_noise,
    frames,
    level_db,
    resample,
    telephone,
    to_pcm,
)
from speech.endpoint import Ear, EarEvent, Ended
from speech.vad import Vad

pytestmark = pytest.mark.model


def _tones(*hertz: float, seconds: float = 1.0) -> bytes:
    at = np.arange(int(8000 * seconds)) / 8000
    mixed = sum(np.sin(2 * np.pi * one * at) for one in hertz) / len(hertz)
    return to_pcm((0.3 * np.asarray(mixed)).astype(np.float32))


def _voiced(vad: Vad, pcm: bytes) -> list[int]:
    chances = [vad.probability(frame) for frame in frames(pcm)]
    assert all(0.0 <= chance <= 1.0 for chance in chances)
    return [i for i, chance in enumerate(chances) if chance >= 0.5]


@pytest.fixture(scope="module")
def speech() -> bytes:
    """Two seconds and more of synthetic English with a second of silence around."""
    said: Samples = np.asarray(
        hibari.Hibari()("Yes, this is me. Please call again tomorrow.", seed=1)
    )
    return telephone(bytes(16000) + to_pcm(resample(said, 24000, 8000)) + bytes(16000))


def test_a_voice_is_heard_soon_after_it_begins(speech: bytes) -> None:
    loud = [i for i, frame in enumerate(frames(speech)) if level_db(frame) > -35]
    found = _voiced(Vad(), speech)
    assert -3 <= found[0] - loud[0] <= 5  # frames of 20 ms
    assert -3 <= found[-1] - loud[-1] <= 12
    assert len(found) > 0.7 * len(loud)


@pytest.mark.parametrize("snr", [20, 10])
def test_a_voice_is_heard_through_noise(speech: bytes, snr: float) -> None:
    clean = set(_voiced(Vad(), speech))
    noisy = set(_voiced(Vad(), add_noise(speech, snr, np.random.default_rng(3))))
    assert len(clean & noisy) > 0.8 * len(clean)
    assert min(noisy) >= 50


@pytest.mark.parametrize(
    "pcm",
    [
        bytes(32000),
        to_pcm((np.random.default_rng(4).standard_normal(16000) * 0.1).astype("f4")),
        _tones(770, 1336),
        _tones(1000),
        _tones(450),
        _tones(50, 100, 150),
    ],
    ids=["silence", "noise", "a key", "beep", "ringing", "hum"],
)
def test_no_voice_is_heard_where_there_is_none(pcm: bytes) -> None:
    assert len(_voiced(Vad(), telephone(pcm))) <= 2


def test_a_reset_forgets(speech: bytes) -> None:
    vad = Vad()
    first = [vad.probability(frame) for frame in frames(speech)]
    vad.reset()
    assert [vad.probability(frame) for frame in frames(speech)] == first


def test_lines_do_not_hear_each_other(speech: bytes) -> None:
    alone = [Vad().probability(frame) for frame in frames(bytes(6400))]
    one, other = Vad(), Vad()
    pairs = zip(frames(speech), frames(bytes(6400)), strict=False)
    together = [(one.probability(a), other.probability(b))[1] for a, b in pairs]
    assert together[:20] == pytest.approx(alone[:20], abs=0.2)
    assert max(together) < 0.5


def test_a_frame_is_320_bytes() -> None:
    with pytest.raises(ValueError, match="320 bytes, not 100"):
        Vad().probability(bytes(100))


def test_one_thread_does_the_work() -> None:
    before = len(os.listdir("/proc/self/task"))
    _voiced(Vad(), bytes(32000))
    assert len(os.listdir("/proc/self/task")) == before
    assert "OMP_THREAD_LIMIT" not in os.environ  # nor is the limit left for others


def _turns(pcm: bytes, dice: np.random.Generator, lost: float) -> list[float]:
    """Where turns began and ended, in seconds."""
    vad, ear, events = Vad(), Ear(), list[EarEvent]()
    for frame in frames(pcm):
        heard = bytes(320) if dice.random() < lost else frame
        events += ear.hear(vad.probability(heard), heard, speaking=-1.0)
    turns = (event for event in events if isinstance(event, Ended))
    return [at for turn in turns for at in (turn.began, turn.ended)]


@pytest.mark.parametrize("snr", [20, 15])
def test_the_ear_hears_the_same_turns_on_a_bad_line(speech: bytes, snr: float) -> None:
    dice = np.random.default_rng(6)
    clean = _turns(speech, dice, 0.0)
    assert len(clean) == 4  # two sentences with 0.7 s between
    for _ in range(5):
        found = _turns(add_noise(speech, snr, dice), dice, 0.05)
        assert found[::2] == pytest.approx(clean[::2], abs=0.2)  # the pre-roll
        assert found[1::2] == pytest.approx(clean[1::2], abs=0.3)  # noise lingers
