"""By how much does pacing beat dialing by hand, and one call for each free agent?

Simulated: live rates and team sizes, 30 seeds each, every mode against the same people
(common random numbers), from a cold start. A naive controller, and a manual baseline
twice as quick and twice as slow, run beside. Each cell that is done is kept in
`--cells`, so that a sweep that was stopped goes on.
Run: python -m bench.pacing [--json] [--plots docs/pacing]
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import math
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.machine import described, machine
from dialer.campaign.pacing.beliefs import Beliefs
from dialer.campaign.pacing.ceiling import Standing
from dialer.campaign.pacing.pacer import Decision, Floor, Mode, Tuning, decide
from dialer.campaign.retry import Policy, load_policy
from dialer.compliance.gate import make_judge
from dialer.compliance.packs import load as load_packs
from dialer.model import Judge
from dialer.simulate.parameters import Parameters, load
from dialer.simulate.simulate import Order, simulate

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config"
CELLS = ROOT / "bench/results/pacing-cells.jsonl"
SEEDS = 30
CHUNK = (
    10  # seeds that are run, and kept, together: all cells get their first ten first
)
TALK, WRAP = 120.0, 30.0
LIVE_RATES = (0.08, 0.1, 0.15, 0.2, 0.3, 0.5)
HOURS = {5: 2.0, 20: 1.0, 50: 1.0, 200: 0.25}  # of a shift, by agents
MIDDLE = 50  # agents, for the naive controller and for the sensitivity
BY_HAND = {"half": 0.5, "manual": 1.0, "twice": 2.0}  # times the manual seconds
STUDENT = {10: 2.262, 20: 2.093, 30: 2.045}  # 95 %, two-sided, by seeds
KEPT = ("connects_per_agent_hour", "talk_minutes_per_agent_hour", "occupancy")
COUNTED = ("abandoned", "live_answers", "violations")


@dataclass(frozen=True, slots=True)
class Cell:
    agents: int
    live_rate: float
    way: str  # a mode, `naive`, or a key of BY_HAND

    @property
    def order(self) -> Order:
        mode = (
            "manual" if self.way in BY_HAND else self.way.replace("naive", "predictive")
        )
        hours = HOURS[self.agents]
        return Order(mode, self.agents, self.live_rate, TALK, WRAP, hours, 0)


def cells() -> Iterator[Cell]:
    for agents in HOURS:
        for rate in LIVE_RATES:
            for way in ("manual", "progressive", "predictive"):
                yield Cell(agents, rate, way)
            if agents == MIDDLE:
                for way in ("naive", "half", "twice"):
                    yield Cell(agents, rate, way)


def naive(
    mode: Mode, floor: Floor, beliefs: Beliefs, account: Standing, tuning: Tuning
) -> Decision:
    """The textbook ratio: agents who will be free on average, over the live rate. It
    knows the true mean of a talk, and looks at no spread and at no account."""
    busy = len(floor.talking) + len(floor.wrapping)
    soon = floor.free + busy * min(1.0, 11.0 / (TALK + WRAP))
    wanted = int(soon / max(beliefs.live_rate, 0.01)) - len(floor.ringing)
    return Decision(max(0, min(wanted, floor.lines)), "a ratio")


@cache
def world() -> tuple[Parameters, Judge, Policy]:
    given = load(CONFIG / "pacing.toml")
    book = load_packs(CONFIG, today=given.list.start.date())
    return given, make_judge(book), load_policy(CONFIG / "retry.toml")


Figures = dict[str, list[float]]
Found = dict[Cell, Figures]


def measure(cell: Cell, seeds: range) -> Figures:
    """Each figure, seed by seed."""
    given, judge, policy = world()
    times = BY_HAND.get(cell.way, 1.0)
    by_hand = {k: v * times for k, v in given.manual.model_dump().items()}
    manual = given.manual.model_copy(update=by_hand)
    given = given.model_copy(update={"manual": manual})
    pacer = naive if cell.way == "naive" else decide
    found: Figures = {name: [] for name in (*KEPT, *COUNTED)}
    for seed in seeds:
        order = asdict(cell.order) | {"seed": seed}
        result = asdict(simulate(Order(**order), given, judge, policy, pacer))
        for name, values in found.items():
            values.append(result[name])
    return found


def version() -> str:
    """Of what the cells depend on: the parameters, the pacing and the simulator."""
    given = world()[0].model_dump_json()
    told = [f"{CHUNK} {TALK} {WRAP} {HOURS} {BY_HAND}", given]
    told.append((CONFIG / "retry.toml").read_text("utf-8"))
    for folder in ("dialer/campaign/pacing", "dialer/simulate"):
        told += [code(path) for path in sorted((ROOT / folder).glob("*.py"))]
    return hashlib.sha256("".join(told).encode()).hexdigest()[:12]


def code(path: Path) -> str:
    """Without comments, layout and docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            words = [n for n in body if isinstance(n, ast.Expr)]
            for n in (n for n in words if isinstance(n.value, ast.Constant)):
                body.remove(n)
    return ast.dump(tree)


Part = tuple[Cell, int]  # and the first of its seeds


def parts(seeds: int) -> list[Part]:
    return [(cell, first) for first in range(1, seeds + 1, CHUNK) for cell in cells()]


