"""Build the models that understand a turn, from the sentences in `bench/said`.

Ridge regression on the kernel of `ivr.classifier` (TF-IDF of grams, and nearness of the
encoder's points), solved in the dual. What it would have said of a group of
wordings it had not seen follows from the same solution (leave one group out, in closed
form); near copies of a sentence count as its group. The limits come from that alone:
no test sentence is looked at. The same sentences give the same weights, and the
sha256 of each model is recorded in templates/lexicon/models.toml, with the limits.

usage: python -m bench.train_intents [zh] [en] [--limits]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from bench.apart import Copies, families, recognised, unlearnt
from bench.limits import Judged, calibrated, judge, limited, typed
from bench.mishear import misheard
from bench.said import Line, heard, written
from ivr.classifier import (
    KINDS,
    ODDS,
    POINTS,
    Limits,
    load_classifier,
    nearness,
    placed,
)
from ivr.encoder import SUMS, Floats, encoder
from ivr.grams import WIDTH, columns
from ivr.intent import LANGUAGES, folder, normal
from ivr.inventory import INTENTS

RIDGE = 0.5
DIMENSIONS = 192  # kept of a point
HEARD_RIDGE = 1.0  # what a recogniser mangled is trusted half as much
LEAST = 3  # characters of which a copy is misheard
NEAR = 0.75  # cosine from which two sentences are wordings of one thought


@dataclass(frozen=True, slots=True)
class Sentences:
    """Distinct normal texts, what each may mean, and which belong together."""

    language: str
    texts: tuple[str, ...]
    means: tuple[frozenset[str], ...]
    heard: NDArray[np.bool_]  # by a recogniser, or made up as if (`bench.mishear`)
    made: NDArray[np.bool_]
    groups: tuple[int, ...]


def gather(language: str) -> Sentences:
    """All sentences, written and heard; a text that occurs twice is one."""
    said = written(language)
    heard_too = [*said, *heard(language, said)]
    rows = [(normal(line.text, language), line, False) for line in heard_too]
    if language == "zh":
        rows += [(misheard(t), line, True) for t, line, _ in rows if _copied(t, line)]
    found: dict[str, tuple[set[str], bool, bool, int]] = {}
    for text, line, made in rows:
        if text:
            new = (set[str](), line.heard or made, made, line.group)
            found.setdefault(text, new)[0].add(line.intent)
    return Sentences(
        language,
        tuple(found),
        tuple(frozenset(means) for means, *_ in found.values()),
        np.array([far for _, far, _, _ in found.values()]),
        np.array([made for _, _, made, _ in found.values()]),
        tuple(group for *_, group in found.values()),
    )


def _copied(text: str, line: Line) -> bool:
    """Is a misheard copy made up of it? Of every other sentence."""
    return not line.heard and len(text) >= LEAST and crc32(text.encode()) % 2 == 0


def tfidf(texts: Sequence[str], language: str) -> tuple[sparse.csr_array, Floats]:
    """Rows of unit length, and the weight of each column; a column that no sentence
    has weighs most, so that strange words make a sentence like no other."""
    at = np.concatenate([columns(text, language)[0] for text in texts])
    idf = np.log((1 + len(texts)) / (1 + np.bincount(at, minlength=WIDTH)))
    idf = idf.astype(np.float16).astype(np.float32)  # as it will be read back
    return weighed(texts, language, idf), idf


def weighed(texts: Sequence[str], language: str, idf: Floats) -> sparse.csr_array:
    """Rows of unit length, by the weight of each column."""
    seen = [columns(text, language) for text in texts]
    starts = np.cumsum([0, *(len(at) for at, _ in seen)])
    at = np.concatenate([at for at, _ in seen])
    often = np.concatenate([often for _, often in seen])
    rows = sparse.csr_array((often * idf[at], at, starts), (len(texts), WIDTH))
    length = np.sqrt(rows.multiply(rows).sum(1))
    return sparse.diags_array(1 / np.maximum(length, 1e-9)) @ rows


def together(said: Sentences, kernel: Floats) -> list[list[int]]:
    """Sentences by group, near copies joined."""
    home = list(range(len(said.texts)))

    def find(n: int) -> int:
        while home[n] != n:
            home[n] = home[home[n]]
            n = home[n]
        return n

    first: dict[int, int] = {}
    for n, group in enumerate(said.groups):
        home[find(n)] = find(first.setdefault(group, n))
    for one, other in zip(*np.nonzero(np.triu(kernel, 1) > NEAR), strict=True):
        home[find(int(one))] = find(int(other))
    groups: dict[int, list[int]] = defaultdict(list)
    for n in range(len(home)):
        groups[find(n)].append(n)
    return list(groups.values())


@dataclass(frozen=True, slots=True)
class Space:
    """Where the sentences lie: their points, about a center, in the main directions."""

    center: Floats
    basis: Floats
    points: Floats


def space(texts: Sequence[str]) -> Space:
    """What is packed is used to train, so that both say the same."""
    find = encoder(folder()).vector
    vectors = np.array([find(text) for text in texts])
    center = vectors.mean(0)
    _, axes = np.linalg.eigh((vectors - center).T @ (vectors - center))
    basis = axes[:, ::-1][:, :DIMENSIONS].astype(np.float16).astype(np.float32)
    return Space(center, basis, placed(vectors, center, basis))


@dataclass(frozen=True, slots=True)
class Trained:
    """`unseen`: each sentence's scores from a model that never saw its group; `apart`:
    the same of each copy that is not learnt from."""

    said: Sentences
    intents: tuple[str, ...]
    idf: Floats
    weights: Floats
    offset: Floats
    space: Space
    pull: Floats
    unseen: Floats
    groups: int
    copies: Copies
    apart: Floats


def train(language: str) -> Trained:
    """Deterministic: the same sentences give the same weights."""
    said = gather(language)
    intents = tuple(sorted(INTENTS))
    rows, idf = tfidf(said.texts, language)
    kernel = (rows @ rows.T).toarray()
    groups = together(said, kernel)
    wanted = np.array([[i in means for i in intents] for means in said.means], float)
    mean = wanted.mean(0)
    there = space(said.texts)
    kernel += nearness(there.points @ there.points.T)
    kernel[np.diag_indices_from(kernel)] += np.where(said.heard, HEARD_RIDGE, RIDGE)
    inverse = inverted(kernel)
    dual = inverse @ (wanted - mean)
    unseen = np.zeros_like(wanted)
    for group in groups:
        block = inverse[np.ix_(group, group)]
        unseen[group] = wanted[group] - np.linalg.solve(block, dual[group])
    copies = unlearnt(language, said.texts)
    alike, near = likeness(copies.texts, said, rows, idf, there)
    apart = np.zeros((len(copies.texts), len(intents)))
    for n, left in enumerate(families(copies, said.texts, groups, alike > NEAR)):
        block = inverse[np.ix_(left, left)]
        shift = inverse[:, left] @ np.linalg.solve(block, dual[left])
        apart[n] = mean + near[n] @ (dual - shift)
    weights = rows.T @ dual
    offset, found = mean.astype(np.float32), unseen.astype(np.float32)
    return Trained(
        said,
        intents,
        idf,
        weights.astype(np.float32),
        offset,
        there,
        dual.astype(np.float32),
        found,
        len(groups),
        copies,
        apart.astype(np.float32),
    )


def likeness(
    texts: Sequence[str],
    said: Sentences,
    rows: sparse.csr_array,
    idf: Floats,
    there: Space,
) -> tuple[Floats, Floats]:
    """Other texts x the sentences learnt from: the cosine of their grams, and how near
    they count."""
    if not texts:
        return (none := np.zeros((0, len(said.texts)), np.float32)), none
    find = encoder(folder()).vector
    points = placed(np.array([find(t) for t in texts]), there.center, there.basis)
    alike = (weighed(texts, said.language, idf) @ rows.T).toarray().astype(np.float32)
    return alike, alike + nearness(points @ there.points.T)


def inverted(kernel: Floats) -> Floats:
    """Of a symmetric positive matrix, by Cholesky's factors; overwrites it."""
    factor, solve = linalg.get_lapack_funcs(("potrf", "potri"), (kernel,))
    half, wrong = factor(kernel, lower=True, overwrite_a=True)
    if not wrong:
        half, wrong = solve(half, lower=True, overwrite_c=True)
    if wrong:
        raise ValueError("the kernel is not positive")
    lower: Floats = np.tril(half)
    return lower + np.tril(lower, -1).T


