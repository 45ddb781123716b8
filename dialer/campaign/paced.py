"""Calls for people who talk: who may be dialed now, and which agent is whose.

Every half second the agents are looked at, and `pacing` decides. A call waits for its
turn before it is placed; once it is answered it waits two seconds for an agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from dialer.campaign.account import Account
from dialer.campaign.crew import Crew
from dialer.campaign.pacing.beliefs import Beliefs, Priors
from dialer.campaign.pacing.pacer import Decision, Floor, Mode, Tuning, decide, safe
from dialer.channels.port import Agents, ChannelDown, Doing, NoSeat
from dialer.clock import Clock
from dialer.store.port import StoreDown

log = logging.getLogger(__name__)

LOOK = 0.5  #: seconds between two looks at the agents
DECIDE = 2.0  #: seconds between two predictive decisions
LEARN = 15.0  #: seconds after which estimates and the account are worked out anew
PATIENCE = 2.0  #: seconds after the answer in which an agent must be there
TURN = 300.0  #: seconds that an attempt waits for its turn; then it is given back
SETUP = 3.0  #: seconds from dialing to the first ring, believed
NOBODY = "nobody is free to take the call"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a campaign says about its pacing. `lines`: calls up at once, those that
    agents talk on included."""

    mode: Mode
    queue: str
    lines: int
    ring_seconds: float
    wrap_seconds: float
    number: str = ""  # E.164: told to those who were abandoned


@dataclass(slots=True)
class _Call:
    granted: float
    dialed: float | None = None
    answered: bool = False


class Choice(Protocol):
    """Preview: what agents said of the cases they were shown."""

    async def offer(self, attempt_id: str) -> None:
        """An agent may look at it. StoreDown."""
        ...

    async def said(self) -> Mapping[str, str | None]:
        """Attempt -> the agent who wants to call; None: passed over. StoreDown."""
        ...

    async def withdraw(self, attempt_id: str) -> None:
        """It is shown no more. StoreDown."""
        ...


