"""How well a turn is understood: precision, coverage, legal recall, talk off topic.

On sentences written apart from the rules and examples (tests/data/intents-*.tsv), with
the stage given; figures as INTENTS defines them. Written text, not heard through a
telephone. `legal_missed`: no legal intent at all was heard.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.machine import machine
from ivr.intent import LANGUAGES, understand
from ivr.inventory import LEGAL, STAGES

DATA = Path(__file__).parents[1] / "tests" / "data"
NOW = datetime(2026, 11, 24, 14, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
CARE = LEGAL - {"are_you_robot", "ask_who"}


@dataclass(frozen=True, slots=True)
class Row:
    """One sentence: the stage it is said in, what it means, what was understood."""

    stage: int
    text: str
    wanted: str
    got: str
    by: str
    ms: float


def run(language: str) -> list[Row]:
    """Understand every sentence of the held-out set of a language."""
    understand("", language, STAGES[1], NOW)
    rows = []
    with (DATA / f"intents-{language}.tsv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            stage = int(line["stage"])
            began = time.perf_counter()
            got = understand(line["text"], language, STAGES[stage], NOW)
            ms = (time.perf_counter() - began) * 1000
            rows.append(
                Row(stage, line["text"], line["intent"], got.intent, got.by, ms)
            )
    return rows


def figures(rows: list[Row]) -> dict[str, float | int]:
    """Shares from 0 to 1, times in ms."""
    scope = [r for r in rows if r.wanted != "unknown"]
    off = [r for r in rows if r.wanted == "unknown"]
    acted = [r for r in scope if r.got != "unknown"]
    care = [r for r in scope if r.wanted in CARE]
    times = sorted(r.ms for r in rows)
    return {
        "sentences": len(rows),
        "precision": _share(sum(r.got == r.wanted for r in acted), len(acted)),
        "coverage": _share(len(acted), len(scope)),
        "legal_recall": _share(sum(r.got == r.wanted for r in care), len(care)),
        "legal_missed": _share(sum(r.got not in LEGAL for r in care), len(care)),
        "off_topic_acted": _share(sum(r.got != "unknown" for r in off), len(off)),
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(times[int(len(times) * 0.95)], 2),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def main() -> int:
    """Print the figures of each language; --errors lists what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--errors", action="store_true", help="count errors by intent")
    asked = parser.parse_args()
    result: dict[str, object] = {"machine": machine()}
    for language in LANGUAGES:
        rows = run(language)
        result[language] = figures(rows)
        if asked.errors:
            wrong = Counter((r.wanted, r.got) for r in rows if r.got != r.wanted)
            for (wanted, got), count in wrong.most_common():
                print(f"{language} {wanted} -> {got}: {count}", file=sys.stderr)
    if asked.json:
        print(json.dumps(result, ensure_ascii=False))
        return 0
    for name, value in result.items():
        print(name, value)
    return 0


if __name__ == "__main__":
    sys.exit(main())
