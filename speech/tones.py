"""What the network plays in place of words: busy, congestion, ringing, information.

A tone is known by its frequencies and its cadence together. What fits no plan, or not
for long enough, is not found: music and speech have steady notes too. Frequencies and
cadences: ITU-T E.180 Supplement 2; information tones: E.180 and Telcordia GR-674.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from speech.audio import Samples, to_float
from speech.port import RATE

_HOP, _WINDOW, _BINS = 80, 256, 1024  # 10 ms, 32 ms, 7.8 Hz
_STEP = _HOP / RATE
_WIDE = round(70 * _BINS / RATE)  # bins either side of a peak that belong to it
_LOWEST, _HIGHEST = round(300 * _BINS / RATE), round(2000 * _BINS / RATE)
_PURITY = 0.8  # of the power in at most two tones
_LEAST_DB = -50.0
_DRIFT = 90.0  # Hz; two tones 50 Hz apart seem to waver by as much
_GAP = 4  # steps without the tone that do not end it: loss
_SHORTEST = 6  # steps
_NEAR = 13.0  # Hz from a plan's frequency; plans are 25 apart
_QUIET_DB = 8.0  # that a pause is below its tones


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone of one plan or several: seconds on and off by turns. `least`: so many of
    these pairs are heard before it counts."""

    kind: str
    hertz: tuple[float, ...]
    cadence: tuple[float, ...]
    least: int = 2


TONES = (
    # China
    Tone("ringback", (450,), (1.0, 4.0), 1),
    Tone("busy", (450,), (0.35, 0.35)),
    Tone("congestion", (450,), (0.7, 0.7)),
    Tone("unobtainable", (450,), (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4), 6),
    # North America
    Tone("ringback", (440, 480), (2.0, 4.0), 1),
    Tone("busy", (480, 620), (0.5, 0.5)),
    Tone("congestion", (480, 620), (0.25, 0.25), 3),
    # most of Europe
    Tone("ringback", (425,), (1.0, 4.0), 1),
    Tone("busy", (425,), (0.5, 0.5)),
    Tone("congestion", (425,), (0.25, 0.25), 3),
    # United Kingdom, Ireland, India
    Tone("ringback", (400, 450), (0.4, 0.2, 0.4, 2.0), 3),
    Tone("busy", (400,), (0.375, 0.375)),
    Tone("congestion", (400,), (0.4, 0.35, 0.225, 0.525), 3),
    Tone("busy", (400,), (0.75, 0.75)),
    Tone("congestion", (400,), (0.25, 0.25), 3),
)

#: First and second tone: Low 913.8 and 1370.6 or High 985.2 and 1428.5 Hz, Short 274
#: or Long 380 ms; the third is 1776.7 Hz, 380 ms. Others are `information` (E.180: 950,
#: 1400, 1800 Hz, 330 ms), which does not say why.
INFORMATION = {
    ("LS", "LS"): "intercept",
    ("HL", "LS"): "vacant",
    ("LS", "HL"): "reorder",
    ("HS", "LL"): "reorder",
    ("HL", "HL"): "no_circuit",
    ("LL", "LL"): "no_circuit",
}
_FIRST, _SECOND = (913.8, 985.2), (1370.6, 1428.5)
_BANDS = ((900.0, 1000.0), (1350.0, 1450.0), (1750.0, 1850.0))
_BETWEEN = 0.08  # seconds at most between two of its tones


@dataclass(frozen=True, slots=True)
class Found:
    """A kind of tone, how well it fits (0..1), and where; seconds."""

    kind: str
    confidence: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Run:
    """One steady sound of one or two tones; `quiet`: what follows is a pause."""

    start: float
    end: float
    hertz: tuple[float, ...]
    quiet: bool = False

    @property
    def seconds(self) -> float:
        return self.end - self.start


def tones(pcm: bytes) -> list[Found]:
    """All that is known in the sound, by time. About 3 ms a second of sound."""
    samples = to_float(pcm)
    found = list(runs(samples))
    length = len(samples) / RATE
    return sorted(
        [*_information(found), *_cadences(found, length)], key=lambda one: one.start
    )


# --- steady sounds


def runs(samples: Samples) -> Iterator[Run]:
    """The steady sounds one after the other."""
    if len(samples) < _WINDOW:
        return
    hertz, level = _steps(samples)
    spans = list(_spans(hertz, level))
    for n, (first, last) in enumerate(spans):
        behind = spans[n + 1][0] if n + 1 < len(spans) else len(level)
        pause = level[last + 4 : max(last + 5, behind - 4)]
        loud = float(np.median(level[first:last]))
        quiet = not len(pause) or float(np.median(pause)) < loud - _QUIET_DB
        middle = samples[first * _HOP : last * _HOP + _WINDOW - _HOP]
        start, end = (at * _STEP + _WINDOW / 2 / RATE for at in (first, last))
        yield Run(start, end, _pitches(middle[:RATE]), quiet)


