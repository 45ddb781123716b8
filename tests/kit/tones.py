"""Network tones as an exchange and a line make them: off pitch, uneven, in noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from speech.audio import Samples, telephone, to_pcm
from speech.port import RATE


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of tones on the way: `level` of full scale, share by which pitch is
    off, most by which each length is; noise in dB below."""

    level: float = 0.2
    off: float = 0.0
    uneven: float = 0.0
    snr: float = 40.0


CLEAN = Line()


def sine(hertz: Sequence[float], seconds: float, level: float) -> Samples:
    at = np.arange(round(seconds * RATE)) / RATE
    mixed = np.sum([np.sin(2 * np.pi * one * at) for one in hertz], axis=0)
    return np.asarray(level * mixed / len(hertz), np.float32)


def cadence(
    hertz: Sequence[float],
    cadence: Sequence[float],
    seconds: float,
    rng: np.random.Generator,
    line: Line = CLEAN,
) -> bytes:
    """A tone from some place in its cadence, after 0.3 s."""
    parts = [np.zeros(round(0.3 * RATE), np.float32)]
    at = 2 * int(rng.integers(len(cadence) // 2))
    pitch = [one * (1 + line.off) for one in hertz]
    while sum(map(len, parts)) < seconds * RATE:
        on, off = (
            one * (1 + rng.uniform(-line.uneven, line.uneven))
            for one in cadence[at : at + 2]
        )
        parts += [sine(pitch, on, line.level), np.zeros(round(off * RATE), np.float32)]
        at = (at + 2) % len(cadence)
    return through(np.concatenate(parts)[: round(seconds * RATE)], rng, line)


def information(
    tones: Sequence[tuple[float, float]], rng: np.random.Generator, line: Line = CLEAN
) -> bytes:
    """Three tones, (Hz, seconds), one after the other, and a second of line."""
    parts = [np.zeros(RATE // 2, np.float32)]
    parts += [sine([hz], length, line.level) for hz, length in tones]
    return through(np.concatenate([*parts, np.zeros(RATE, np.float32)]), rng, line)


def through(samples: Samples, rng: np.random.Generator, line: Line) -> bytes:
    """The pcm that arrives: noise `snr` dB below a full tone, mu-law."""
    size = line.level / np.sqrt(2) * 10 ** (-line.snr / 20)
    hiss = rng.standard_normal(len(samples)) * size
    return telephone(to_pcm((samples + hiss).astype(np.float32)))
