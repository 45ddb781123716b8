"""Hibari: English, small and some thirty times faster than speech on one core.

Only the voice `heart` is in the wheel, and the library would download the others at
first use: this driver never lets it. `deep` and `bright` are heart spoken slower or
faster and then played back faster or slower, so pitch and timbre move: other people
on the line, at no cost. Further voices are files, MODELS/hibari-voices/NAME.onnx.
"""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from speech.models import assemble, catalogue
from speech.port import ModelMissing, SpeechError
from speech.voices.finish import finished

RATE = 24000
MODEL = "hibari"  #: as config/models.toml calls it
SHIFTS = {"default": 1.0, "heart": 1.0, "deep": 0.84, "bright": 1.14}
VOICES = tuple(SHIFTS)  #: what is there without any further file
EXTRA = "hibari-voices"


class Hibari:
    """A `speech.port.Voice` for English. The same text and speed give the same pcm."""

    realtime = True
    language = "en"

    def __init__(self, name: str, models: Path, *, threads: int = 1) -> None:
        self.name = f"hibari:{name}"
        self._shift = SHIFTS.get(name, 1.0)
        self._engine = _engine(_model(name, models), threads)

    def render(self, text: str, speed: float = 1.0) -> bytes:
        """8 kHz pcm. Raises SpeechError where there is nothing to read aloud."""
        seed = zlib.crc32(text.encode())
        pcm = b""
        if any(map(str.isalnum, text)):  # the engine hums at bare punctuation
            sound = self._engine(text, speed=speed / self._shift, seed=seed)
            pcm = finished(np.asarray(sound, np.float32), round(RATE * self._shift))
        if not pcm:
            raise SpeechError(f"{self.name}: nothing to read aloud in this text")
        return pcm


def _model(name: str, models: Path) -> str:
    """The model file of a voice; empty: the one in the wheel."""
    if name in SHIFTS:
        assemble(catalogue()[MODEL], models)  # verified where the wheel put it
        return ""
    file = models / EXTRA / f"{name}.onnx"
    if file.is_file():
        return str(file)
    remedy = f"choose one of {', '.join(VOICES)}, or put the model at {file}"
    raise ModelMissing(f"hibari voice {name}", "no such voice", remedy)


@cache
def _engine(model: str, threads: int) -> Any:
    import hibari

    return hibari.Hibari(model=model or None, threads=threads)
