"""How calls ended against how they should have, told with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.machine import described, machine
from dialer.channels.loopback.callee import Expect
from dialer.model import Turn

WANTED = 0.95  #: of the calls should end as their file says
Z = 1.96


@dataclass(frozen=True, slots=True)
class Ended:
    """One call: what its file expects and what came of it."""

    name: str
    language: str
    expect: Expect
    got: str
    stage: int
    flags: frozenset[str]
    seconds: float
    turns: tuple[Turn, ...] = ()

    @property
    def wrong(self) -> str:
        """What is not as the file says; empty: nothing."""
        missing = sorted(set(self.expect.flags) - self.flags)
        found = []
        if self.got != self.expect.disposition:
            found.append(f"expected {self.expect.disposition}, got {self.got}")
        if missing:
            found.append(f"flags missing: {', '.join(missing)}")
        if self.expect.stage not in (None, self.stage):
            found.append(f"expected stage {self.expect.stage}, got {self.stage}")
        return "; ".join(found)


def interval(right: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if not of:
        return 0.0, 1.0
    share, z2 = right / of, Z * Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def figures(calls: Sequence[Ended]) -> dict[str, object]:
    """Right, of how many, share and interval."""
    right = sum(not call.wrong for call in calls)
    low, high = interval(right, len(calls))
    return {
        "right": right,
        "of": len(calls),
        "share": round(right / len(calls), 3) if calls else None,
        "low": round(low, 3),
        "high": round(high, 3),
    }


def line(turn: Turn) -> str:
    """A turn as it was heard or said, masked already."""
    told = f"{turn.at:6.1f} s {turn.who:4} {turn.stage}  "
    if turn.who == "us":
        return told + turn.template + (" (cut short)" if turn.interrupted else "")
    return told + f"{turn.text!r} -> {turn.intent} ({turn.confidence:.2f})"


def as_dict(calls: Sequence[Ended]) -> dict[str, object]:
    """For `--json`."""
    return {
        "machine": machine(),
        "all": figures(calls),
        "languages": {
            language: figures([c for c in calls if c.language == language])
            for language in sorted({call.language for call in calls})
        },
        "wanted": WANTED,
        "calls": [
            {
                "name": call.name,
                "expected": call.expect.disposition,
                "got": call.got,
                "wrong": call.wrong,
                "seconds": call.seconds,
                "turns": [line(turn) for turn in call.turns] if call.wrong else [],
            }
            for call in calls
        ],
    }


def show(calls: Sequence[Ended]) -> None:
    print(described())
    for call in calls:
        mark = call.wrong or "as expected"
        print(f"{call.name:28} {call.got:16} {call.seconds:6.1f} s  {mark}")
    for call in calls:
        if call.wrong:
            print(f"\n{call.name}: {call.wrong}")
            for turn in call.turns:
                print(f"  {line(turn)}")
    print()
    for language in (*sorted({call.language for call in calls}), ""):
        told = figures([c for c in calls if language in (c.language, "")])
        print(
            f"{language or 'all':4} {told['right']} of {told['of']} as expected: "
            f"{told['share']} [{told['low']}, {told['high']}], wanted {WANTED}"
        )
