"""The gate and the oracle, asked the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path

from dialer.compliance.lines import check
from dialer.compliance.packs import load
from dialer.compliance.rules import Rulebook
from tests.oracle.cases import Case, draw
from tests.oracle.judge import Opinion, judge

CONFIG = Path(__file__).parents[2] / "config"


@dataclass(frozen=True, slots=True)
class Disagreement:
    case: Case
    oracle: Opinion
    gate: Opinion

    def __str__(self) -> str:
        told = [f"seed {self.case['id']}", json.dumps(self.case)]
        for who, said in (("oracle", self.oracle), ("gate", self.gate)):
            told.append(f"{who}: {sorted(said.broken)}, next {said.next_allowed}")
        return "\n  ".join(told)


@cache
def book() -> Rulebook:
    return load(CONFIG, today=date(2026, 11, 26))


def asked(case: Case) -> Opinion:
    """What the gate says, in the oracle's words."""
    said = check(json.dumps(case).encode(), book())
    assert said["allowed"] == (not said["reasons"]), said
    # accord.flags.attorney is rule accord.flags, about the flag attorney
    broken = frozenset(".".join(r["rule"].split(".")[:2]) for r in said["reasons"])
    when = case["at"] if said["allowed"] else said["next_allowed"]
    return Opinion(broken, None if when is None else datetime.fromisoformat(when))


def disagreement(seed: int) -> Disagreement | None:
    """None: both say the same of this case, down to the minute."""
    case = draw(seed)
    ours, theirs = judge(case), asked(case)
    return None if ours == theirs else Disagreement(case, ours, theirs)