def pack(trained: Trained, limits: Limits) -> bytes:
    """The model file: 8-bit weights, a scale for each intent; 8-bit points."""
    scale = np.abs(trained.weights).max(0) / 127
    small = np.rint(trained.weights / scale).astype(np.int8)
    points = trained.space.points
    plain = [getattr(limits, name) for name in POINTS]
    out = io.BytesIO()
    np.savez_compressed(
        out,
        intents=np.array(trained.intents),
        idf=trained.idf.astype(np.float16),
        weights=small,
        scale=scale.astype(np.float32),
        offset=trained.offset,
        center=trained.space.center,
        basis=trained.space.basis.astype(np.float16),
        points=np.rint(points * (127 / np.abs(points).max())).astype(np.int8),
        pull=trained.pull.astype(np.float16),
        limits=np.array(plain),
        traits=np.array(limits.weights),
    )
    return out.getvalue()


def judged(trained: Trained) -> list[Judged]:
    """Each sentence with its unseen scores and what the rules say of it."""
    said, copies = trained.said, trained.copies
    known = recognised(said.language)
    far = [
        text in known or made for text, made in zip(said.texts, said.made, strict=True)
    ]
    learnt = (said.texts, said.means, far, said.made, trained.unseen)
    rows = zip(*learnt, strict=True)
    apart = zip(copies.texts, copies.means, trained.apart, strict=True)
    every = [
        *((*row, False) for row in rows),
        *((text, means, True, False, row, True) for text, means, row in apart),
    ]
    return [
        judge(
            text,
            means,
            said.language,
            heard=bool(copy),
            made=bool(made),
            apart=new,
            score=dict(zip(trained.intents, map(float, row), strict=True)),
        )
        for text, means, copy, made, row, new in every
    ]


