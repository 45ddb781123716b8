"""An answered call that a person is to take: the opening, then the agent kept for it;
or, where nobody is free in time, who called and how to stop the calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from dialer.call.conversation import Conversation, Studio, Talked
from dialer.campaign.paced import Paced
from dialer.channels.port import About, Heard, Line
from dialer.model import Disposition
from ivr.port import CaseFacts

OPENING, NOBODY = "person", "nobody"  # scripts of templates/


@dataclass
class Kept:
    """A line that goes to the agent who is kept for the callee, and to no one else."""

    line: Line
    attempt_id: str
    people: Paced
    free: bool
    asked: bool = False
    taken: bool = field(default=False, init=False)

    def hear(self) -> AsyncIterator[Heard]:
        return self.line.hear()

    def say(self, pcm: bytes) -> None:
        self.line.say(pcm)

    def clear(self) -> None:
        self.line.clear()

    def queued(self) -> float:
        return self.line.queued()

    async def transfer(self, to: str, about: About) -> bool:
        """`to` is not looked at: the agents' queue, or the agent who chose the case."""
        if not self.free:
            return False
        self.free, self.asked = False, True
        self.taken = await self.line.transfer(self.people.to(self.attempt_id), about)
        self.people.let_go(self.attempt_id)
        if not self.taken:
            self.people.lost(self.attempt_id)
        return self.taken


def scripts(case: CaseFacts, people: Paced) -> tuple[CaseFacts, CaseFacts]:
    """The case as the opening tells it, and as whoever meets nobody hears it."""
    told = replace(case, our_number=people.rules.number)
    return replace(told, script=OPENING), replace(told, script=NOBODY)


async def connect(
    attempt_id: str,
    people: Paced,
    case: CaseFacts,
    line: Line,
    studio: Studio,
    known: Sequence[str],
    flag: Callable[[str], Awaitable[None]],
) -> Talked:
    """-> what became of it. Whoever met nobody was abandoned, whatever they said: what
    they asked for is flagged all the same."""
    free = await people.agent(attempt_id)
    opening, nobody = scripts(case, people)
    kept = Kept(line, attempt_id, people, free)
    told = opening if free else nobody
    talked = await Conversation(studio, kept, told, known, flag).talk()
    if talked.disposition is Disposition.VOICEMAIL:
        people.machine(attempt_id)
    elif not free or (kept.asked and not kept.taken):
        return replace(talked, disposition=Disposition.ABANDONED)
    return talked
