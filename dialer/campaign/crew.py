"""The agents of a queue as pacing sees them, from one look at their switch to the next.

An agent belongs to one callee at a time: who is kept for a callee is not free, though
the switch does not know of it yet. Pure: times are seconds of a stopwatch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from dialer.campaign.pacing.beliefs import Beliefs
from dialer.channels.port import Doing, Queue


@dataclass(slots=True)
class Seen:
    """`whole`: it began before our eyes, so how long it lasts can be learnt from."""

    doing: Doing
    since: float
    whole: bool = False


@dataclass(slots=True)
class Crew:
    """wrap: seconds after a talk in which an agent gets no call, whatever the switch
    says."""

    beliefs: Beliefs
    wrap: float
    there: dict[str, Seen] = field(default_factory=dict)
    others: int = 0  # callers in the queue who are not ours
    _kept: dict[str, str] = field(default_factory=dict)  # callee -> agent, "": any
    _left: dict[str, float] = field(default_factory=dict)  # callee -> when let go

    def seen(self, found: Queue, asked: float, at: float) -> None:
        """A look that was asked for at `asked`, answered at `at`."""
        self.others = found.others
        names = {agent.name for agent in found.agents}
        self.there = {name: s for name, s in self.there.items() if name in names}
        for agent in found.agents:
            self._one(agent.name, agent.doing, at)
        for callee in [c for c, when in self._left.items() if when <= asked]:
            del self._left[callee]
            self._kept.pop(callee, None)

    def _one(self, name: str, doing: Doing, at: float) -> None:
        before = self.there.get(name)
        if before is None:
            self.there[name] = Seen(doing, at)
            return
        if before.doing is Doing.TALKING and doing is not Doing.TALKING:
            if before.whole:
                self.beliefs.talk_ended(at - before.since)
            ended = doing in {Doing.IDLE, Doing.WRAPPING}
            self.there[name] = Seen(Doing.WRAPPING if ended else doing, at, whole=True)
            return
        if before.doing is Doing.WRAPPING and doing is Doing.IDLE:
            if at - before.since < self.wrap:
                return
            if before.whole:
                self.beliefs.wrap_ended(at - before.since)
        if doing is not before.doing:
            self.there[name] = Seen(doing, at, whole=True)

    def unseen(self) -> None:
        """Their switch does not tell: nobody counts as there."""
        self.there, self.others = {}, 0

    def keep(self, callee: str, agent: str = "") -> None:
        """An agent is for this callee from now on."""
        self._kept[callee] = agent
        self._left.pop(callee, None)

    def let_go(self, callee: str, at: float) -> None:
        """The callee has them, or is gone: believed once a later look shows it."""
        if callee in self._kept:
            self._left[callee] = at

    def keeps(self, callee: str) -> bool:
        return callee in self._kept

    def agent(self, callee: str) -> str:
        """Kept for this callee by name; empty: any."""
        return self._kept.get(callee, "")

    @property
    def free(self) -> int:
        """Agents who could take one more callee now. Those whose phone rings are for
        callees who are counted."""
        could = self.count(Doing.IDLE) + self.count(Doing.RINGING)
        return could - self.others - len(self._kept)

    def is_free(self, agent: str) -> bool:
        """For a callee who is to have this agent and no other."""
        seen = self.there.get(agent)
        idle = seen is not None and seen.doing is Doing.IDLE
        return idle and agent not in self._kept.values()

    @property
    def signed_in(self) -> int:
        return len(self.there) - self.count(Doing.AWAY)

    def count(self, doing: Doing) -> int:
        return sum(seen.doing is doing for seen in self.there.values())

    def ages(self, doing: Doing, at: float) -> list[float]:
        """How long each has been doing it."""
        return [at - s.since for s in self.there.values() if s.doing is doing]

    def counts(self) -> dict[str, int]:
        found = Counter(seen.doing.value for seen in self.there.values())
        return {doing.value: found[doing.value] for doing in Doing}