def kept(path: Path) -> dict[Part, Figures]:
    """What `path` holds of this very code."""
    if not path.exists():
        return {}
    rows = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    name = version()
    mine = (row for row in rows if row["version"] == name)
    return {(Cell(**row["cell"]), row["first"]): row["figures"] for row in mine}


def sweep(seeds: int, jobs: int, path: Path) -> Found:
    """All cells; what is in `path` is not run again, what is run is added to it."""
    found = kept(path)
    left = [part for part in parts(seeds) if part not in found]
    path.parent.mkdir(exist_ok=True)
    start, name = time.monotonic(), version()
    with ProcessPoolExecutor(jobs) as pool, path.open("a", encoding="utf-8") as file:
        running = {
            pool.submit(measure, cell, range(first, first + CHUNK)): (cell, first)
            for cell, first in left
        }
        for n, done in enumerate(as_completed(running), 1):
            cell, first = running[done]
            found[cell, first] = done.result()
            row = {"version": name, "cell": asdict(cell), "first": first}
            file.write(json.dumps(row | {"figures": found[cell, first]}) + "\n")
            file.flush()
            took = time.monotonic() - start
            told = f"{n}/{len(left)} {took:.0f} s {cell} from seed {first}"
            print(told, file=sys.stderr, flush=True)
    return together(found)


def together(found: dict[Part, Figures]) -> Found:
    """The parts of each cell in one, by seed."""
    whole: Found = {}
    for cell, first in sorted(found, key=lambda part: part[1]):
        figures = whole.setdefault(cell, {name: [] for name in (*KEPT, *COUNTED)})
        for name, values in figures.items():
            values += found[cell, first][name]
    return whole


@dataclass(frozen=True, slots=True)
class Mean:
    """Over the seeds, with a 95 % interval (Student)."""

    mean: float
    low: float
    high: float


def mean_of(values: Sequence[float]) -> Mean:
    middle = statistics.fmean(values)
    if len(values) < 2:
        return Mean(middle, middle, middle)
    t = STUDENT.get(len(values), 1.96 + 2.5 / (len(values) - 1))
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return Mean(middle, middle - half, middle + half)


def gain(found: Found, cell: Cell, over: str, name: str) -> Mean:
    """Of a figure over another way's, seed by seed."""
    other = found[Cell(cell.agents, cell.live_rate, over)][name]
    ours = found[cell][name]  # of the same seeds, as far as both were run
    return mean_of([a / b for a, b in zip(ours, other, strict=False)])


def abandoned(found: Found, cell: Cell) -> tuple[Mean, float]:
    """The share over the seeds (their mean and interval), and the worst seed's."""
    figures = found[cell]
    pairs = zip(figures["abandoned"], figures["live_answers"], strict=True)
    shares = [lost / max(1.0, live) for lost, live in pairs]
    return mean_of(shares), max(shares)


def report(found: Found) -> list[dict[str, Any]]:
    """A row for each cell of ours."""
    rows = []
    for cell in (cell for cell in cells() if cell in found):
        share, worst = abandoned(found, cell)
        row: dict[str, Any] = {
            **asdict(cell),
            "seeds": len(found[cell]["abandoned"]),
            **{k: asdict(mean_of(found[cell][k])) for k in KEPT},
            "abandoned_rate": asdict(share),
            "abandoned_rate_of_worst_seed": worst,
            "violations": sum(found[cell]["violations"]),
        }
        if cell.way in {"predictive", "progressive", "naive"}:
            connects, talk = KEPT[0], KEPT[1]
            row["connects_over_manual"] = asdict(gain(found, cell, "manual", connects))
            row["talk_over_progressive"] = asdict(
                gain(found, cell, "progressive", talk)
            )
        if cell.way == "predictive" and cell.agents == MIDDLE:
            for way in ("half", "twice"):
                key = f"connects_over_manual_{way}"
                row[key] = asdict(gain(found, cell, way, KEPT[0]))
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="a multiple of ten")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cells", type=Path, default=CELLS)
    parser.add_argument("--kept", action="store_true", help="run nothing")
    parser.add_argument("--plots", type=Path, help="a folder for the plots (PNG)")
    asked = parser.parse_args()
    if asked.kept:
        found = together(kept(asked.cells))
    else:
        found = sweep(asked.seeds, asked.jobs, asked.cells)
    rows = report(found)
    if asked.plots:
        from bench.pacing_plots import draw  # needs matplotlib, which is for developers

        draw(rows, asked.plots)
    if asked.json:
        print(json.dumps({"machine": machine(), "simulated": True, "cells": rows}))
        return
    print(described(), "; simulated", sep="")
    for row in rows:
        if row["way"] in {"predictive", "naive"}:
            print(one_line(row))


def one_line(row: dict[str, Any]) -> str:
    def told(name: str) -> str:
        found = row[name]
        return f"{found['mean']:.2f} ({found['low']:.2f} to {found['high']:.2f})"

    return (
        f"{row['agents']:3} agents, live {row['live_rate']:.2f}, {row['way']:10} "
        f"connects over manual {told('connects_over_manual')}, talk over progressive "
        f"{told('talk_over_progressive')}, abandoned "
        f"{100 * row['abandoned_rate']['mean']:.2f} % (worst seed "
        f"{100 * row['abandoned_rate_of_worst_seed']:.2f} %)"
    )


if __name__ == "__main__":
    main()
