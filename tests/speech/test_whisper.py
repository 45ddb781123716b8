"""Whisper on sounds and, where the recordings are at hand, on people."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import hibari
import numpy as np
import pytest
import tokenizers

from speech.audio import (
    Samples,
    add_noise,
    resample,
    telephone,
    to_pcm,
)
from speech.port import ModelMissing, Utterance
from speech.recognisers.mel import log_mel
from speech.recognisers.whisper import INVENTED, Whisper, spoken, unlooped

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Whisper:
    return Whisper.load(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def voice() -> hibari.Hibari:
    return hibari.Hibari()


def said(voice: hibari.Hibari, text: str) -> bytes:
    """`text` as an 8 kHz telephone brings it."""
    sound: Samples = np.asarray(voice(text, speed=0.8, seed=1))
    return telephone(to_pcm(resample(sound, 24000, 8000)))


def hear(whisper: Whisper, pcm: bytes, language: str) -> Utterance:
    hearing = whisper.open(language)
    for start in range(0, len(pcm), 3200):
        assert hearing.feed(pcm[start : start + 3200]) == ""
    return hearing.finish()


def plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


# --- without the model


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("晚上晚上", "晚上"),
        ("公司公司公司公", "公司"),
        ("再见。再见", "再见"),
        ("对对对", "对"),
        ("no no no no", "no"),
        ("我要我要我要还款", "我要还款"),
        ("谢谢", "谢谢"),
        ("是的", "是的"),
        ("是不是", "是不是"),
        ("好不好", "好不好"),
        ("Bob", "Bob"),
        ("1380013800", "1380013800"),
        ("1000000", "1000000"),
        ("二零二零", "二零二零"),
        ("五百五百五百", "五百五百五百"),
        ("", ""),
        ("。", "。"),
    ],
)
def test_loops_are_undone_and_words_are_left(text: str, expected: str) -> None:
    assert unlooped(text) == expected


def test_inventions_are_known_and_answers_are_not() -> None:
    for text in (
        "字幕由志愿者提供",
        "Thank you for watching!",
        "请不吝点赞 订阅",
        "以下是普通话",
    ):
        assert INVENTED.search(text), text
    for text in ("谢谢", "Thank you.", "是的", "我看一下", "你是说普通话吗"):
        assert not INVENTED.search(text), text


def test_the_spectrogram_has_whispers_shape_and_range() -> None:
    found = log_mel(
        (np.random.default_rng(1).standard_normal(16000) * 0.1).astype("f4")
    )
    assert found.shape == (80, 100)
    assert found.dtype == np.float32
    assert found.max() - found.min() <= 2.0 + 1e-5


def test_a_tone_is_in_its_band() -> None:
    at = np.arange(16000) / 16000
    bands = [
        int(log_mel(np.sin(2 * np.pi * hz * at).astype("f4"))[:, 50].argmax())
        for hz in (200, 400, 1000, 2000, 4000, 7000)
    ]
    assert bands == sorted(set(bands))
    assert log_mel(np.sin(2 * np.pi * 1000 * at).astype("f4"))[60:, 50].max() < 0.5


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(ModelMissing, match=r"no tokenizer\.json to read"):
        Whisper.load(tmp_path)
    own = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a"))
    own.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ModelMissing, match="cannot be read"):
        Whisper.load(tmp_path)


# --- with it


@pytest.mark.model
def test_an_unknown_language_is_refused(whisper: Whisper) -> None:
    assert whisper.languages == {"zh", "en"}
    assert not whisper.streaming
    with pytest.raises(ValueError, match="en, zh"):
        whisper.open("fr")


@pytest.mark.model
def test_a_finished_utterance_is_finished(whisper: Whisper) -> None:
    hearing = whisper.open("zh")
    assert hearing.finish() == Utterance("", "zh", 0.0, 0.0)
    with pytest.raises(RuntimeError, match="finished once"):
        hearing.finish()


def _noises() -> Iterator[tuple[str, bytes]]:
    dice = np.random.default_rng(8)
    yield "silence", bytes(48000)
    for level in (0.01, 0.1, 0.3):
        noise = dice.standard_normal(24000) * level
        yield f"noise {level}", to_pcm(noise.astype(np.float32))
    at = np.arange(16000) / 8000
    pairs = ((697, 1209), (941, 1336), (770, 1477), (440, 480), (350, 440), (450, 450))
    for pair in (*pairs, (1000, 1000), (50, 150)):
        mixed = 0.15 * sum(np.sin(2 * np.pi * one * at) for one in pair)
        yield f"tones {pair}", to_pcm(np.asarray(mixed).astype(np.float32))
    steps = np.repeat(dice.standard_normal(20) > 0, 800) * dice.standard_normal(16000)
    yield "bursts", to_pcm((steps * 0.2).astype(np.float32))
    yield "clicks", to_pcm((dice.random(16000) > 0.999).astype(np.float32))


@pytest.mark.model
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("name", "pcm"), list(_noises()))
def test_nothing_is_made_of_noise(
    whisper: Whisper, name: str, pcm: bytes, language: str
) -> None:
    found = hear(whisper, telephone(pcm), language)
    assert (found.text, found.confidence) == ("", 0.0), name
    assert found.seconds == len(pcm) / 16000


ENGLISH = (
    ("Yes, that is correct.", "yes that is correct"),
    ("I can pay five hundred dollars next Friday.", "friday"),
    ("Please stop calling me.", "stop calling"),
    ("I want to speak to a real person.", "real person"),
    ("You have the wrong number.", "wrong number"),
)


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize(("text", "part"), ENGLISH)
def test_english_is_understood(
    whisper: Whisper, voice: hibari.Hibari, text: str, part: str
) -> None:
    pcm = add_noise(said(voice, text), 20, np.random.default_rng(2))
    found = hear(whisper, pcm, "en")
    words = " ".join("".join(c for c in found.text.lower() if c not in ".,!").split())
    assert part in words
    assert found.language == "en"
    assert 0.3 < found.confidence <= 1.0


@pytest.mark.model
def test_noise_around_speech_adds_no_words(
    whisper: Whisper, voice: hibari.Hibari
) -> None:
    dice = np.random.default_rng(3)
    hiss = to_pcm((dice.standard_normal(16000) * 0.02).astype(np.float32))
    found = hear(whisper, hiss + said(voice, "Please stop calling me.") + hiss, "en")
    assert plain(found.text) == "pleasestopcallingme"


@pytest.mark.model
def test_what_is_spoken_is_cut_out(voice: hibari.Hibari) -> None:
    speech = said(voice, "Yes, that is correct.")
    cut, seconds = spoken(bytes(32000) + speech + bytes(32000))
    assert 0.5 < seconds <= len(speech) / 16000
    assert seconds < len(cut) / 16000 < seconds + 0.9
    assert spoken(bytes(32000)) == (b"", 0.0)


@pytest.mark.model
@pytest.mark.slow
def test_lines_at_once_get_what_each_said(
    whisper: Whisper, voice: hibari.Hibari
) -> None:
    sounds = [said(voice, text) for text, _ in ENGLISH]
    alone = [hear(whisper, pcm, "en") for pcm in sounds]
    together = dict[int, Utterance]()

    def line(number: int, pcm: bytes) -> None:
        together[number] = hear(whisper, pcm, "en")

    threads = [
        threading.Thread(target=line, args=(number, pcm))
        for number, pcm in enumerate(sounds)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[number].text for number in range(len(sounds))] == [
        found.text for found in alone
    ]
