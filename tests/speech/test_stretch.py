"""Slower speech on request."""

from __future__ import annotations

import numpy as np
import pytest

from speech import audio
from speech.port import FRAME_BYTES, RATE
from speech.stretch import stretched


@pytest.mark.parametrize("times", [1.0, 1.25, 1.6])
def test_slower_speech_lasts_longer_at_the_same_pitch(times: float) -> None:
    """A voice-like buzz of 140 Hz with pauses."""
    at = np.arange(3 * RATE) / RATE
    voice = np.array([np.sin(2 * np.pi * 140 * n * at) / n for n in range(1, 12)])
    loud = np.sin(2 * np.pi * 1.5 * at) > -0.5
    buzz = (0.2 * voice.sum(axis=0) * loud).astype(np.float32)
    slow = stretched(audio.to_pcm(buzz), times)
    assert len(slow) % FRAME_BYTES == 0
    assert len(slow) / 2 == pytest.approx(times * len(buzz), rel=0.01)
    assert pitch(audio.to_float(slow)) == pytest.approx(pitch(buzz), abs=2)
    sizes = [float(np.sqrt(np.mean(x**2))) for x in (buzz, audio.to_float(slow))]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def pitch(sound: audio.Samples) -> float:
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    freqs = np.fft.rfftfreq(len(sound), 1 / RATE)
    low = (freqs > 100) & (freqs < 200)
    return float(freqs[low][np.argmax(power[low])])


def test_what_cannot_be_stretched() -> None:
    assert stretched(b"\1\0" * 100, 1.25) == b"\1\0" * 100
    with pytest.raises(ValueError, match="between 1 and 2"):
        stretched(bytes(8000), 0.5)
