"""One shift with a dialer: agents, lines and people, event after event.

The pacer decides as in the engine; time is a number that the next event moves.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from dialer.campaign.pacing.beliefs import Beliefs
from dialer.campaign.pacing.ceiling import Standing, Tally, standing
from dialer.campaign.pacing.pacer import Decision, Floor, Mode, Tuning, decide, safe
from dialer.model import Disposition
from dialer.simulate.parameters import Parameters
from dialer.simulate.people import Answer, People, Reaction
from dialer.simulate.roll import ENDED, Call, Roll

Pacer = Callable[[Mode, Floor, Beliefs, Standing, Tuning], Decision]


STILL = 3.0  # seconds after which a decision is made though nothing has happened


class Kind(IntEnum):
    """Of events; at one instant in this order."""

    TALKED = 0
    WRAPPED = 1
    READ = 2
    OFFERED = 3
    ENDED = 4
    LOST = 5
    TICK = 6


class Ringing(NamedTuple):
    person: int
    dialed: float
    reaction: Reaction


@dataclass(slots=True)
class Worked:
    """Seconds that agents talked and wrapped up, within the shift; their waits."""

    talk: float = 0.0
    wrap: float = 0.0
    heard: float = 0.0  # listening to machines that were not found
    waits: list[float] = field(default_factory=list)


class Shift:
    """`run()` once; then `roll.calls` and `worked` tell what happened."""

    def __init__(
        self,
        mode: Mode,
        agents: int,
        seconds: float,
        roll: Roll,
        people: People,
        given: Parameters,
        pacer: Pacer = decide,
    ) -> None:
        self.mode, self.agents, self.seconds = mode, agents, seconds
        self.roll, self.worked = roll, Worked()
        self.decisions = self.fell_back = 0
        self._people, self._given, self._pacer = people, given, pacer
        self._beliefs = Beliefs(
            given.controller.priors(given.ring.setup_s + given.ring.ring_seconds),
            given.patience,
        )
        self._lines = int(agents * given.lines.per_agent)
        if mode is Mode.AGENTLESS:
            self._lines = agents
        self._events: list[tuple[float, Kind, int, int]] = []
        self._made = 0
        self._calls: dict[int, Ringing] = {}
        self._ringing: dict[int, float] = {}
        self._waiting: deque[int] = deque()
        self._free: deque[tuple[int, float]] = deque()
        self._talking: dict[int, tuple[float, int]] = {}
        self._wrapping: dict[int, float] = {}
        self._tallies: dict[int, list[int]] = {}
        self._learnt = 0.0
        self._decided = 0.0
        self._changed = True

    def run(self) -> None:
        for agent in range(self.agents if self.mode is not Mode.AGENTLESS else 0):
            self._come_free(agent, 0.0)
        self._at(0.0, Kind.TICK, 0)
        while self._events:
            now, kind, _, one = heapq.heappop(self._events)
            self._happen(now, kind, one)

    def _at(self, when: float, kind: Kind, one: int) -> None:
        self._made += 1
        heapq.heappush(self._events, (when, kind, self._made, one))

    def _happen(self, now: float, kind: Kind, one: int) -> None:
        match kind:
            case Kind.OFFERED:
                self._offered(now, one)
            case Kind.ENDED:
                self._ended(now, one)
            case Kind.LOST:
                self._lost(now, one)
            case Kind.TALKED:
                self._talked(now, one)
            case Kind.WRAPPED:
                self._wrapped(now, one)
            case Kind.READ:
                self._free.append((one, now))
            case Kind.TICK:
                self._tick(now)
        if kind is not Kind.TICK:
            self._changed = True
            if now < self.seconds:
                self._between(now)

    # --- deciding

    def _tick(self, now: float) -> None:
        every = self._given.controller.decide_s
        if self.mode is Mode.PREDICTIVE:
            self._predict(now)
        else:
            self._between(now)
        # others decide at every event; they look again now for people become due
        following = now + (every if self.mode is Mode.PREDICTIVE else 15.0)
        if following < self.seconds:
            self._at(following, Kind.TICK, 0)

    def _predict(self, now: float) -> None:
        still = not self._changed and now - self._decided < STILL
        if still or not self.roll.somebody(now):
            return
        self._changed, self._decided = False, now
        floor = self._floor(now)
        if now - self._learnt >= self._given.controller.learn_s:
            self._beliefs.learn(floor.ringing, floor.talking, floor.wrapping)
            self._learnt = now
        account = standing(self._tallied(), self.roll.at(now))
        tuning = self._given.controller.tuning
        decision = self._pacer(self.mode, floor, self._beliefs, account, tuning)
        self.decisions += 1
        self.fell_back += account.credit <= tuning.keep
        self._dial(now, decision.calls)

    def _between(self, now: float) -> None:
        """Without looking ahead: a call for each free agent, or each line."""
        if self.mode is Mode.AGENTLESS:
            busy = len(self._ringing) + len(self._talking)
            self._dial(now, self._lines - busy)
        elif self._free:
            taken = len(self._ringing) + len(self._waiting)
            lines = self._lines - taken - len(self._talking)
            self._dial(now, safe(Floor(len(self._free) - taken, lines)))

    def _floor(self, now: float) -> Floor:
        taken = len(self._ringing) + len(self._waiting) + len(self._talking)
        return Floor(
            free=len(self._free),
            lines=max(0, self._lines - taken),
            ringing=[now - at for at in self._ringing.values()],
            talking=[now - at for at, _ in self._talking.values()],
            wrapping=[now - at for at in self._wrapping.values()],
            waiting=len(self._waiting),
        )

    def _tallied(self) -> list[Tally]:
        return [
            Tally(self.roll.at(hour * 3600.0), answered, abandoned)
            for hour, (answered, abandoned) in self._tallies.items()
        ]

    def _count(self, now: float, *, abandoned: bool) -> None:
        tally = self._tallies.setdefault(int(now // 3600), [0, 0])
        tally[0] += 1
        tally[1] += abandoned

    # --- calls

    def _dial(self, now: float, calls: int) -> None:
        for _ in range(calls):
            taken = self.roll.take(now)
            if taken is None:
                return
            person, n = taken
            reaction = self._people.reaction(person, n)
            self._made += 1
            call = self._made
            self._calls[call] = Ringing(person, now, reaction)
            self._ringing[call] = now
            wants = reaction.answer is Answer.LIVE or (
                reaction.answer is Answer.MACHINE and not reaction.found
            )
            detect = self._given.machine.detect_s if self._detects(reaction) else 0.0
            kind = Kind.OFFERED if wants else Kind.ENDED
            self._at(now + reaction.after + detect, kind, call)

    def _detects(self, reaction: Reaction) -> bool:
        return reaction.answer in (Answer.LIVE, Answer.MACHINE)

    def _offered(self, now: float, call: int) -> None:
        self._beliefs.call_ended(now - self._ringing.pop(call), live=True)
        if self.mode is Mode.AGENTLESS:
            self._connect(now, call, call)
        elif self._free:
            agent, since = self._free.popleft()
            self.worked.waits.append(now - since)
            self._connect(now, call, agent)
        else:
            self._waiting.append(call)
            self._at(now + self._given.patience, Kind.LOST, call)

    def _ended(self, now: float, call: int) -> None:
        self._beliefs.call_ended(now - self._ringing.pop(call), live=False)
        person, dialed, reaction = self._calls.pop(call)
        waited = self._given.machine.detect_s
        answered = waited if reaction.answer is Answer.MACHINE else None
        self.roll.over(
            Call(
                person,
                dialed,
                dialed + reaction.after,
                ENDED[reaction.answer],
                reaction.answer,
                answered,
            )
        )
        if self.mode is Mode.PREVIEW and self._free:  # the next case is read
            agent, _ = self._free.popleft()
            self._at(now + self._given.preview.read_s, Kind.READ, agent)

    def _lost(self, now: float, call: int) -> None:
        if call not in self._waiting:
            return
        self._waiting.remove(call)
        self._count(now, abandoned=True)
        person, dialed, reaction = self._calls.pop(call)
        answered = dialed + reaction.after
        told = (person, dialed, answered, Disposition.ABANDONED, reaction.answer)
        self.roll.over(Call(*told, now - answered))  # a machine too: nobody knew it

    def _connect(self, now: float, call: int, agent: int) -> None:
        """An agent takes it: a person, or a machine that was not found in time."""
        person, dialed, reaction = self._calls.pop(call)
        live = reaction.answer is Answer.LIVE
        talk = reaction.talk if live else self._given.machine.listen_s
        self._talking[agent] = (now, call)
        self._calls[call] = Ringing(person, dialed, reaction)
        if live:
            self._count(now, abandoned=False)
            self.worked.talk += max(0.0, min(now + talk, self.seconds) - now)
        else:
            self.worked.heard += max(0.0, min(now + talk, self.seconds) - now)
        self._at(now + talk, Kind.TALKED, agent)

    # --- agents

    def _talked(self, now: float, agent: int) -> None:
        began, call = self._talking.pop(agent)
        self._beliefs.talk_ended(now - began)
        person, dialed, reaction = self._calls.pop(call)
        live = reaction.answer is Answer.LIVE
        answered = dialed + reaction.after
        self.roll.over(
            Call(
                person,
                dialed,
                answered,
                reaction.end if live else Disposition.VOICEMAIL,
                reaction.answer,
                began - answered,
                now - began,
            )
        )
        if self.mode is Mode.AGENTLESS:
            return
        wrap = reaction.wrap if live else 0.0
        self._wrapping[agent] = now
        self.worked.wrap += max(0.0, min(now + wrap, self.seconds) - now)
        self._at(now + wrap, Kind.WRAPPED, agent)

    def _wrapped(self, now: float, agent: int) -> None:
        self._beliefs.wrap_ended(now - self._wrapping.pop(agent))
        self._come_free(agent, now)

    def _come_free(self, agent: int, now: float) -> None:
        if self.mode is Mode.PREVIEW:
            self._at(now + self._given.preview.read_s, Kind.READ, agent)
        elif self._waiting:
            self.worked.waits.append(0.0)
            self._connect(now, self._waiting.popleft(), agent)
        else:
            self._free.append((agent, now))
