"""Sound as bytes and as numbers: frames, G.711, resampling, files, noise.

`pcm` is 8 kHz signed 16-bit little-endian mono; `samples` is float32 in -1..1.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from speech.port import FRAME_BYTES, RATE, SpeechError

Samples = NDArray[np.float32]

SILENCE_DB = -100.0  #: what `level_db` says of digital silence
_FULL = 32768.0


def frames(pcm: bytes) -> Iterator[bytes]:
    """20 ms pieces of 320 bytes; the last is filled with silence."""
    for start in range(0, len(pcm), FRAME_BYTES):
        yield pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")


# --- G.711 (ITU-T G.711 tables 1 and 2, arithmetic as in G.191's reference code)


def _ulaw_values() -> NDArray[np.int16]:
    """The sample each mu-law octet stands for."""
    code = ~np.arange(256) & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _ulaw_codes() -> NDArray[np.uint8]:
    """The mu-law octet of each 16-bit sample, index = the sample as unsigned."""
    sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    size = np.where(sample < 0, ~sample, sample) >> 2  # the law has 14 bits
    size = np.minimum(size + 33, 0x1FFF)
    segment = np.floor(np.log2(size)).astype(np.int32) - 5
    code = segment << 4 | size >> segment + 1 & 0x0F
    found: NDArray[np.uint8] = ~(code | np.where(sample < 0, 0x80, 0)) & 0xFF
    return found.astype(np.uint8)


def _alaw_values() -> NDArray[np.int16]:
    """The sample each A-law octet stands for."""
    code = np.arange(256) ^ 0x55
    segment, size = code >> 4 & 7, (code & 0x0F) << 4
    size = np.where(segment, size + 0x108 << np.maximum(segment - 1, 0), size + 8)
    return np.where(code & 0x80, size, -size).astype(np.int16)


def _alaw_codes() -> NDArray[np.uint8]:
    """The A-law octet of each 16-bit sample, index = the sample as unsigned."""
    sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    size = np.where(sample < 0, ~sample, sample) >> 4  # the law has 12 bits and a sign
    segment = np.maximum(np.floor(np.log2(np.maximum(size, 1))).astype(np.int32) - 3, 0)
    low = np.where(segment, size >> np.maximum(segment - 1, 0) & 0x0F, size & 0x0F)
    code = segment << 4 | low
    found: NDArray[np.uint8] = (code | np.where(sample < 0, 0, 0x80)) ^ 0x55
    return found.astype(np.uint8)


_ULAW_VALUES, _ULAW_CODES = _ulaw_values().astype("<i2"), _ulaw_codes()
_ALAW_VALUES, _ALAW_CODES = _alaw_values().astype("<i2"), _alaw_codes()


def ulaw_encode(pcm: bytes) -> bytes:
    """One mu-law octet a sample."""
    return np.take(_ULAW_CODES, np.frombuffer(pcm, "<u2")).tobytes()


def ulaw_decode(octets: bytes) -> bytes:
    """Two bytes of pcm an octet."""
    return _ULAW_VALUES.take(np.frombuffer(octets, np.uint8)).tobytes()


def alaw_encode(pcm: bytes) -> bytes:
    """One A-law octet a sample."""
    return np.take(_ALAW_CODES, np.frombuffer(pcm, "<u2")).tobytes()


def alaw_decode(octets: bytes) -> bytes:
    """Two bytes of pcm an octet."""
    return _ALAW_VALUES.take(np.frombuffer(octets, np.uint8)).tobytes()


def telephone(pcm: bytes) -> bytes:
    """What a mu-law line leaves of `pcm`."""
    return ulaw_decode(ulaw_encode(pcm))


# --- numbers


def to_float(pcm: bytes) -> Samples:
    """Samples in -1..1."""
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(_FULL)


def to_pcm(samples: Samples) -> bytes:
    """Samples as 16 bits; what is too loud is clipped, never wrapped."""
    scaled: Samples = np.clip(np.rint(samples * np.float32(_FULL)), -32768, 32767)
    return scaled.astype("<i2").tobytes()


def resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """The same sound at another rate (Hz), mono."""
    if from_rate == to_rate:
        return samples.astype(np.float32, copy=False)
    found: Samples = soxr.resample(samples.astype(np.float32), from_rate, to_rate)
    return found


def level_db(pcm: bytes) -> float:
    """Root mean square in dB of full scale; SILENCE_DB where there is nothing."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    power = float(np.dot(samples, samples)) / len(samples) if len(samples) else 0.0
    if power <= 0.0:
        return SILENCE_DB
    return max(SILENCE_DB, 10.0 * float(np.log10(power / _FULL**2)))


def add_noise(pcm: bytes, snr_db: float, rng: np.random.Generator) -> bytes:
    """White noise `snr_db` below the level of `pcm`; silence stays silent."""
    samples = to_float(pcm)
    if not samples.any():
        return pcm
    level = float(np.sqrt(np.mean(samples**2))) * 10 ** (-snr_db / 20)
    noise = rng.standard_normal(len(samples)).astype(np.float32)
    return to_pcm(samples + noise * np.float32(level))


# --- files


def read_sound(path: Path) -> bytes:
    """8 kHz pcm of a WAV or FLAC file of any rate; channels are mixed to one.

    SpeechError names the file where it cannot be read or holds no sound.
    """
    if not path.is_file():
        raise SpeechError(f"{path}: no such sound file; expected WAV or FLAC")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise SpeechError(f"{path}: not a WAV or FLAC file that can be read") from error
    if not len(samples):
        raise SpeechError(f"{path}: the file holds no sound")
    mono: Samples = samples.mean(axis=1, dtype=np.float32)
    return to_pcm(resample(mono, rate, RATE))


def write_wav(path: Path, pcm: bytes) -> None:
    """An 8 kHz 16-bit mono WAV file. OSError where it cannot be written."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)