class Paced:
    """Use `run` beside the calls. All else is called by calls, and never blocks."""

    def __init__(
        self,
        rules: Rules,
        agents: Agents,
        account: Account,
        clock: Clock,
        *,
        choice: Choice | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        self.rules = rules
        self._agents = agents
        self._account = account
        self._clock = clock
        self._choice = choice
        self._tuning = tuning or Tuning()
        priors = Priors(ring_s=rules.ring_seconds + SETUP)
        self._beliefs = Beliefs(priors, PATIENCE)
        self._crew = Crew(self._beliefs, rules.wrap_seconds)
        self._rank: dict[str, int] = {}  # the order of the list
        self._asking: dict[str, asyncio.Future[None]] = {}
        self._calls: dict[str, _Call] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._said: Mapping[str, str | None] = {}
        self._wake = asyncio.Event()
        self._learnt = self._decided = float("-inf")
        self._decision = Decision(0, "the agents were not looked at yet")
        self._unseen = "not looked at yet"
        self.placed = self.answered = self.abandoned = 0

    async def run(self) -> None:
        """Look and decide, until cancelled."""
        while True:
            await self._look()
            self._decide()
            await self._rest()

    def room(self) -> int:
        """Attempts to have in hand, those under way included: none while nobody is
        there to talk."""
        here = self._crew.signed_in
        if not here:
            return 0
        more = here if self.rules.mode is Mode.PREVIEW else 2 + 4 * here
        return min(self.rules.lines, len(self._calls) + more)

    # --- what calls ask and tell

    def comes(self, attempt_id: str) -> None:
        """It is being prepared: of those that are ready, the first goes first."""
        self._rank[attempt_id] = max(self._rank.values(), default=0) + 1

    @asynccontextmanager
    async def placing(self, attempt_id: str) -> AsyncIterator[None]:
        """Wait for the turn to dial; within the block the call is under way.
        NoSeat: no turn came, or the agent passed over the case. StoreDown."""
        try:
            if self._choice:
                await self._choice.offer(attempt_id)
            await self._my_turn(attempt_id)
            yield
        finally:
            self._asking.pop(attempt_id, None)
            self._over(attempt_id)
            if self._choice:
                with contextlib.suppress(StoreDown):
                    await self._choice.withdraw(attempt_id)

    async def _my_turn(self, attempt_id: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking[attempt_id] = turn
        self._wake.set()
        try:
            async with self._clock.timeout(TURN):
                await turn
        except TimeoutError:
            raise NoSeat(NOBODY, timedelta()) from None

    def dialed(self, attempt_id: str) -> None:
        """It is about to ring."""
        self.placed += 1
        self._calls[attempt_id].dialed = self._clock.elapsed()

    async def agent(self, attempt_id: str) -> bool:
        """It was answered: is an agent there within two seconds? They are kept for
        this callee then."""
        call, now = self._calls[attempt_id], self._clock.elapsed()
        call.answered = True
        self.answered += 1
        self._beliefs.call_ended(now - (call.dialed or now), live=True)
        self._account.answered(attempt_id, self._clock.now())
        self._wake.set()
        if self._crew.keeps(attempt_id):
            return True
        coming: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[attempt_id] = coming
        self._serve()
        try:
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(PATIENCE):
                    await coming
        finally:
            del self._waiting[attempt_id]
        if not self._crew.keeps(attempt_id):
            self.lost(attempt_id)
        return self._crew.keeps(attempt_id)

    def to(self, attempt_id: str) -> str:
        """Whom to hand the callee to, as `Line.transfer` takes it."""
        agent = self._crew.agent(attempt_id)
        return f"agent:{agent}" if agent else f"queue:{self.rules.queue}"

    def lost(self, attempt_id: str) -> None:
        """The callee met nobody."""
        self.abandoned += 1
        self._account.abandoned(attempt_id)

    def machine(self, attempt_id: str) -> None:
        """What answered was none who wants an agent: it counts for no ceiling."""
        self._account.nobody(attempt_id)

    def let_go(self, attempt_id: str) -> None:
        """The agent has the callee now, or is needed no more."""
        self._crew.let_go(attempt_id, self._clock.elapsed())
        self._wake.set()

    def _over(self, attempt_id: str) -> None:
        call = self._calls.pop(attempt_id, None)
        self._rank.pop(attempt_id, None)
        now = self._clock.elapsed()
        if call and call.dialed is not None and not call.answered:
            self._beliefs.call_ended(now - call.dialed, live=False)
        self._account.written(attempt_id, now)
        self.let_go(attempt_id)

    # --- looking

    async def _look(self) -> None:
        asked = self._clock.elapsed()
        try:
            found = await self._agents.queue(self.rules.queue)
        except ChannelDown as down:
            self._crew.unseen()
            self._unseen = str(down)
        else:
            self._unseen = ""
            self._crew.seen(found, asked, self._clock.elapsed())
        try:
            if self._choice:
                self._said = await self._choice.said()
            if asked - self._learnt >= LEARN:
                await self._account.refresh(asked)
                self._learn(asked)
        except StoreDown:
            log.warning("store down: pacing goes by what it knew")

    def _learn(self, now: float) -> None:
        self._learnt = now
        floor = self._floor()
        self._beliefs.learn(floor.ringing, floor.talking, floor.wrapping)

    def _floor(self) -> Floor:
        now, crew = self._clock.elapsed(), self._crew
        rings = [c for c in self._calls.values() if not c.answered]
        talking = crew.ages(Doing.TALKING, now)
        return Floor(
            free=max(0, crew.free),
            lines=max(0, self.rules.lines - len(self._calls) - len(talking)),
            ringing=[
                now - (c.granted if c.dialed is None else c.dialed) for c in rings
            ],
            talking=talking,
            wrapping=crew.ages(Doing.WRAPPING, now),
            waiting=len(self._waiting),
        )

    async def _rest(self) -> None:
        """Until the next look; what calls tell is acted on at once."""
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(LOOK):
                while True:
                    await self._wake.wait()
                    self._wake.clear()
                    self._decide()

    # --- deciding

    def _decide(self) -> None:
        self._serve()
        if self.rules.mode is Mode.PREVIEW:
            self._previewed()
            return
        now = self._clock.elapsed()
        floor = self._floor()
        if self.rules.mode is not Mode.PREDICTIVE:
            self._decision = Decision(safe(floor), "a call for each free agent")
        elif self._asking and now - self._decided >= DECIDE:
            self._decided = now
            account = self._account.standing(self._clock.now())
            mode = self.rules.mode
            self._decision = decide(mode, floor, self._beliefs, account, self._tuning)
        else:  # between two predictive decisions: what loses nobody
            self._grant(safe(floor))
            return
        self._grant(self._decision.calls)

    def _grant(self, calls: int) -> None:
        for attempt_id in sorted(self._asking, key=lambda a: self._rank.get(a, 0))[
            :calls
        ]:
            self._turn(attempt_id)

    def _turn(self, attempt_id: str) -> None:
        turn = self._asking.pop(attempt_id)
        if not turn.done():
            self._calls[attempt_id] = _Call(self._clock.elapsed())
            turn.set_result(None)

    def _previewed(self) -> None:
        """A call for each agent who has accepted a case and is free."""
        self._decision = Decision(0, "a call for each case that an agent accepts")
        for attempt_id, agent in self._said.items():
            if attempt_id not in self._asking:
                continue
            if agent is None:
                why = NoSeat("an agent passed the case over", timedelta(hours=1))
                self._asking.pop(attempt_id).set_exception(why)
            elif self._crew.is_free(agent):
                self._crew.keep(attempt_id, agent)
                self._turn(attempt_id)

    def _serve(self) -> None:
        """Agents who are free, for callees who wait, the first first."""
        for attempt_id, coming in self._waiting.items():
            if self._crew.free <= 0:
                return
            if not coming.done():
                self._crew.keep(attempt_id)
                coming.set_result(None)

    # --- what it shows

    def as_dict(self) -> dict[str, Any]:
        """Where it stands, for `dialer campaign status --json`."""
        now = self._clock.now()
        account = self._account.standing(now)
        keep = self._tuning.keep
        short = self.rules.mode is Mode.PREDICTIVE and account.credit <= keep
        why = self._unseen or self._decision.why
        return {
            "mode": self.rules.mode.value,
            "works_as": "progressive" if short else self.rules.mode.value,
            "why": why,
            "queue": self.rules.queue,
            "agents": {"signed_in": self._crew.signed_in, **self._crew.counts()},
            "calls_ringing": sum(not c.answered for c in self._calls.values()),
            "callees_waiting": len(self._waiting),
            "lines": self.rules.lines,
            "target_lines": len(self._calls) + self._decision.calls,
            "live_rate": round(self._beliefs.live_rate, 4),
            "expected_lost": round(self._decision.lost, 3),
            "expected_answers": round(self._decision.answers, 3),
            "placed": self.placed,
            "answered": self.answered,
            "abandoned": self.abandoned,
        }
