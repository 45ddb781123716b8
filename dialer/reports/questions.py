"""Questions that are ready: SQL files whose first lines say what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Question:
    """A ready question: its name, what it answers, its SQL."""

    name: str
    about: str
    sql: str


def questions(folder: Path) -> dict[str, Question]:
    """All of a folder, by name."""
    found = {}
    for path in sorted(folder.glob("*.sql")):
        sql = path.read_text("utf-8")
        lines = [line for line in sql.splitlines() if line.startswith("--")]
        about = " ".join(line.removeprefix("--").strip() for line in lines)
        found[path.stem] = Question(path.stem, about, sql)
    return found
