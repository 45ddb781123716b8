"""How well we talked: confirmation nodes, silence budget, speaking rate (R12)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class SilenceBudget:
    """Seconds of silence a call may hold before we stop waiting. It lets people
    think, and it ends."""

    limit: float = 30.0
    spent: float = 0.0

    def spend(self, seconds: float) -> SilenceBudget:
        """ValueError if `seconds` is negative."""
        if seconds < 0:
            raise ValueError(f"a silence of {seconds} s")
        return replace(self, spent=self.spent + seconds)

    @property
    def left(self) -> float:
        return max(self.limit - self.spent, 0.0)

    @property
    def exhausted(self) -> bool:
        return self.spent >= self.limit


def confirmations(nodes: Iterable[str]) -> int:
    """How many different confirmation nodes were passed."""
    return len(set(nodes))


def speaking_rate(spoken: Iterable[tuple[int, float]]) -> float:
    """Units (zh: characters, en: words) a minute over (units, seconds) of each clip;
    0.0 when nothing was spoken."""
    units, seconds = 0, 0.0
    for count, length in spoken:
        units += count
        seconds += length
    return units / seconds * 60 if seconds > 0 else 0.0


def measures(
    *,
    nodes: Collection[str],
    rights: Collection[str],
    silence: SilenceBudget,
    spoken: Iterable[tuple[int, float]],
) -> dict[str, float]:
    """The figures of R9 and R12 for a call's record."""
    return {
        "confirmations": float(confirmations(nodes)),
        "rights_explained": float(len(set(rights))),
        "silence_seconds": round(silence.spent, 2),
        "silence_left": round(silence.left, 2),
        "units_per_minute": round(speaking_rate(spoken), 1),
    }
