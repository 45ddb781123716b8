"""`dialer templates try --batch FILE.tsv`: many sentences at once, for test sets."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from dialer.cli.frame import Fail
from ivr.doubt import worth_asking
from ivr.intent import understand
from ivr.library import Library
from ivr.script import admissible
from ivr.select import at_stage, choose
from ivr.template import LANGUAGES

COLUMNS = ("id", "lang", "stage", "text")
STAGES = ("1", "2", "3", "4", "5")
HEARD = ("", "0", "1")  #: of the column `heard`, which may be absent


def tried(
    library: Library, script: str, path: Path, now: datetime, *, heard: bool
) -> list[Any]:
    """One object a line: `intent` (None where it abstains: then `clarify` is true),
    `template` that answers it, or that asks back about `guess`, or None; `confidence`
    0 to 1. `heard`: a recogniser wrote all of them. Fail names the first bad line of
    the file and how many more."""
    return [_try(library, script, row, now, heard) for row in rows(path)]


def _try(
    library: Library, name: str, row: dict[str, str], now: datetime, heard: bool
) -> dict[str, Any]:
    script = library.script(row["lang"], name)
    position = at_stage(script, int(row["stage"]))
    expected = admissible(script.states[position.state], position.stage)
    heard = heard or row.get("heard") == "1"
    meant = understand(row["text"], row["lang"], expected, now, heard=heard)
    choice = choose(script, position, meant.intent, meant.slots)
    clarify = meant.intent == "unknown"
    said = choice.templates[0] if choice.templates and not clarify else None
    named = library.fragments[row["lang"]].wishes
    if clarify and worth_asking(script, position, meant, choice.place, named):
        said = script.failures.clarify.ask
    return {
        "id": row["id"],
        "intent": None if clarify else meant.intent,
        "clarify": clarify,
        "template": said,
        "confidence": round(meant.confidence, 4),
        "guess": meant.guess or None,
        "slots": meant.slots,
    }


def rows(path: Path) -> list[dict[str, str]]:
    """The lines of a batch file, checked."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Fail(f"{path}: {error}") from error
    reader = csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = next(reader, [])
    if missing := [name for name in COLUMNS if name not in header]:
        raise Fail(f"{path}: line 1: no column {', '.join(missing)}")
    found: list[dict[str, str]] = []
    problems: list[str] = []
    for number, line in enumerate(reader, 2):
        if not any(line):
            continue
        wrong = [f"{path}: line {number}: {what}" for what in _wrong(header, line)]
        problems += wrong
        if not wrong:
            found.append(dict(zip(header, line, strict=True)))
    if problems:
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        raise Fail(problems[0] + more)
    return found


def _wrong(header: list[str], line: list[str]) -> Iterator[str]:
    if len(line) != len(header):
        yield f"{len(line)} columns, expected {len(header)}"
        return
    row = dict(zip(header, line, strict=True))
    if row["lang"] not in LANGUAGES:
        yield f"lang {row['lang']!r}, expected {' or '.join(LANGUAGES)}"
    if row["stage"] not in STAGES:
        yield f"stage {row['stage']!r}, expected 1 to 5"
    if row.get("heard", "") not in HEARD:
        yield f"heard {row['heard']!r}, expected 1 or 0"