def _steps(samples: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each 10 ms: Hz of the one tone or the lower of two, 0 where there is no such
    sound; and dB."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    shaped = windows * np.hanning(_WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(shaped, _BINS).astype(np.complex64)) ** 2
    total = power[:, 8:].sum(axis=1) + 1e-12  # hum is not counted
    peak = _LOWEST + power[:, _LOWEST:_HIGHEST].argmax(axis=1)
    near, rest = _around(power, peak)
    second = _LOWEST + rest[:, _LOWEST:_HIGHEST].argmax(axis=1)
    more, _ = _around(rest, second)
    two = (more > 0.1 * near) & _peaked(power, second)
    peak = np.where(two, np.minimum(peak, second), peak)
    level = 10 * np.log10((windows.astype(np.float64) ** 2).mean(axis=1) + 1e-10)
    steady = ((near + more) / total > _PURITY) & (level > _LEAST_DB)
    return np.where(steady, peak * RATE / _BINS, 0.0), level


def _peaked(power: NDArray[np.float32], at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether it is a peak of its own, and not the skirt of another."""
    row = np.arange(len(at))
    higher = np.maximum(power[row, at - 1], power[row, at + 1])
    return np.asarray(power[row, at] >= higher)


def _around(
    power: NDArray[np.float32], peak: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The power near each row's peak, and the rows without it."""
    away = np.abs(np.arange(power.shape[1]) - peak[:, None])
    rest = np.where(away <= _WIDE, 0, power)
    return power.sum(axis=1) - rest.sum(axis=1), rest


def _spans(
    hertz: NDArray[np.float64], level: NDArray[np.float64]
) -> Iterator[tuple[int, int]]:
    """First and last step of each steady sound, its edges where its power halves."""
    at = 0
    while at < len(hertz):
        if not hertz[at]:
            at += 1
            continue
        first, last, pitch = at, at, hertz[at]
        while at < len(hertz) and at - last <= _GAP:
            if hertz[at] and abs(hertz[at] - pitch) <= _DRIFT:
                last = at
            elif hertz[at]:
                break
            at += 1
        at = max(at, last + 1)
        span = np.arange(first, last + 1)
        loud = span[level[span] > np.median(level[span]) - 4.0]
        if len(loud) >= _SHORTEST:
            yield int(loud[0]), int(loud[-1])


def _pitches(samples: Samples) -> tuple[float, ...]:
    """Hz of its one or two tones, lower first."""
    size = 4 * RATE
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size)) ** 2
    step, width = RATE / size, round(2.2 * RATE / len(samples) * size / RATE)
    peak = int(power.argmax())
    most = power[peak]
    power[max(0, peak - width) : peak + width + 1] = 0
    second = int(power.argmax())
    both = (peak, second) if power[second] > 0.1 * most else (peak,)
    return tuple(sorted(step * one for one in both))


# --- what they are


def _information(found: Sequence[Run]) -> Iterator[Found]:
    for three in zip(found, found[1:], found[2:], strict=False):
        joined = all(b.start - a.end < _BETWEEN for a, b in pairwise(three))
        inside = all(
            low <= run.hertz[0] <= high and 0.2 <= run.seconds <= 0.5
            for run, (low, high) in zip(three, _BANDS, strict=True)
        )
        if joined and inside:
            code = (_sign(three[0], *_FIRST), _sign(three[1], *_SECOND))
            kind = INFORMATION.get(code, "information")
            yield Found(kind, 1.0, three[0].start, three[2].end)


def _sign(run: Run, low: float, high: float) -> str:
    """ "LS" for a low short tone; "?" for one that is neither low nor high."""
    hertz, length = run.hertz[0], "S" if run.seconds < 0.327 else "L"
    away = [abs(hertz - low), abs(hertz - high)]
    return ("LH"[away.index(min(away))] if min(away) < 20 else "?") + length


def _cadences(found: Sequence[Run], length: float) -> Iterator[Found]:
    """The best reading of each stretch of tones that do not overlap."""
    read = [one for tone in TONES for one in _readings(tone, found, length)]
    read.sort(key=lambda one: (one.end - one.start) * one.confidence, reverse=True)
    taken = list[Found]()
    for one in read:
        if all(one.end <= other.start or other.end <= one.start for other in taken):
            taken.append(one)
    yield from taken


def _readings(tone: Tone, found: Sequence[Run], length: float) -> Iterator[Found]:
    """Stretches that follow the tone's cadence, from whatever place in it."""
    pairs = len(tone.cadence) // 2
    first = 0
    while first < len(found):
        best = max(
            (_follow(tone, phase, found[first:], length) for phase in range(pairs)),
            key=len,
        )
        if len(best) >= tone.least:
            end = found[first + len(best) - 1].end
            yield Found(tone.kind, float(np.mean(best)), found[first].start, end)
        first += max(1, len(best))


def _follow(tone: Tone, phase: int, found: Sequence[Run], length: float) -> list[float]:
    """How well each pair of on and off fits, as far as they do."""
    fits = list[float]()
    for n, run in enumerate(found):
        at = 2 * (phase + n) % len(tone.cadence)
        on, off = tone.cadence[at], tone.cadence[at + 1]
        pause = (found[n + 1].start if n + 1 < len(found) else length) - run.end
        if n + 1 == len(found) and pause >= off / 2:
            pause = off  # the sound ends in it, or other sound follows
        fit = min(_fit(run.seconds, on), _fit(pause, off))
        if fit <= 0 or not run.quiet or not _same(run.hertz, tone.hertz):
            break
        fits.append(fit)
    return fits


def _fit(seconds: float, wanted: float) -> float:
    """1: exactly; 0 and less: further off than lines and exchanges make it."""
    return 1 - float(((seconds - wanted) / (0.12 * wanted + 0.03)) ** 2)


def _same(hertz: Sequence[float], wanted: Sequence[float]) -> bool:
    return len(hertz) == len(wanted) and all(
        abs(one - other) <= _NEAR for one, other in zip(hertz, wanted, strict=True)
    )
