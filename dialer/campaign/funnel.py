"""Why contacts are not called: where each of them stops, and when it goes on.

Pure: the store streams how every contact stands, here it is counted. What a rule
belongs to and what a local clock shows is told by functions: those are compliance's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from dialer.attempt import Phase
from dialer.campaign.forecast import Forecast
from dialer.model import Disposition
from dialer.store.port import Stood

#: In the order in which a contact must pass them.
STAGES = ("provenance", "reviewed", "consent", "caps", "window")
NEVER_RANG = frozenset({Disposition.REFUSED, Disposition.CANCELLED})


@dataclass(slots=True)
class Stage:
    """`stopped`: contacts that this stage is the first to stop."""

    stopped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # rule -> contacts
    details: dict[str, str] = field(default_factory=dict)  # rule -> one example
    never: int = 0  # of the stopped, those that time alone will not let through


@dataclass(slots=True)
class Opening:
    """Contacts that only wait for the hour: when the clock of their zone shows this."""

    at: datetime  # the earliest of them
    contacts: int = 0
    zones: set[str] = field(default_factory=set)


class Funnel:
    """`stage_of`: from a reason's rule to one of STAGES. `clock`: an instant and a zone
    to what the clock shows there, as 09:00."""

    def __init__(
        self,
        now: datetime,
        stage_of: Callable[[str], str],
        clock: Callable[[datetime, str], str],
        forecast: Forecast,
    ) -> None:
        self.now = now
        self.forecast = forecast
        self.imported = 0
        self.stages = {name: Stage() for name in STAGES}
        self.callable = Counter({"now": 0, "later": 0, "in_hand": 0})
        self.finished = Counter[str]()
        self.openings = dict[str, Opening]()
        self._stage_of = stage_of
        self._clock = clock

    def add(self, stood: Iterable[Stood]) -> None:
        """Count a chunk."""
        for one in stood:
            self.imported += 1
            if one.phase is Phase.DONE and one.disposition not in NEVER_RANG:
                self.finished[str(one.disposition)] += 1
                continue
            self.forecast.add(one.case, one.verdict, one.not_before)
            if one.verdict.allowed:
                self.callable[self._when(one)] += 1
            else:
                self._stop(one)

    def left(self) -> list[tuple[str, int]]:
        """How many are still in after each stage, from `imported` to `callable`."""
        rows = [("imported", self.imported)]
        count = self.imported - sum(self.finished.values())
        for name, stage in self.stages.items():
            count -= stage.stopped
            rows.append((name, count))
        return [*rows, ("callable", count)]

    def _when(self, one: Stood) -> str:
        if one.phase not in {None, Phase.DUE, Phase.DONE}:
            return "in_hand"
        if one.phase is Phase.DUE and one.not_before and one.not_before > self.now:
            return "later"
        return "now"

    def _stop(self, one: Stood) -> None:
        by_stage = {name: list[tuple[str, str]]() for name in STAGES}
        for reason in one.verdict.reasons:
            by_stage[self._stage_of(reason.rule)].append((reason.rule, reason.detail))
        first = next(name for name in STAGES if by_stage[name])
        stage = self.stages[first]
        stage.stopped += 1
        stage.never += one.verdict.next_allowed is None
        for rule in dict.fromkeys(rule for rule, _ in by_stage[first]):
            stage.reasons[rule] += 1
        for rule, detail in by_stage[first]:
            stage.details.setdefault(rule, detail)
        if first == "window" and one.verdict.next_allowed is not None:
            self._opens(one, one.verdict.next_allowed)

    def _opens(self, one: Stood, at: datetime) -> None:
        zones = one.contact.zones[one.number]
        shown = self._clock(at, zones[0])
        opening = self.openings.setdefault(shown, Opening(at))
        opening.at = min(opening.at, at)
        opening.contacts += 1
        opening.zones.add(zones[0])

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        left = dict(self.left())
        return {
            "at": self.now.isoformat(),
            "imported": self.imported,
            "funnel": [{"stage": name, "left": n} for name, n in left.items()],
            "stopped": {
                name: {
                    "contacts": stage.stopped,
                    "never_by_time": stage.never,
                    "reasons": dict(stage.reasons.most_common()),
                }
                for name, stage in self.stages.items()
            },
            "callable": dict(self.callable),
            "finished": dict(self.finished.most_common()),
            "outside_hours": [
                {
                    "until": shown,
                    "opens": opening.at.isoformat(),
                    "contacts": opening.contacts,
                    "zones": sorted(opening.zones),
                }
                for shown, opening in self.by_opening()
            ],
            "forecast": [
                {"hour": at.isoformat(), "numbers": n}
                for at, n in self.forecast.hours()
            ],
        }

    def by_opening(self) -> list[tuple[str, Opening]]:
        """The most contacts first."""
        return sorted(self.openings.items(), key=lambda found: -found[1].contacts)
