"""The list of a made-up campaign: our gate before each call, our retry after it."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from dialer.campaign.retry import Policy, next_try
from dialer.model import Case, Disposition, Judge, PastCall
from dialer.simulate.parameters import Parameters
from dialer.simulate.people import Answer

SOURCES = ("court_document", "filed_contract", "business_registration")
CALLBACK_AFTER = timedelta(hours=2)
ENDED = {
    Answer.NO_ANSWER: Disposition.NO_ANSWER,
    Answer.MACHINE: Disposition.VOICEMAIL,
    Answer.BUSY: Disposition.BUSY,
    Answer.UNALLOCATED: Disposition.UNALLOCATED,
}


class Call(NamedTuple):
    """One call of the shift, as it went. Seconds from the start of the shift; `waited`
    from the answer to an agent or to the abandonment, None if nobody answered."""

    person: int
    dialed: float
    ended_ringing: float
    disposition: Disposition
    answer: Answer
    waited: float | None = None
    talked: float = 0.0


@dataclass(slots=True)
class Roll:
    """Who is called next. Callbacks first, then by when they are due, then by place."""

    people: int
    judge: Judge
    policy: Policy
    given: Parameters
    calls: list[Call] = field(default_factory=list)
    refused: int = 0
    _fresh: int = 0
    _tries: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    _past: dict[int, tuple[PastCall, ...]] = field(default_factory=dict)
    _later: list[tuple[datetime, int, int]] = field(default_factory=list)
    _ready: list[tuple[int, datetime, int]] = field(default_factory=list)

    def at(self, seconds: float) -> datetime:
        return self.given.list.start + timedelta(seconds=seconds)

    def somebody(self, seconds: float) -> bool:
        """Whether anybody is due; the gate has not been asked."""
        due = bool(self._later) and self._later[0][0] <= self.at(seconds)
        return due or bool(self._ready) or self._fresh < self.people

    def take(self, seconds: float) -> tuple[int, int] | None:
        """The next person whom the gate lets us call now, and how often they have been
        called before. None: nobody."""
        now = self.at(seconds)
        while (person := self._next(now)) is not None:
            verdict = self.judge(self._case(person), now)
            if verdict.allowed:
                tried = self._tries[person]
                self._tries[person] = tried + 1
                return person, tried
            self.refused += 1
            if verdict.next_allowed is not None:
                heapq.heappush(self._later, (verdict.next_allowed, 1, person))
        return None

    def _next(self, now: datetime) -> int | None:
        while self._later and self._later[0][0] <= now:
            due, order, person = heapq.heappop(self._later)
            heapq.heappush(self._ready, (order, due, person))
        if self._ready and (self._ready[0][0] == 0 or self._fresh >= self.people):
            return heapq.heappop(self._ready)[2]
        if self._fresh < self.people:
            self._fresh += 1
            return self._fresh - 1
        return None

    def _case(self, person: int) -> Case:
        told = self.given.list
        return Case(
            number=f"n_{person}",
            person=f"p_{person}",
            account=f"a_{person}",
            zones=(told.zone,),
            locations=(told.location,),
            packs=told.packs,
            sources=SOURCES,
            reviewers=("r1", "r2"),
            importer="i1",
            history=self._past.get(person, ()),
        )

    def over(self, call: Call) -> None:
        """A call has ended: remember it, and when to try again."""
        self.calls.append(call)
        person, now = call.person, self.at(call.ended_ringing + call.talked)
        past = PastCall(
            self.at(call.dialed), "out", outcome(call), f"n_{person}", f"a_{person}"
        )
        self._past[person] = (*self._past.get(person, ()), past)
        callback = call.disposition is Disposition.CALLBACK
        wish = next_try(
            call.disposition,
            tries=self._tries[person],
            number=0,
            numbers=1,
            now=now,
            zone=self.given.list.zone,
            callback_at=now + CALLBACK_AFTER if callback else None,
            policy=self.policy,
        )
        if wish is not None:
            order = 0 if callback else 1
            heapq.heappush(self._later, (wish.not_before, order, person))


def outcome(call: Call) -> str:
    """As the gate's history has it."""
    if call.disposition is Disposition.ABANDONED:
        return "abandoned"
    return "unanswered" if call.waited is None else "answered"