def record(
    folder: Path, odds: Mapping[str, Mapping[str, Limits]] | None = None
) -> None:
    """Write models.toml: the sha256 of each model file, and by language and kind of
    text the odds from which on to act and to ask; those not given stay."""
    path = folder / SUMS
    old = tomllib.loads(path.read_text("utf-8")).get("limits", {})
    new = {
        language: {k: {n: getattr(limits, n) for n in ODDS} for k, limits in of.items()}
        for language, of in (odds or {}).items()
    }
    lines = [
        "# Written by bench.train_intents and bench.encoder: sha256 of each model."
    ]
    for file in sorted(folder.glob("*.npz")):
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        lines.append(f'"{file.name}" = "{found}"')
    lines += ["", "# Log odds from which on to act and to ask back (bench.limits)."]
    for language, of in sorted((old | new).items()):
        for kind in KINDS:
            lines.append(f"[limits.{language}.{kind}]")
            lines += [f"{name} = {of[kind][name]:.4f}" for name in ODDS]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def main() -> int:
    """Train, print what cross-validation says, write models, sums and limits. With
    --limits the models stay, and of the limits those for acting on written text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("languages", nargs="*", metavar="zh|en")
    parser.add_argument("--limits", action="store_true", help="leave the models")
    asked = parser.parse_args()
    odds: dict[str, dict[str, Limits]] = {}
    for language in asked.languages or LANGUAGES:
        trained = train(language)
        said = trained.said
        print(
            f"{language}: {len(said.texts)} sentences, {int(said.heard.sum())} of them "
            f"heard by telephone, in {trained.groups} groups; "
            f"{len(trained.copies.texts)} copies apart",
            flush=True,
        )
        every = judged(trained)
        if asked.limits:
            odds[language] = limited(every, load_classifier(folder(), language).written)
            continue
        limits = calibrated(typed(every))
        odds[language] = limited(every, limits)
        (folder() / f"model-{language}.npz").write_bytes(pack(trained, limits))
    record(folder(), odds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
