"""How often is a spoken value understood exactly?

On tests/data/spoken-*.tsv: sums, days, months, call-backs, options, yes and no, digits,
as a recogniser writes them; the values were set before the parsers were tried on them.
A third (by a checksum of the text) is `unseen`: no parser was mended on it.

usage: python -m bench.slots [--json] [--errors]
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zlib import crc32
from zoneinfo import ZoneInfo

from ivr import slots
from ivr.intent import LANGUAGES

DATA = Path(__file__).parents[1] / "tests" / "data"
NOW = datetime(2026, 11, 24, 14, 20, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Tuesday
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One value: what was said, what it is, what was understood."""

    language: str
    kind: str
    text: str
    wanted: str
    got: str

    @property
    def unseen(self) -> bool:
        return crc32(self.text.encode()) % 3 == 0


def read(language: str, kind: str, text: str) -> str:
    """The value of `kind` in `text`, as the tables write it."""
    found: object
    match kind:
        case "amount":
            value = slots.amount(text, language)
            found = None if value is None else slots.decimal(value)
        case "date":
            found = slots.date(text, language, NOW.date())
        case "months":
            found = slots.months(text, language)
        case "callback":
            at = slots.callback(text, language, NOW)
            found = at.strftime("%m-%d %H:%M") if at else None
        case "option":
            found = slots.option(text, language)
        case "yes_no":
            answer = slots.yes_no(text, language)
            found = None if answer is None else "yes" if answer else "no"
        case "digits":
            found = slots.digits(text, language) or None
        case _:
            raise ValueError(f"kind {kind!r} of value: {text}")
    return NOTHING if found is None else str(found)


def run() -> list[Row]:
    """Both tables."""
    rows = []
    for language in LANGUAGES:
        path = DATA / f"spoken-{language}.tsv"
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file, delimiter="\t"):
                kind, text = line["kind"], line["text"]
                got = read(language, kind, text)
                rows.append(Row(language, kind, text, line["value"], got))
    return rows


def exact(rows: list[Row]) -> float:
    """The share that is right to the letter."""
    return round(sum(r.got == r.wanted for r in rows) / len(rows), 4)


def main() -> int:
    """Print the shares; --errors lists what was wrong among the seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--errors", action="store_true")
    asked = parser.parse_args()
    rows = run()
    result: dict[str, object] = {"values": len(rows), "exact": exact(rows)}
    unseen = [r for r in rows if r.unseen]
    result |= {"unseen": len(unseen), "unseen_exact": exact(unseen)}
    for language in LANGUAGES:
        result[language] = exact([r for r in rows if r.language == language])
    if asked.errors:
        for r in rows:
            if r.got != r.wanted and not r.unseen:
                print(f"{r.kind} {r.text}: {r.got}, not {r.wanted}", file=sys.stderr)
    if asked.json:
        print(json.dumps(result))
        return 0
    for name, value in result.items():
        print(f"{name:14} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
