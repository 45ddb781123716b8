"""What a simulated shift comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dialer.model import Disposition
from dialer.simulate.people import Answer
from dialer.simulate.roll import Call


@dataclass(frozen=True, slots=True)
class Figures:
    """Rates are per agent and hour of the shift; agentless: per line and hour.

    connects: live people who were put through to an agent. abandoned_rate: of all live
    people who answered. wait_p95_s: of the people, from their answer to an agent.
    agent_wait_p95_s: of the agents, between two people. effective: talks of
    `effective_s` and longer, an agent and a day of `day_hours`.
    """

    connects_per_agent_hour: float
    talk_minutes_per_agent_hour: float
    occupancy: float
    abandoned_rate: float
    wait_p95_s: float
    agent_wait_p95_s: float
    effective_calls_per_day: float
    attempts_per_person_max: int
    violations: int
    violations_by_rule: dict[str, int]
    calls: int
    live_answers: int
    abandoned: int
    refused_by_gate: int
    list_used: float  # share of the people called at least once


@dataclass(frozen=True, slots=True)
class Measured:
    """What the figures are worked out from. Seconds."""

    calls: Sequence[Call]
    agents: int
    seconds: float
    talk: float
    busy: float  # talk, wrap-up and listening to machines
    waits: Sequence[float]
    refused: int
    people: int
    broken: Counter[str]


def figures(of: Measured, effective_s: float, day_hours: float) -> Figures:
    hours = of.agents * of.seconds / 3600
    live = [c for c in of.calls if c.answer is Answer.LIVE]
    talks = [c for c in live if c.disposition is not Disposition.ABANDONED]
    in_time = [c for c in talks if c.ended_ringing + (c.waited or 0.0) < of.seconds]
    effective = sum(c.talked >= effective_s for c in in_time)
    tried = Counter(c.person for c in of.calls)
    return Figures(
        connects_per_agent_hour=len(in_time) / hours,
        talk_minutes_per_agent_hour=of.talk / 60 / hours,
        occupancy=of.busy / (of.agents * of.seconds),
        abandoned_rate=1 - len(talks) / len(live) if live else 0.0,
        wait_p95_s=_p95([c.waited or 0.0 for c in talks]),
        agent_wait_p95_s=_p95(of.waits),
        effective_calls_per_day=effective / hours * day_hours,
        attempts_per_person_max=max(tried.values(), default=0),
        violations=of.broken.total(),
        violations_by_rule=dict(sorted(of.broken.items())),
        calls=len(of.calls),
        live_answers=len(live),
        abandoned=len(live) - len(talks),
        refused_by_gate=of.refused,
        list_used=len(tried) / of.people,
    )


def _p95(found: Sequence[float]) -> float:
    return sorted(found)[int(0.95 * (len(found) - 1))] if found else 0.0
