"""Beeps by their sound, recordings by their words."""

from __future__ import annotations

from pathlib import Path

import hibari
import numpy as np
import pytest

from speech.amd import Beep, looks_recorded, read_phrases
from speech.audio import Samples, add_noise, frames, resample, telephone, to_pcm
from speech.port import SpeechError
from speech.tones import TONES, Tone
from tests.kit.tones import Line, cadence

LEXICON = Path(__file__).parents[2] / "templates" / "lexicon" / "machine.toml"
RNG = np.random.default_rng(11)


def tones(*hertz: float, seconds: float, size: float = 0.3) -> bytes:
    at = np.arange(int(8000 * seconds)) / 8000
    mixed = sum(np.sin(2 * np.pi * one * at) for one in hertz) / len(hertz)
    return to_pcm((size * np.asarray(mixed)).astype(np.float32))


def beeps(pcm: bytes, *, lost: float = 0.0, before: bytes = b"") -> list[float]:
    """Seconds of `pcm` at which a beep was found, with a second of line around it."""
    hiss = to_pcm((RNG.standard_normal(8000) * 0.001).astype(np.float32))
    beep, found = Beep(), []
    for frame in frames(before):
        beep.hear(frame)
    for count, frame in enumerate(frames(telephone(hiss + pcm + hiss))):
        heard = bytes(320) if RNG.random() < lost else frame
        if beep.hear(heard):
            found.append(count * 0.02 - 1.0)
    return found


#: Two seconds of something that is no tone: what a greeting is to `Beep`
GREETING = to_pcm((RNG.standard_normal(16000) * 0.15).astype(np.float32))


@pytest.mark.parametrize("hertz", [425, 440, 850, 1000, 1400, 1975])
@pytest.mark.parametrize("seconds", [0.25, 0.5, 1.0, 1.9])
def test_a_beep_is_found_once_when_it_ends(hertz: float, seconds: float) -> None:
    (at,) = beeps(tones(hertz, seconds=seconds), before=GREETING)
    assert at == pytest.approx(seconds + 0.1, abs=0.07)


@pytest.mark.parametrize("tone", TONES, ids=str)
@pytest.mark.parametrize("snr", [40, 15])
def test_ringing_and_busy_after_an_answer_are_no_beeps(tone: Tone, snr: float) -> None:
    line = Line(level=0.3, uneven=0.05, snr=snr)
    assert beeps(cadence(tone.hertz, tone.cadence, 20.0, RNG, line)) == []


@pytest.mark.parametrize("snr", [20, 12])
def test_a_beep_is_found_in_noise(snr: float) -> None:
    assert len(beeps(add_noise(tones(1000, seconds=0.6), snr, RNG))) == 1


def test_a_beep_is_found_where_frames_are_lost() -> None:
    found = sum(len(beeps(tones(1000, seconds=0.8), lost=0.05)) for _ in range(40))
    assert 38 <= found <= 42


def test_two_beeps_are_two() -> None:
    pcm = tones(1000, seconds=0.3)
    assert len(beeps(pcm + bytes(8000) + pcm)) == 2


KEYS = [
    (low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477, 1633)
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_not_a_beep(key: tuple[float, float]) -> None:
    assert beeps(tones(*key, seconds=0.4)) == []


@pytest.mark.parametrize(
    "pcm",
    [
        tones(1000, seconds=0.1),
        tones(1000, seconds=3.0),
        tones(300, seconds=0.5),
        tones(2600, seconds=0.5),
        tones(1000, seconds=0.5, size=0.002),
        tones(350, 440, seconds=1.5),
        to_pcm((RNG.standard_normal(16000) * 0.1).astype(np.float32)),
        bytes(16000),
        to_pcm(
            (0.3 * np.sin(np.cumsum(np.linspace(0.4, 1.4, 8000)))).astype(np.float32)
        ),
    ],
    ids=["short", "long", "low", "high", "faint", "dial", "noise", "silence", "siren"],
)
def test_what_is_not_a_beep(pcm: bytes) -> None:
    assert beeps(pcm) == []


@pytest.mark.model
def test_speech_is_not_a_beep() -> None:
    voice = hibari.Hibari()
    for text in (
        "Oh no, who is calling? I do not know you, so go.",
        "Ooooh. Mmmm. Aaah, yes please, me too, you see.",
        "You have reached the office. We open at nine on weekdays.",
    ):
        said: Samples = np.asarray(voice(text, seed=2))
        assert beeps(to_pcm(resample(said, 24000, 8000))) == []


# --- words


@pytest.fixture(scope="module")
def phrases() -> dict[str, tuple[str, ...]]:
    return read_phrases(LEXICON)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "您好，您拨打的用户暂时无法接通，请稍后再拨。"),
        ("zh", "你所拨打的号码是空号。"),
        ("zh", "您好我是机主的语音助理，请问您有什么事情"),
        ("zh", "对不起，您拨打的电话已关机。"),
        ("zh", "请在滴声后开始留言，录音完毕请挂机。"),
        ("zh", "请在提示音后留言"),
        ("zh", "您播打的用户，正在通化中。"),
        ("en", "Hi, you've reached Sam. Please leave a message after the tone."),
        ("en", "The number you have dialed is not in service."),
        ("en", "I can't come to the phone right now, so leave your number."),
        ("en", "Your call has been forwarded to an automated voice messaging system."),
    ],
)
def test_recordings_are_known(
    phrases: dict[str, tuple[str, ...]], language: str, text: str
) -> None:
    assert looks_recorded(text, phrases[language])


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "我现在不方便接听电话，你晚点再打。"),
        ("zh", "你打错了，我不是机主。"),
        ("zh", "他电话关机了，我也找不到他。"),
        ("zh", "喂，你好，哪位？"),
        ("zh", "我在开会，请稍后再打过来。"),
        ("zh", "你给他留言吧，我转告他。"),
        ("zh", ""),
        ("en", "He can't come to the phone right now."),
        ("en", "Can I take a message?"),
        ("en", "I'm not available, please call later."),
        ("en", "Hello? Who is this?"),
        ("en", "Leave me alone and stop calling."),
        ("en", "My number is not a secret."),
    ],
)
def test_people_are_not_recordings(
    phrases: dict[str, tuple[str, ...]], language: str, text: str
) -> None:
    assert not looks_recorded(text, phrases[language])


def test_words_are_whole_in_latin_letters_and_gaps_are_gaps() -> None:
    assert looks_recorded("LEAVE, a Message!", ["leave a message"])
    assert not looks_recorded("sleeve a messages", ["leave a message"])
    assert looks_recorded("one thing two", ["one*two"])
    assert not looks_recorded("two one", ["one*two"])


def test_every_phrase_of_the_lexicon_can_match(
    phrases: dict[str, tuple[str, ...]],
) -> None:
    assert set(phrases) == {"zh", "en"}
    for listed in phrases.values():
        assert len(listed) == len(set(listed))
        for phrase in listed:
            assert looks_recorded(phrase.replace("*", " 并 and "), [phrase]), phrase


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('zh = "x"', "zh: Input should be"),
        ("zh = [1, 2]\nen = 3", r"(?s)zh\.1.*en: "),
        ("zh = [\n", "machine.toml"),
        ('zh = ["*", "的"]', r"zh\.1: '的' would match nearly anything"),
        ('[phrases]\nzh = ["您拨打的"]', "phrases: Input should be"),
    ],
)
def test_a_wrong_lexicon_is_told_with_its_place(
    tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "machine.toml"
    file.write_text(content, "utf-8")
    with pytest.raises(SpeechError, match=said):
        read_phrases(file)
