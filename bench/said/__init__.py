"""What callees say, by intent and language: what the models of `ivr` learn from.

`LANGUAGE/*.txt` is written by hand: `[intent]` opens a list, a line is one thought, its
wordings stand between bars. `heard-LANGUAGE.tsv` is made by `bench.hear`: the same
sentences as a recogniser wrote them after a telephone line. `unlearnt-LANGUAGE.tsv` has
more of those, on which limits are set and from which nothing is learnt. `#` opens a
comment.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ivr.inventory import INTENTS
from ivr.text import letters, plain

HERE = Path(__file__).parent
HEARD, UNLEARNT = "heard", "unlearnt"  #: kinds of copies


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence. `group`: wordings of one thought share it; `source`: what was
    said, where `text` is what a recogniser made of it, else the text itself."""

    intent: str
    text: str
    group: int
    source: str
    heard: bool = False


class SaidError(ValueError):
    """A file of sentences that cannot be used; the message has every bad line."""


def written(language: str, folder: Path = HERE) -> list[Line]:
    """All sentences written by hand, in the order of the files."""
    lines: list[Line] = []
    problems: list[str] = []
    group = 0
    for path in sorted((folder / language).glob("*.txt")):
        intent = ""
        for number, raw in enumerate(path.read_text("utf-8").splitlines(), 1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("["):
                intent = line.strip("[]")
                if intent not in INTENTS:
                    problems.append(f"{path}:{number}: no such intent: {intent}")
                continue
            if not intent:
                problems.append(f"{path}:{number}: a sentence before any [intent]")
            group += 1
            texts = [t.strip() for t in line.split("|")]
            lines += [Line(intent, t, group, t) for t in texts if t]
    if problems:
        raise SaidError("\n".join(problems))
    return lines


def heard(
    language: str, said: list[Line], folder: Path = HERE, *, kind: str = HEARD
) -> list[Line]:
    """What a recogniser made of the sentences `said`, each in its sentence's group;
    copies of sentences that are no longer there, and copies without a letter, are
    left out."""
    path = folder / f"{kind}-{language}.tsv"
    if not path.is_file():
        return []
    homes: dict[str, list[Line]] = {}
    for line in said:
        homes.setdefault(line.text, []).append(line)
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        copies = {(row["said"], row["heard"]) for row in rows}
    return [
        Line(home.intent, text, home.group, source, heard=True)
        for source, text in sorted(copies)
        if letters(plain(text, language), language)
        for home in homes.get(source, [])
    ]
