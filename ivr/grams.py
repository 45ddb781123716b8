"""What the classifier sees of a sentence: short runs of characters, sounds or words.

Chinese: characters and toneless syllables, so that a homophone costs half of what it
touches. English: words, and the parts of words. Numbers look all alike. Each run is
hashed into one of `WIDTH` columns.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ivr.text import syllables

WIDTH = 1 << 15
NUMERALS = re.compile(r"[\d零一二两三四五六七八九十百千万]+")
FIGURES = re.compile(r"\d[\d.,:]*")


def columns(text: str, language: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The columns of `text` (as `ivr.intent.normal` leaves it), rising, and the square
    root of how often each occurs."""
    found = Counter(crc32(gram.encode()) % WIDTH for gram in grams(text, language))
    at = np.array(sorted(found), np.int64)
    often = np.array([found[int(column)] for column in at], np.float32)
    return at, np.sqrt(often)


def grams(text: str, language: str) -> Iterator[str]:
    """Every run, as often as it occurs."""
    if language == "zh":
        text = NUMERALS.sub("0", text)
        yield from _runs("c", ["^", *text, "$"], 1, 3)
        yield from _runs("s", ["^", *syllables(text), "$"], 1, 3)
        return
    words = FIGURES.sub("0", text).split()
    yield from _runs("w", ["^", *words, "$"], 1, 3)
    for word in words:
        padded = f"_{word}_"
        for size in (3, 4):
            for at in range(len(padded) - size + 1):
                yield f"c{padded[at : at + size]}"


def _runs(
    kind: str, parts: Sequence[str], shortest: int, longest: int
) -> Iterator[str]:
    for size in range(shortest, longest + 1):
        for at in range(len(parts) - size + 1):
            yield kind + " ".join(parts[at : at + size])
