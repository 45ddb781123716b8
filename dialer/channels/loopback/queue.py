"""A queue of agents in memory: they pick up, talk and wrap up as they are told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dialer.channels.port import About, Agent, ChannelDown, Doing, Queue
from dialer.clock import Clock

STOPPED = 0.5  #: seconds without being asked for, after which a phone no longer rings


@dataclass(slots=True)
class Worker:
    """One agent. Seconds: until they pick up, of a talk, of wrap-up at the switch.
    `answers`: False, and their phone rings until the caller gives up."""

    name: str
    picks_up: float = 1.0
    talk: float = 20.0
    wrap: float = 0.0
    answers: bool = True
    there: bool = True
    calls: int = 0  # taken so far
    _rings: tuple[object, float, float] | None = None  # for whom, since, asked last
    _talks: float | None = None  # since

    def doing(self, now: float) -> Doing:
        if not self.there:
            return Doing.AWAY
        if self._rings and now - self._rings[2] < STOPPED:
            return Doing.RINGING
        lasted = self.talk + self.wrap if self._talks is None else now - self._talks
        if lasted < self.talk:
            return Doing.TALKING
        return Doing.WRAPPING if lasted < self.talk + self.wrap else Doing.IDLE

    def rings(self, caller: object, now: float) -> bool:
        """Their phone rings for this caller. -> whether they pick up"""
        since = now
        if self._rings and self._rings[0] is caller:
            since = self._rings[1]
        self._rings = caller, since, now
        if not self.answers or now - since < self.picks_up:
            return False
        self._rings, self._talks = None, now
        self.calls += 1
        return True

    def rings_for(self, caller: object) -> bool:
        return self._rings is not None and self._rings[0] is caller


@dataclass
class Office:
    """A queue (`port.Agents`), and those that a `LoopbackChannel` hands callees to.
    `to` may name it (`queue:people`), or one of its agents (`agent:ann`)."""

    name: str
    clock: Clock
    workers: Sequence[Worker]
    patience: float = 10.0  # seconds of waiting after which a caller is given back
    others: int = 0  # callers who are not ours
    down: bool = False
    told: list[About] = field(default_factory=list)

    async def queue(self, name: str) -> Queue:
        if self.down or name != self.name:
            raise ChannelDown(f"no queue {name!r}")
        now = self.clock.elapsed()
        agents = tuple(Agent(w.name, w.doing(now)) for w in self.workers)
        return Queue(agents, self.others)

    def asked(self, caller: object, to: str, waited: float) -> bool | None:
        now = self.clock.elapsed()
        kind, _, name = to.rpartition(":")
        mine = [w for w in self.workers if kind != "agent" or w.name == name]
        ringing = next((w for w in mine if w.rings_for(caller)), None)
        idle = (w for w in mine if w.doing(now) is Doing.IDLE)
        worker = ringing or next(idle, None)
        if worker and worker.rings(caller, now):
            return True
        return False if waited >= self.patience else None

    def took(self, about: About) -> None:
        self.told.append(about)
