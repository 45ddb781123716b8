"""The same speech, slower: time-stretching that keeps the pitch.

WSOLA (Verhelst and Roelands, ICASSP 1993): windows of the sound are laid out further
apart than they stood, each taken from where it best continues the one before.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from speech.audio import to_float, to_pcm
from speech.port import FRAME_BYTES

WINDOW = 256  #: samples: 32 ms, one or two periods of a low voice
HOP = WINDOW // 2  #: windows of the output overlap by half: they add up to one
REACH = 80  #: samples, 10 ms, that a window may be taken from aside of its place


def stretched(pcm: bytes, times: float) -> bytes:
    """8 kHz pcm that lasts `times` as long, in whole 20 ms frames. ValueError: times
    is not between 1 and 2."""
    if not 1.0 <= times <= 2.0:
        raise ValueError(f"times {times}: between 1 and 2 is expected")
    sound = to_float(pcm)
    if len(sound) < 2 * WINDOW:
        return pcm
    made = to_pcm(_laid_out(sound, times))
    return made + bytes(-len(made) % FRAME_BYTES)


def _laid_out(sound: NDArray[np.float32], times: float) -> NDArray[np.float32]:
    padded = np.pad(sound, (REACH, REACH + 2 * WINDOW))
    windows = sliding_window_view(padded, WINDOW)
    shape = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    count = int(len(sound) * times) // HOP
    out = np.zeros((count + 1) * HOP, np.float32)
    last = len(sound) + REACH
    at = REACH
    for nth in range(count):
        out[nth * HOP : nth * HOP + WINDOW] += shape * windows[at]
        wanted = min(round((nth + 1) * HOP / times) + REACH, last)
        at = wanted - REACH + _best(windows, wanted, windows[at + HOP])
    return out


def _best(
    windows: NDArray[np.float32], wanted: int, before: NDArray[np.float32]
) -> int:
    """Where around `wanted` the sound goes on most like `before` would."""
    near = windows[wanted - REACH : wanted + REACH + 1]
    likeness = near @ before
    size = np.sqrt(np.einsum("ij,ij->i", near, near)) + 1e-6
    return int(np.argmax(likeness / size))
