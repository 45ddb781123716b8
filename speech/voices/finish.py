"""From what an engine made to what a line plays: trimmed, levelled, 8 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from speech.audio import resample, to_pcm
from speech.port import RATE

Samples = NDArray[np.float32]

SILENT_DB = -40.0  #: below the loudest 10 ms by this much: nobody speaks
ACTIVE_DB = -25.0  #: within this of the loudest 10 ms: speech proper (level)
EDGE_SECONDS = 0.06  #: silence kept at both ends
PAUSE_SECONDS = 0.45  #: longest silence inside: an ear waits 500-700 ms for its turn
LEVEL_DB = -20.0  #: RMS of active speech, full scale = 0 (ITU-T P.56 idea)
PEAK = 0.89  #: headroom for G.711
STEP = RATE // 100  #: 10 ms


def finished(samples: Samples, rate: int) -> bytes:
    """Mono float samples at `rate` -> 8 kHz pcm, a whole number of 20 ms frames.

    Leading and trailing silence shrink to 60 ms, pauses inside to 450 ms, active
    speech is set to -20 dBFS RMS. Sound without speech gives b"".
    """
    sound = np.asarray(resample(samples, rate, RATE), np.float32)
    db = steps_db(sound)
    if not len(db) or db.max() < -60.0:
        return b""
    sound = sound[: len(db) * STEP]
    kept = _shorten(sound, db > db.max() + SILENT_DB)
    gain = 10.0 ** ((LEVEL_DB - _active_db(db)) / 20.0)
    gain = min(gain, PEAK / float(np.abs(kept).max()))
    spare = -len(kept) % (2 * STEP)
    return to_pcm(np.pad(kept * np.float32(gain), (0, spare)))


def steps_db(sound: Samples) -> NDArray[np.float64]:
    """Level of each whole 10 ms in dBFS."""
    whole = sound[: len(sound) // STEP * STEP].reshape(-1, STEP).astype(np.float64)
    return np.asarray(10.0 * np.log10(np.mean(whole**2, axis=1) + 1e-12))


def spoken_steps(sound: Samples) -> tuple[int, int]:
    """First and one past the last 10 ms in which somebody speaks; (0, 0): none."""
    db = steps_db(sound)
    if not len(db) or db.max() < -60.0:
        return 0, 0
    loud = np.flatnonzero(db > db.max() + SILENT_DB)
    return int(loud[0]), int(loud[-1]) + 1


def _active_db(db: NDArray[np.float64]) -> float:
    active = db[db > db.max() + ACTIVE_DB]
    return float(10.0 * np.log10(np.mean(10.0 ** (active / 10.0))))


def _shorten(sound: Samples, voiced: NDArray[np.bool_]) -> Samples:
    """Cut what exceeds the edge at both ends and the longest pause inside."""
    steps = np.flatnonzero(voiced)
    edge, half = round(EDGE_SECONDS * 100), round(PAUSE_SECONDS * 50)
    keep = np.zeros(len(voiced), bool)
    keep[max(0, steps[0] - edge) : steps[-1] + 1 + edge] = True
    gaps = np.flatnonzero(np.diff(steps) > 2 * half + 1)
    for gap in gaps:
        keep[steps[gap] + 1 + half : steps[gap + 1] - half] = False
    return np.asarray(sound.reshape(-1, STEP)[keep].reshape(-1), np.float32)
