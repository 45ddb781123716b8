"""Heard copies from which nothing is learnt: limits are set on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.said import UNLEARNT, heard, written
from ivr.intent import normal


@dataclass(frozen=True, slots=True)
class Copies:
    """Heard copies that are not learnt from, by text: what each may mean, and the
    sentences it is a copy of."""

    texts: tuple[str, ...]
    means: tuple[frozenset[str], ...]
    sources: tuple[frozenset[str], ...]


def unlearnt(language: str, learnt: Sequence[str]) -> Copies:
    """Those of `bench/said/unlearnt-LANGUAGE.tsv` that are not learnt from as well."""
    known = set(learnt)
    means: dict[str, set[str]] = defaultdict(set)
    sources: dict[str, set[str]] = defaultdict(set)
    for line in heard(language, written(language), kind=UNLEARNT):
        text = normal(line.text, language)
        if text and text not in known:
            means[text].add(line.intent)
            sources[text].add(normal(line.source, language))
    return Copies(
        tuple(means),
        tuple(map(frozenset, means.values())),
        tuple(map(frozenset, sources.values())),
    )


def recognised(language: str) -> set[str]:
    """Every text that a recogniser wrote, those without a fault too."""
    said = written(language)
    copies = [*heard(language, said), *heard(language, said, kind=UNLEARNT)]
    return {normal(line.text, language) for line in copies}


def families(
    copies: Copies,
    learnt: Sequence[str],
    groups: Sequence[list[int]],
    close: NDArray[np.bool_],
) -> Iterator[list[int]]:
    """For each copy the sentences to leave out: the groups of those it is a copy of,
    and of those that are `close` to it (copies x sentences learnt from)."""
    at = {text: n for n, text in enumerate(learnt)}
    home = {n: group for group in groups for n in group}
    for sources, row in zip(copies.sources, close, strict=True):
        kin = [at[text] for text in sources if text in at]
        near = map(int, np.flatnonzero(row))
        yield sorted({n for one in (*kin, *near) for n in home[one]})
