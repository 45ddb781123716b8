"""Chinese sentences as a recogniser might write them: words that sound alike.

A recogniser that errs mostly writes another word of the same sound: 事等 for 是的. Such
copies, by the frequencies of jieba's dictionary, are learnt from beside the few that
were really heard (`bench.hear`). Which words change follows from the text alone.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path
from zlib import crc32

import jieba
import numpy as np

from ivr.text import HAN, syllables

SHARE = 0.4  # of the words change
OFTEN = 100  # a word rarer than that in jieba's texts is not written by mistake
WIDEST = 3  # characters of a word


@cache
def _words() -> dict[tuple[str, ...], list[tuple[str, float]]]:
    """Words by their blurred syllables, with how often they are written."""
    path = Path(jieba.__file__).parent / "dict.txt"
    found: dict[tuple[str, ...], list[tuple[str, float]]] = defaultdict(list)
    for line in path.read_text("utf-8").splitlines():
        word, often, *_ = line.split(" ")
        if len(word) <= WIDEST and HAN.match(word) and int(often) >= OFTEN:
            found[tuple(syllables(word))].append((word, float(often)))
    return found


def misheard(text: str) -> str:
    """`text` (normal) with some words changed for others of the same sound; the same
    text where none sounds alike."""
    dice = np.random.default_rng(crc32(text.encode()))
    out = []
    for word in jieba.cut(text, HMM=False):
        parts = [word] if _alike(word) else [*word]
        for part in parts:
            others = _alike(part)
            if not others or dice.random() > SHARE:
                out.append(part)
                continue
            often = np.sqrt([often for _, often in others])
            choice = int(dice.choice(len(others), p=often / often.sum()))
            out.append(others[choice][0])
    return "".join(out)


def _alike(word: str) -> list[tuple[str, float]]:
    sound = tuple(syllables(word))
    return [other for other in _words().get(sound, []) if other[0] != word]
