"""What a call leaves behind: turns masked as they come, nodes, facts, measures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from statistics import median

from dialer.evidence.mask import Mask
from dialer.model import Turn
from ivr.port import Say, Understood

#: Facts that may be stored as they are; the others go through the mask.
PLAIN = frozenset(
    {"option", "months", "date", "promise_date", "callback_at", "reason", "weighed"}
)


@dataclass(slots=True)
class Record:
    """Collects; nothing unmasked stays in it."""

    mask: Mask
    known: Collection[str]
    keep: Collection[str] = ()  # never personal: the agency, the creditor
    turns: list[Turn] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    spoken_units: float = 0.0
    spoken_minutes: float = 0.0
    slow_units: float = 0.0  # the same of what was said slower on request
    slow_minutes: float = 0.0
    barge_ins: int = 0

    def ours(self, say: Say, at: float, seconds: float) -> None:
        """We began to say a template."""
        self.turns.append(
            Turn(
                "us",
                round(at, 2),
                round(seconds, 2),
                self._masked(say.shown),
                say.stage,
                template=say.template,
                clauses=say.clauses,
                rights=say.rights,
                confirmation=say.confirmation,
                key=say.key_sentence,
            )
        )

    def _masked(self, shown: str) -> str:
        """Our own words hold labels already. What merely sounds like the callee's name
        ("press zero") is no name when we say it; the name itself still is."""
        known = self.known if any(value in shown for value in self.known) else ()
        return self.mask.text(shown, known, self.keep)

    def theirs(
        self, text: str, at: float, seconds: float, stage: int, meant: Understood | None
    ) -> None:
        """They said something; `meant` is how it was understood."""
        self.turns.append(
            Turn(
                "them",
                round(at, 2),
                round(seconds, 2),
                self.mask.text(text, self.known),
                stage,
                intent=meant.intent if meant else "",
                confidence=round(meant.confidence, 3) if meant else 0.0,
            )
        )

    def cut(self, at: float) -> tuple[str, ...]:
        """What was queued is dropped: the turn under way lasted until now, and those
        behind it were never said. -> the templates that were not said whole: none, if
        only the end of the last one is missing"""
        ours = [turn for turn in self.turns if turn.who == "us"]
        cut = [turn.template for turn in ours if turn.at + turn.seconds > at]
        dropped = any(turn.at >= at for turn in ours)
        said = [turn for turn in self.turns if turn.who == "them" or turn.at < at]
        self.turns = [
            replace(turn, seconds=round(at - turn.at, 2), interrupted=True)
            if turn.who == "us" and turn.at + turn.seconds > at
            else turn
            for turn in said
        ]
        return tuple(cut) if dropped else ()

    def explained(self) -> tuple[str, ...]:
        """The rights told so far: a part of a sentence explains nothing."""
        whole = (turn for turn in self.turns if not turn.interrupted)
        return tuple(dict.fromkeys(right for turn in whole for right in turn.rights))

    def timeline(self) -> tuple[Turn, ...]:
        """All turns by the time they began; an answer stands after what it answers."""
        return tuple(sorted(self.turns, key=lambda t: (t.at, t.who == "us")))

    def fact(self, name: str, value: str) -> None:
        """Something agreed or learnt; masked unless it is a plain choice or date."""
        plain = name in PLAIN
        self.facts[name] = value if plain else self.mask.text(value, self.known)

    def rate(
        self, units_per_minute: float, seconds: float, *, slow: bool = False
    ) -> None:
        """Count a spoken clip towards the measured speaking rate; what they asked us
        to say slower has its own."""
        if slow:
            self.slow_units += units_per_minute * seconds / 60
            self.slow_minutes += seconds / 60
            return
        self.spoken_units += units_per_minute * seconds / 60
        self.spoken_minutes += seconds / 60

    def measures(self, seconds: float, silence: float) -> dict[str, float]:
        """The technique of the call (R12) and how quick we were."""
        found = {
            "seconds": seconds,
            "silence_seconds": silence,
            "confirmations": float(len(set(self.confirmed))),
            "rights_explained": float(len(self.explained())),
            "barge_ins": float(self.barge_ins),
            "turns": float(len(self.turns)),
        }
        if self.spoken_minutes:
            found["units_per_minute"] = self.spoken_units / self.spoken_minutes
        if self.slow_minutes:
            found["slow_units_per_minute"] = self.slow_units / self.slow_minutes
        if self.latencies:
            found["turn_latency_p50"] = median(self.latencies)
            found["turn_latency_max"] = max(self.latencies)
            found["recognition_wait_p50"] = median(self.waits)
        return {name: round(value, 3) for name, value in found.items()}
