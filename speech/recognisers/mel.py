"""The spectrogram Whisper was trained on (Radford et al. 2022, section 2.2)."""

from __future__ import annotations

import numpy as np

from speech.audio import Samples

RATE = 16000  #: Hz
HOP = 160  #: samples between frames: 10 ms
_WINDOW = 400  # 25 ms
_BANDS = 80


def _hertz(mel: Samples) -> Samples:
    """Slaney's scale: linear to 1 kHz (mel 15), logarithmic above."""
    above = 1000.0 * np.exp((mel - 15.0) * (np.log(6.4) / 27.0))
    return np.where(mel < 15.0, mel * (200.0 / 3.0), above).astype(np.float32)


def _bank() -> Samples:
    """Triangles of equal area, shape (80, 201)."""
    top = 15.0 + np.log(RATE / 2 / 1000.0) * 27.0 / np.log(6.4)
    edges = _hertz(np.linspace(0.0, top, _BANDS + 2, dtype=np.float32))
    bins = np.linspace(0.0, RATE / 2, _WINDOW // 2 + 1, dtype=np.float32)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    shape = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))
    return np.asarray(shape, np.float32)


_BANK = _bank()
_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


def log_mel(samples: Samples) -> Samples:
    """16 kHz samples -> (80, frames) log spectrogram, an even number of frames.

    At least 201 samples (the edges are mirrored).
    """
    padded = np.pad(samples, _WINDOW // 2, mode="reflect")
    cut = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP] * _HANN
    power = np.abs(np.fft.rfft(cut, axis=1)[:-1]).astype(np.float32) ** 2
    mel = np.log10(np.maximum(_BANK @ power.T, 1e-10))
    scaled = (np.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0
    even = scaled.shape[1] // 2 * 2
    return np.ascontiguousarray(scaled[:, :even], dtype=np.float32)
