"""How many verdicts a second does the gate give on one core?

Cases of several countries, 20 calls of history each, at hours of which about half are
open; the allowed and the refused (with all reasons and the next allowed instant) are
timed apart, and so is the batch command: from a file of cases to a file of verdicts.
Run: python -m bench.gate [--json]
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.machine import described, machine
from dialer.cli.batch import judge_all
from dialer.compliance.gate import make_judge
from dialer.compliance.packs import load
from dialer.compliance.rules import Rulebook
from dialer.model import Case, Consent, PastCall

CONFIG = Path(__file__).parents[1] / "config"
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
HISTORY = 20
APART = {"history", "consents", "flags_until"}  # the last is of the ledger only
PLACES = (
    ("CN-32", ("Asia/Shanghai",)),
    ("CN-65", ("Asia/Shanghai", "Asia/Urumqi")),
    ("US-NV", ("America/Los_Angeles", "America/Denver")),
    ("US-NY", ("America/New_York",)),
    ("GB", ("Europe/London",)),
    ("IE", ("Europe/Dublin",)),
    ("AU-NSW", ("Australia/Sydney",)),
    ("DE-BY", ("Europe/Berlin",)),
)


@dataclass(frozen=True, slots=True)
class Result:
    seed: int
    cases: int
    history_entries: int
    verdicts_per_second: float
    allowed_per_second: float
    refused_per_second: float
    batch_lines_per_second: float
    allowed_share: float


Work = tuple[Case, datetime]


def cases(count: int, seed: int) -> list[Work]:
    """Cases at random hours, each with 20 calls of the last 40 days."""
    chance = random.Random(seed)
    return [_case(chance, n) for n in range(count)]


def _case(chance: random.Random, n: int) -> Work:
    location, zones = chance.choice(PLACES)
    at = NOW + timedelta(minutes=chance.randrange(7 * 24 * 60))
    number = f"n_{n}"
    calls = tuple(
        PastCall(
            at - timedelta(minutes=chance.randrange(1440, 40 * 1440)),
            chance.choice(("out", "out", "out", "in")),
            chance.choice(("unanswered", "unanswered", "blocked")),
            number,
            chance.choice(("a_1", "a_2")),
        )
        for _ in range(HISTORY)
    )
    case = Case(
        number,
        f"p_{n}",
        "a_1",
        zones,
        (location,),
        sources=("court_document", "filed_contract", "public_register"),
        reviewers=("r1", "r2"),
        importer="i1",
        history=calls,
        consents=(Consent("any", NOW - timedelta(days=99), NOW + timedelta(days=99)),),
    )
    return case, at


def line(work: Work) -> bytes:
    """The same case as `compliance check --batch` reads it."""
    case, at = work
    found = {
        **{k: v for k, v in asdict(case).items() if k not in APART},
        "id": case.number,
        "at": at.isoformat(),
        "history": [{**asdict(c), "at": c.at.isoformat()} for c in case.history],
        "consents": [
            {"scope": c.scope, "from": c.start.isoformat(), "to": c.end.isoformat()}
            for c in case.consents
        ],
    }
    return json.dumps(found).encode()


def rate(run: Callable[[], object], count: int) -> float:
    """CPU time, not wall time: others may share the machine."""
    run()
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return count / best if best else 0.0


def measure(count: int, seed: int) -> Result:
    book = load(CONFIG, today=NOW.date())
    judge = make_judge(book)
    work = cases(count, seed)
    allowed = [w for w in work if judge(*w).allowed]
    refused = [w for w in work if not judge(*w).allowed]
    lines = [line(w) for w in work]

    def judged(some: Sequence[Work]) -> float:
        return rate(lambda: [judge(*w) for w in some], len(some))

    return Result(
        seed=seed,
        cases=count,
        history_entries=HISTORY,
        verdicts_per_second=round(judged(work)),
        allowed_per_second=round(judged(allowed)),
        refused_per_second=round(judged(refused)),
        batch_lines_per_second=round(_lines(lines, book, len(allowed))),
        allowed_share=round(len(allowed) / count, 3),
    )


def _lines(lines: Sequence[bytes], book: Rulebook, allowed: int) -> float:
    with tempfile.TemporaryDirectory(prefix="bench-gate-") as folder:
        batch, results = Path(folder) / "cases.jsonl", Path(folder) / "verdicts.jsonl"
        batch.write_bytes(b"\n".join(lines))
        if judge_all(batch, results, book)["allowed"] != allowed:
            raise SystemExit("the batch says otherwise than the gate")
        return rate(lambda: judge_all(batch, results, book), len(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cases", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    result = asdict(measure(asked.cases, asked.seed))
    if asked.json:
        print(json.dumps({"machine": machine(), **result}))
        return
    print(described())
    for name, figure in result.items():
        print(f"{name:22} {figure}")


if __name__ == "__main__":
    main()
