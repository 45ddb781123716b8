"""Bytes and samples: the laws of G.711, rates, files, noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech import audio
from speech.port import FRAME_BYTES, SpeechError

EVERY = np.arange(-32768, 32768).astype("<i2")
Coder = Callable[[bytes], bytes]


def _tone(hertz: float, seconds: float, rate: int, size: float = 0.5) -> audio.Samples:
    at = np.arange(int(rate * seconds)) / rate
    return (size * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


def test_frames_are_whole_and_the_last_is_filled() -> None:
    pcm = bytes(range(1, 251)) * 3  # 750 bytes
    found = list(audio.frames(pcm))
    assert [len(frame) for frame in found] == [FRAME_BYTES] * 3
    assert b"".join(found) == pcm + bytes(210)
    assert list(audio.frames(b"")) == []


# G.711 tables 1a/2a: octet -> value on the 16-bit scale of G.191
@pytest.mark.parametrize(
    ("octet", "value"),
    [(0xFF, 0), (0x7F, 0), (0x80, 32124), (0x00, -32124), (0xFE, 8), (0xA0, 7932)],
)
def test_mu_law_values(octet: int, value: int) -> None:
    assert np.frombuffer(audio.ulaw_decode(bytes([octet])), "<i2")[0] == value


@pytest.mark.parametrize(
    ("octet", "value"),
    [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0x80, 5504)],
)
def test_a_law_values(octet: int, value: int) -> None:
    assert np.frombuffer(audio.alaw_decode(bytes([octet])), "<i2")[0] == value


@pytest.mark.parametrize(
    ("encode", "decode"),
    [
        (audio.ulaw_encode, audio.ulaw_decode),
        (audio.alaw_encode, audio.alaw_decode),
    ],
    ids=["mu", "A"],
)
def test_every_sample_becomes_the_nearest_value_there_is(
    encode: Coder, decode: Coder
) -> None:
    values = np.sort(np.frombuffer(decode(bytes(range(256))), "<i2")).astype(int)
    samples = EVERY.astype(int)
    got = np.frombuffer(decode(encode(EVERY.tobytes())), "<i2").astype(int)
    above = np.clip(np.searchsorted(values, samples), 1, len(values) - 1)
    least = np.minimum(
        np.abs(values[above] - samples), np.abs(values[above - 1] - samples)
    )
    # where segments meet, the law's decision value lies a quarter step from the middle
    worse = np.abs(got - samples) - least
    step = values[above] - values[above - 1]
    assert np.all(worse <= step / 2)
    assert np.mean(worse > 0) < 0.01
    assert np.all(np.diff(got) >= 0)


@pytest.mark.parametrize(
    ("encode", "decode"),
    [
        (audio.ulaw_encode, audio.ulaw_decode),
        (audio.alaw_encode, audio.alaw_decode),
    ],
    ids=["mu", "A"],
)
def test_a_value_of_the_law_comes_back_as_itself(encode: Coder, decode: Coder) -> None:
    once = decode(bytes(range(256)))
    assert decode(encode(once)) == once


def test_a_telephone_line_leaves_38_db_or_so() -> None:
    before = audio.to_pcm(_tone(440, 1, 8000))
    after = audio.telephone(before)
    error = audio.to_float(after) - audio.to_float(before)
    assert audio.level_db(before) - audio.level_db(audio.to_pcm(error)) > 33
    assert audio.telephone(after) == after


def test_loud_samples_are_clipped_not_wrapped() -> None:
    found = np.frombuffer(
        audio.to_pcm(np.array([2.0, -2.0, 1.0, 0.0], np.float32)), "<i2"
    )
    assert found.tolist() == [32767, -32768, 32767, 0]


def test_floats_and_pcm_are_each_other() -> None:
    assert audio.to_pcm(audio.to_float(EVERY.tobytes())) == EVERY.tobytes()


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100])
def test_resampling_keeps_pitch_length_and_level(rate: int) -> None:
    found = audio.resample(_tone(1000, 1, rate), rate, 8000)
    assert found.dtype == np.float32
    assert abs(len(found) - 8000) <= 1
    spectrum = np.abs(np.fft.rfft(found[:8000], 8000))
    assert int(np.argmax(spectrum)) == 1000
    assert np.sqrt(np.mean(found**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


def test_what_8_khz_cannot_hold_is_gone() -> None:
    found = audio.resample(_tone(6000, 1, 24000), 24000, 8000)
    assert np.sqrt(np.mean(found[100:-100] ** 2)) < 0.001


def test_levels() -> None:
    assert audio.level_db(b"\0" * 320) == audio.SILENCE_DB
    assert audio.level_db(b"") == audio.SILENCE_DB
    assert audio.level_db(audio.to_pcm(_tone(400, 1, 8000, 1.0))) == pytest.approx(
        -3.01, abs=0.02
    )


@pytest.mark.parametrize("snr", [0, 10, 20])
def test_noise_has_the_level_asked_for(snr: float) -> None:
    pcm = audio.to_pcm(_tone(440, 2, 8000, 0.2))
    noisy = audio.add_noise(pcm, snr, np.random.default_rng(7))
    noise = audio.to_pcm(audio.to_float(noisy) - audio.to_float(pcm))
    assert audio.level_db(pcm) - audio.level_db(noise) == pytest.approx(snr, abs=0.3)
    assert audio.add_noise(b"\0" * 640, snr, np.random.default_rng(7)) == b"\0" * 640


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_sound_files_of_any_rate_and_channels(tmp_path: Path, kind: str) -> None:
    stereo = np.stack([_tone(500, 1, 24000), np.zeros(24000, np.float32)], axis=1)
    file = tmp_path / f"a.{kind}"
    soundfile.write(file, stereo, 24000)
    pcm = audio.read_sound(file)
    assert len(pcm) == 16000
    assert audio.level_db(pcm) == pytest.approx(-15.05, abs=0.2)  # half of -9.03 dB


def test_a_written_file_is_read_back(tmp_path: Path) -> None:
    pcm = audio.to_pcm(_tone(440, 0.5, 8000))
    audio.write_wav(tmp_path / "a.wav", pcm)
    assert audio.read_sound(tmp_path / "a.wav") == pcm


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such sound file"),
        (b"not a sound at all", "not a WAV or FLAC file"),
        (b"", "not a WAV or FLAC file"),
    ],
)
def test_a_wrong_file_is_named(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "bad.wav"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SpeechError, match=said) as caught:
        audio.read_sound(file)
    assert "bad.wav" in str(caught.value)


def test_a_file_without_sound_is_named(tmp_path: Path) -> None:
    audio.write_wav(tmp_path / "empty.wav", b"")
    with pytest.raises(SpeechError, match="holds no sound"):
        audio.read_sound(tmp_path / "empty.wav")
