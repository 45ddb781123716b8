"""Tones of the network by frequency and cadence, and what only resembles them."""

from __future__ import annotations

import hibari
import numpy as np
import pytest

from speech.audio import resample, to_pcm
from speech.tones import INFORMATION, TONES, Tone, tones
from tests.kit.tones import CLEAN, Line, cadence, information, sine, through

RNG = np.random.default_rng(23)
LOW_HIGH = ({"L": 913.8, "H": 985.2}, {"L": 1370.6, "H": 1428.5})
LENGTHS = {"S": 0.274, "L": 0.38}
WORST = Line(level=0.05, off=0.01, uneven=0.05, snr=15)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(23)


def kinds(pcm: bytes) -> list[str]:
    return [one.kind for one in tones(pcm)]


def named(tone: Tone) -> str:
    return f"{tone.kind} {'+'.join(map(str, tone.hertz))} {tone.cadence[0]}"


@pytest.mark.parametrize("tone", TONES, ids=named)
def test_every_tone_is_found_with_its_place(
    tone: Tone, rng: np.random.Generator
) -> None:
    pcm = cadence(tone.hertz, tone.cadence, 12.0, rng)
    (found,) = tones(pcm)
    assert found.kind == tone.kind
    assert found.confidence > 0.7
    assert found.start == pytest.approx(0.3, abs=0.1)
    assert 4.0 < found.end <= 12.0


@pytest.mark.parametrize("tone", TONES, ids=named)
def test_on_a_bad_line_it_is_found_or_nothing_is(
    tone: Tone, rng: np.random.Generator
) -> None:
    heard = [kinds(cadence(tone.hertz, tone.cadence, 12.0, rng, WORST)) for _ in "1234"]
    assert {kind for one in heard for kind in one} <= {tone.kind}
    assert sum(map(bool, heard)) >= 3


@pytest.mark.parametrize("code", INFORMATION, ids=" ".join)
def test_information_tones_say_why(
    code: tuple[str, str], rng: np.random.Generator
) -> None:
    three = [
        (known[sign[0]], LENGTHS[sign[1]])
        for sign, known in zip(code, LOW_HIGH, strict=True)
    ]
    pcm = information([*three, (1776.7, 0.38)], rng, Line(level=0.08, snr=20))
    (found,) = tones(pcm)
    assert found.kind == INFORMATION[code]
    assert found.start == pytest.approx(0.5, abs=0.05)
    assert found.end == pytest.approx(0.5 + sum(s for _, s in three) + 0.38, abs=0.05)


def test_the_international_one_does_not(rng: np.random.Generator) -> None:
    pcm = information([(950, 0.33), (1400, 0.33), (1800, 0.33)], rng)
    assert kinds(pcm) == ["information"]


def test_one_after_the_other_are_two(rng: np.random.Generator) -> None:
    busy = cadence([450], [0.35, 0.35], 5.0, rng)
    sit = information([(985.2, 0.38), (1370.6, 0.274), (1776.7, 0.38)], rng)
    assert kinds(sit + busy) == ["vacant", "busy"]


NOT = {
    "nothing": b"",
    "silence": bytes(64000),
    "hiss": through(np.zeros(80000, np.float32), RNG, Line(snr=3)),
    "dial tone": through(sine([425], 10.0, 0.2), RNG, CLEAN),
    "one burst": through(sine([450], 0.35, 0.2), RNG, CLEAN) + bytes(80000),
    "another pitch": cadence([520], [0.35, 0.35], 12.0, RNG),
    "another cadence": cadence([450], [0.52, 0.2], 12.0, RNG),
    "no cadence": cadence([450], [0.35, 0.35], 12.0, RNG, Line(uneven=0.9)),
    "falling three": information([(1800, 0.33), (1400, 0.33), (950, 0.33)], RNG),
    "keys": cadence([697, 1209], [0.35, 0.35], 12.0, RNG),
    "no pause": b"".join(
        through(sine([450 + 200 * (n % 2)], 0.35, 0.2), RNG, CLEAN) for n in range(20)
    ),
}


@pytest.mark.parametrize("pcm", NOT.values(), ids=NOT)
def test_what_is_none_of_them(pcm: bytes) -> None:
    assert kinds(pcm) == []


@pytest.mark.model
def test_speech_has_no_tones() -> None:
    voice = hibari.Hibari()
    for n, text in enumerate(
        (
            "Ooh, no, no, no, who, you? Moo, moo, moo, moo.",
            "The number you have dialed is busy now. Please redial later.",
            "Hello? Hello? Hello? Is anybody there?",
        )
    ):
        said = np.asarray(voice(text, seed=n))
        assert kinds(to_pcm(resample(said, 24000, 8000))) == []
