"""Voices: what leaves them is trimmed, levelled, 8 kHz, at the asked pace."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from speech.audio import level_db, to_float
from speech.models import catalogue, digest
from speech.port import FRAME_BYTES, ModelMissing, SpeechError
from speech.prompts import open_prompts
from speech.voices import hibari, kokoro, pace, roster
from speech.voices.finish import STEP, finished, spoken_steps, steps_db
from speech.voices.hibari import Hibari
from speech.voices.kokoro import Kokoro


def burst(seconds: float, level: float = 0.1, rate: int = 24000) -> np.ndarray:
    at = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 300 * at)).astype(np.float32)


def hush(seconds: float, rate: int = 24000) -> np.ndarray:
    return np.zeros(round(seconds * rate), np.float32)


@pytest.mark.parametrize("level", [0.004, 0.05, 0.6])
def test_finished_is_trimmed_and_levelled(level: float) -> None:
    sound = np.concatenate([hush(0.7), burst(1.0, level), hush(1.3)])
    pcm = finished(sound, 24000)
    assert len(pcm) % FRAME_BYTES == 0
    assert 1.08 <= len(pcm) / 16000 <= 1.18
    first, last = spoken_steps(to_float(pcm))
    assert 4 <= first <= 7
    assert level_db(pcm[first * 2 * STEP : last * 2 * STEP]) == pytest.approx(
        -20, abs=1
    )


def test_a_long_pause_inside_is_shortened_a_short_one_kept() -> None:
    sound = [burst(0.5), hush(1.5), burst(0.5), hush(0.3), burst(0.5)]
    seconds = len(finished(np.concatenate(sound), 24000)) / 16000
    assert seconds == pytest.approx(1.5 + 0.45 + 0.3, abs=0.03)


def test_no_sound_is_no_clip() -> None:
    assert finished(hush(1.0), 24000) == b""
    assert finished(hush(0.0), 24000) == b""


def test_a_click_does_not_clip() -> None:
    sound = burst(1.0, 0.01)
    sound[12000] = 1.0
    assert np.abs(to_float(finished(sound, 24000))).max() < 0.95


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("zh", "您好，请问是张三本人吗？", 10),
        ("zh", "第1期还款500元。", 9),
        ("en", "Don't worry, it's twenty-one dollars.", 6),
        ("en", "...", 0),
        ("zh", "", 0),
    ],
)
def test_units(language: str, text: str, count: int) -> None:
    assert pace.units(language, text) == count


def test_speech_seconds_leaves_out_the_edges() -> None:
    pcm = finished(np.concatenate([hush(1), burst(2.0), hush(1)]), 24000)
    assert pace.speech_seconds(pcm) == pytest.approx(2.0, abs=0.03)
    assert pace.speech_seconds(bytes(3200)) == 0.0
    assert pace.per_minute(4, 0.0) == 0.0


@pytest.mark.parametrize("spec", ["", "kokoro", "kokoro:", "espeak:x", ":x"])
def test_a_voice_that_is_not_one(spec: str) -> None:
    with pytest.raises(SpeechError, match="expected hibari:NAME or kokoro:NAME"):
        roster.named(spec)


def test_a_language_the_voice_lacks(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="hibari:default: speaks en, not zh"):
        roster.open_voice("hibari:default", "zh", tmp_path)
    with pytest.raises(SpeechError, match="speaks zh and en, not fr"):
        roster.open_voice("kokoro:jm_kumo", "fr", tmp_path)


def test_unknown_names_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"default, heart, deep, bright"):
        Hibari("emma", tmp_path)
    with pytest.raises(ModelMissing, match=r"jf_alpha.*jf_nezumi.*add xx\.bin"):
        Kokoro("xx", tmp_path)
    assert not list(tmp_path.iterdir())  # nothing was fetched, nothing was joined


def test_a_style_pack_of_ones_own(tmp_path: Path) -> None:
    rows = np.arange(510 * 256, dtype=np.float32)
    rows.tofile(tmp_path / "zf_test.bin")
    assert kokoro.style("zf_test", tmp_path).shape == (510, 1, 256)
    assert (
        kokoro.style(str(tmp_path / "zf_test.bin"), Path("nowhere")).size == rows.size
    )
    (tmp_path / "bad.bin").write_bytes(b"12345678")
    with pytest.raises(ModelMissing, match="not a style pack"):
        kokoro.style("bad", tmp_path)


@pytest.mark.model
@pytest.mark.parametrize("name", hibari.VOICES)
def test_hibari_speaks(name: str, tmp_path: Path) -> None:
    voice = Hibari(name, tmp_path)
    slow = voice.render("Hello, may I speak with the account holder?", 0.7)
    fast = voice.render("Hello, may I speak with the account holder?", 1.0)
    assert len(slow) > 1.2 * len(fast)
    assert voice.render("Hello, may I speak with the account holder?", 1.0) == fast
    assert -30 < level_db(fast) < -18
    with pytest.raises(SpeechError, match="nothing to read aloud"):
        voice.render(" … ")


@pytest.mark.model
def test_hibari_voices_differ(tmp_path: Path) -> None:
    tops = {}
    for name in ("deep", "heart", "bright"):
        pcm = Hibari(name, tmp_path).render("No, this is not a good time.")
        spectrum = np.abs(np.fft.rfft(to_float(pcm)))
        tops[name] = np.average(np.fft.rfftfreq(len(pcm) // 2), weights=spectrum)
    assert tops["deep"] < tops["heart"] < tops["bright"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    kokoro.joined(folder)
    return folder


@pytest.mark.model
@pytest.mark.slow
def test_the_model_is_joined_verified_and_mended(models: Path) -> None:
    expected = catalogue()[kokoro.MODEL].file[0].sha256
    path = kokoro.joined(models)
    assert digest(path) == expected
    before = path.stat().st_mtime_ns
    assert kokoro.joined(models) == path
    assert path.stat().st_mtime_ns == before
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"damaged")
    kokoro.joined(models)
    assert digest(path) == expected


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "您好，我想查一下 APP 里的账单。"),
        ("en", "I will call you back tomorrow."),
    ],
)
def test_kokoro_speaks_quietly(
    language: str,
    text: str,
    models: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        voice = Kokoro("jf_gongitsune", models, language=language)
        pcm = voice.render(text)
    assert 1.0 < len(pcm) / 16000 < 6.0
    assert -30 < level_db(pcm) < -18
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    with pytest.raises(SpeechError, match="nothing to read aloud"):
        voice.render("。")


@pytest.mark.model
@pytest.mark.slow
def test_a_text_of_several_pieces_is_read_whole(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Kokoro("jf_nezumi", models)
    whole = len(voice.render("我们可以分成六期，每期金额相同。"))
    monkeypatch.setattr(kokoro, "LONGEST", 40)
    parts = len(voice.render("我们可以分成六期，每期金额相同。"))
    assert parts - whole == pytest.approx(0.3 * 16000, abs=0.4 * 16000)


@pytest.mark.model
@pytest.mark.slow
async def test_real_voices_keep_the_band(models: Path, tmp_path: Path) -> None:
    voices = {"zh": "kokoro:jf_nezumi", "en": "hibari:default"}
    band = {"zh": (192.0, 224.0), "en": (120.0, 140.0)}
    zh = "请您先不要着急，我们可以慢慢商量还款的办法。"
    en = "Please take your time, we can look at this together and find a way."
    async with open_prompts(tmp_path, models, voices, band) as prompts:
        await prompts.prepare("zh", [zh])
        await prompts.prepare("en", [en])
        assert 192 <= prompts.rate("zh") <= 224
        assert 120 <= prompts.rate("en") <= 140


def test_steps_are_ten_milliseconds() -> None:
    assert len(steps_db(to_float(bytes(2 * 8000)))) == 100
