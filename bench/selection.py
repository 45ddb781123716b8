"""How well a turn is understood: precision, coverage, legal recall, talk off topic.

Two sets, with the stage given, each share with its 95 % interval (Wilson):
`unseen`: every sentence the models learn from, judged by a model that saw neither it
nor a wording or near copy of it; hard on purpose, full of near misses. With --split,
and `unseen heard` those of them that a recogniser wrote, and more from which nothing
is learnt.
`written`: tests/data/intents-*.tsv, written apart, a development set by now; text, not
heard by telephone. `legal_missed`: no legal intent at all was heard; `legal_kept`: the
right one was heard, or would be asked back about. `asked`: a question would be asked
back, `asked_right`: about what was meant, of all questions.
With --held-out also tests/heldout, by an author who saw neither sentences nor rules:
`held out` as written, `heard` those that went through a telephone and a recogniser,
`audible` without those of which nothing was left. Never mend anything after them.
Also what the models cost: seconds to load, megabytes, milliseconds a turn.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import resource
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.limits import figures as unseen_figures
from bench.limits import outcome, typed
from bench.machine import machine
from bench.said import written
from bench.train_intents import judged, train
from ivr.intent import LANGUAGES, classifier, normal, ready, understand
from ivr.inventory import LEGAL, STAGES

TESTS = Path(__file__).parents[1] / "tests"
DATA = TESTS / "data"
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
    guess: str  # what would be asked back about, or ''


def run(
    language: str, path: Path, *, heard: bool = False, audible: bool = False
) -> list[Row]:
    """Understand every sentence of a set written apart, with `heard` as in a call.
    Those that happen to be among the sentences learnt from as well are left out, and
    with `audible` those of which the telephone left nothing."""
    known = {normal(line.text, language) for line in written(language)}
    understand("", language, STAGES[1], NOW)
    rows = []
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            said = line.get("said") or line["text"]
            if normal(said, language) in known:
                continue
            if audible and line["audible"] != "1":
                continue
            stage = int(line["stage"])
            began = time.perf_counter()
            got = understand(line["text"], language, STAGES[stage], NOW, heard=heard)
            ms = (time.perf_counter() - began) * 1000
            rows.append(
                Row(
                    stage,
                    line["text"],
                    line["intent"],
                    got.intent,
                    got.by,
                    ms,
                    got.guess,
                )
            )
    return rows


def figures(rows: list[Row]) -> dict[str, float | int]:
    """Shares from 0 to 1, times in ms."""
    times = sorted(r.ms for r in rows)
    return {
        "sentences": len(rows),
        **{name: _share(part, whole) for name, (part, whole) in counts(rows).items()},
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(times[int(len(times) * 0.95)], 2),
    }


def counts(rows: list[Row]) -> dict[str, tuple[int, int]]:
    """Each share as so many of so many."""
    scope = [r for r in rows if r.wanted != "unknown"]
    off = [r for r in rows if r.wanted == "unknown"]
    acted = [r for r in scope if r.got != "unknown"]
    care = [r for r in scope if r.wanted in CARE]
    return {
        "precision": (sum(r.got == r.wanted for r in acted), len(acted)),
        "coverage": (len(acted), len(scope)),
        "legal_recall": (sum(r.got == r.wanted for r in care), len(care)),
        "legal_missed": (sum(r.got not in LEGAL for r in care), len(care)),
        "legal_kept": (sum(r.wanted in {r.got, r.guess} for r in care), len(care)),
        "asked": (sum(bool(r.guess) for r in scope), len(scope)),
        "asked_right": (
            sum(r.guess == r.wanted for r in rows),
            sum(bool(r.guess) for r in rows),
        ),
        "off_topic_asked": (sum(bool(r.guess) for r in off), len(off)),
        "off_topic_acted": (sum(r.got != "unknown" for r in off), len(off)),
    }


def by_intent(rows: list[Row]) -> dict[str, str]:
    """Of each intent: right, wrong, asked back."""
    found = {}
    for intent in sorted({r.wanted for r in rows}):
        got = [r.got for r in rows if r.wanted == intent]
        right, back = got.count(intent), got.count("unknown")
        wrong = len(got) - right - (0 if intent == "unknown" else back)
        found[intent] = f"{right} right, {wrong} wrong, {len(got) - right - wrong} back"
    return found


def interval(part: int, whole: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if not whole:
        return 0.0, 1.0
    z, p = 1.96, part / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))
    half /= 1 + z * z / whole
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def cost() -> dict[str, float]:
    """Seconds until both languages are ready, and the process's largest size."""
    began = time.perf_counter()
    ready(*LANGUAGES)
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"load_s": round(time.perf_counter() - began, 2), "rss_mb": round(size)}


def unseen(language: str) -> dict[str, dict[str, float]]:
    """The figures of cross-validation by groups; trains, a minute or two."""
    model, every = classifier(language), judged(train(language))
    copies = [one for one in every if one.heard and not one.made]
    found = {}
    for name, rows in (("unseen", typed(every)), ("unseen heard", copies)):
        limits = model.limits(heard=rows is copies)
        shares = unseen_figures(outcome(rows, limits.legal, limits.rule), limits)
        found[f"{language} {name}"] = {n: round(s, 4) for n, s in shares.items()}
    return found


def held_out(language: str) -> dict[str, object]:
    there = TESTS / "heldout"
    heard = there / "heard" / f"{language}.tsv"
    sets = {
        "held out": run(language, there / f"{language}.tsv"),
        "heard": run(language, heard, heard=True),
        "audible": run(language, heard, heard=True, audible=True),
    }
    found: dict[str, object] = {}
    for name, rows in sets.items():
        found[f"{language} {name}"] = figures(rows)
        shares = counts(rows).items()
        found[f"{language} {name} 95 %"] = {n: interval(*of) for n, of in shares}
    return found


def main() -> int:
    """Print the figures of each language; --errors lists what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--errors", action="store_true", help="count errors by intent")
    parser.add_argument("--held-out", action="store_true", help="tests/heldout too")
    parser.add_argument("--split", action="store_true", help="cross-validate: trains")
    asked = parser.parse_args()
    result: dict[str, object] = {"machine": machine(), "cost": cost()}
    for language in LANGUAGES:
        rows = run(language, DATA / f"intents-{language}.tsv")
        result[f"{language} written"] = figures(rows)
        shares = counts(rows).items()
        result[f"{language} 95 %"] = {n: interval(*of) for n, of in shares}
        result[f"{language} intents"] = by_intent(rows)
        if asked.held_out:
            result |= held_out(language)
        if asked.split:
            result |= unseen(language)
        if asked.errors:
            wrong = Counter((r.wanted, r.got) for r in rows if r.got != r.wanted)
            for (wanted, got), count in wrong.most_common():
                print(f"{language} {wanted} -> {got}: {count}", file=sys.stderr)
    if asked.json:
        print(json.dumps(result, ensure_ascii=False))
        return 0
    for name, value in result.items():
        if isinstance(value, dict) and name.endswith("intents"):
            for intent, said in value.items():
                print(f"{name[:2]} {intent:20} {said}")
            continue
        print(name, value)
    return 0


if __name__ == "__main__":
    sys.exit(main())
