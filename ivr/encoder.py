"""What a sentence says as a point in space: sentences that mean alike lie close.

The first layers of multilingual-e5-small (MIT), 4-bit weights, run by onnxruntime on
one thread; its vocabulary cut down to what Chinese and English need. Built by
`bench.encoder`; read from templates/lexicon/encoder.npz, whose sha256 stands in
models.toml beside it.
"""

from __future__ import annotations

import hashlib
import io
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ivr.rules import LexiconError

Floats = NDArray[np.float32]

FILE, SUMS = "encoder.npz", "models.toml"
BLOCK = 32  # weights that share a scale
START, END, UNKNOWN = 0, 1, 2  # rows of the vocabulary
SPACE = "\u2581"  # how pieces write it
LONGEST = 62  # pieces that are looked at, without the two ends
STRANGE = -30.0  # score of a character without a piece; the rarest has -20


class Encoder:
    """Thread-safe. About 4 ms for eight characters on one core."""

    def __init__(
        self,
        graph: bytes,
        pieces: list[str],
        scores: Floats,
        words: NDArray[np.uint8],
        scales: Floats,
        places: Floats,
    ) -> None:
        """`words`: two 4-bit weights a byte, pieces x width / 2; `scales`: pieces x
        blocks; `places`: what a position adds, positions x width."""
        ends = {START, END, UNKNOWN}
        self._rows = {p: n for n, p in enumerate(pieces) if n not in ends}
        self._scores = scores.tolist()
        self._widest = max(map(len, pieces))
        self._words, self._scales, self._places = words, scales, places
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )

    def vector(self, text: str) -> Floats:
        """The point of `text` (as `ivr.intent.normal` leaves it): the mean over its
        pieces, of unit length."""
        rows = [START, *self.pieces(text)[:LONGEST], END]
        at = np.array(rows)
        packed = self._words[at]
        whole = np.stack([packed & 15, packed >> 4], -1).astype(np.float32) - 8
        blocks = whole.reshape(len(rows), -1, BLOCK) * self._scales[at][..., None]
        inputs = blocks.reshape(len(rows), -1) + self._places[: len(rows)]
        mean: Floats = self._session.run(None, {"pieces": inputs[None]})[0][0]
        return mean / np.linalg.norm(mean)

    def pieces(self, text: str) -> list[int]:
        """Rows of the pieces of `text`."""
        marked = SPACE + text.replace(" ", SPACE)
        return pieces_of(marked, self._rows, self._scores, self._widest)


def pieces_of(
    text: str, rows: Mapping[str, int], scores: Sequence[float], widest: int
) -> list[int]:
    """The likeliest way to cut `text` into pieces (unigram model, Kudo 2018), each at
    most `widest` characters; UNKNOWN stands for a character that is in none."""
    best = [0.0] + [-1e9] * len(text)
    came = [(0, UNKNOWN)] * (len(text) + 1)  # from where, by which piece
    for start in range(len(text)):
        so_far = best[start]
        if so_far + STRANGE > best[start + 1]:
            best[start + 1], came[start + 1] = so_far + STRANGE, (start, UNKNOWN)
        for end in range(start + 1, min(len(text), start + widest) + 1):
            row = rows.get(text[start:end])
            if row is not None and so_far + scores[row] > best[end]:
                best[end], came[end] = so_far + scores[row], (start, row)
    found, at = [], len(text)
    while at:
        at, row = came[at]
        found.append(row)
    return found[::-1]


@lru_cache
def encoder(folder: Path) -> Encoder:
    """Read once a process and verified. LexiconError: absent, or not the file whose
    sha256 is recorded."""
    with np.load(io.BytesIO(verified(folder / FILE)[0]), allow_pickle=False) as data:
        return Encoder(
            graph=data["graph"].tobytes(),
            pieces=data["pieces"].tobytes().decode().split("\n"),
            scores=data["scores"],
            words=data["words"],
            scales=data["scales"].astype(np.float32),
            places=data["places"],
        )


def verified(path: Path) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a model file, if they are those recorded in models.toml, and what
    that has."""
    try:
        sums = tomllib.loads((path.parent / SUMS).read_text("utf-8"))
        raw = path.read_bytes()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LexiconError([f"{path}: {error}"]) from None
    found = hashlib.sha256(raw).hexdigest()
    if found != sums.get(path.name):
        problem = f"sha256 {found}, but {SUMS} says {sums.get(path.name)}"
        maker = "bench.encoder" if path.name == FILE else "bench.train_intents"
        raise LexiconError([f"{path}: {problem}; build it anew: python -m {maker}"])
    return raw, sums
