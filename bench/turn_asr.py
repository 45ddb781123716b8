"""How long is a caller kept waiting for recognition alone?

Whisper's `finish` on replies and sentences of real length, synthetic English at
telephone quality with noise at 20 dB: one line, then as many as there are cores.

usage: python -m bench.turn_asr [--json] [--rounds N] [--models FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hibari
import numpy as np

from speech.audio import Samples, add_noise, resample, telephone, to_pcm
from speech.recognisers.whisper import Whisper

SENTENCES = (
    "Yes.",
    "No, not today.",
    "Who is calling?",
    "Yes, this is me speaking.",
    "I have already paid that last week.",
    "I lost my job, so I can only pay two hundred a month.",
    "Please stop calling me, and send everything by letter instead.",
    "Could you call me again tomorrow afternoon, say at half past three?",
)
PAUSE = bytes(4160)  # 260 ms: the quiet after which decoding begins


def _sounds() -> list[bytes]:
    voice, dice = hibari.Hibari(), np.random.default_rng(1)
    found = []
    for text in SENTENCES:
        said: Samples = np.asarray(voice(text, speed=0.8, seed=1))
        pcm = to_pcm(resample(said, 24000, 8000))
        found.append(telephone(add_noise(pcm + PAUSE, 20, dice)))
    return found


def _turn(whisper: Whisper, pcm: bytes) -> tuple[float, str]:
    hearing = whisper.open("en")
    hearing.feed(pcm)
    start = time.perf_counter()
    text = hearing.finish().text
    return time.perf_counter() - start, text


def _figures(seconds: list[float]) -> dict[str, float]:
    names = {"p50_ms": 0.5, "p95_ms": 0.95, "max_ms": 1.0}
    return {
        name: round(1000 * float(np.quantile(seconds, at)), 1)
        for name, at in names.items()
    }


def measure(rounds: int, models: Path | None) -> dict[str, object]:
    """All figures by name."""
    start = time.perf_counter()
    cores = os.cpu_count() or 1
    whisper = Whisper.load(models, workers=cores)
    loaded = time.perf_counter() - start
    sounds = _sounds()
    for pcm in sounds[:2]:
        _turn(whisper, pcm)
    cpu = time.process_time()
    alone = [_turn(whisper, pcm) for _ in range(rounds) for pcm in sounds]
    cpu = (time.process_time() - cpu) / len(alone)
    with ThreadPoolExecutor(cores) as threads:
        together = list(threads.map(lambda p: _turn(whisper, p), sounds * rounds))
    short, long = alone[0 :: len(sounds)], alone[len(sounds) - 1 :: len(sounds)]
    return {
        "machine": f"{platform.machine()}, {cores} cores, {platform.system()}",
        "load_s": round(loaded, 2),
        "turns": len(alone),
        "speech_s": round(sum(map(len, sounds)) / 16000 / len(sounds), 2),
        "cpu_s_per_turn": round(cpu, 3),
        "empty": sum(not text for _, text in alone),
        "alone": _figures([seconds for seconds, _ in alone]),
        "shortest_reply": _figures([seconds for seconds, _ in short]),
        "longest_sentence": _figures([seconds for seconds, _ in long]),
        f"{cores}_at_once": _figures([seconds for seconds, _ in together]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path, help="folder of models")
    given = parser.parse_args()
    found = measure(given.rounds, given.models)
    if given.json:
        print(json.dumps(found))
        return
    for name, figure in found.items():
        print(f"{name:18} {figure}")


if __name__ == "__main__":
    main()
