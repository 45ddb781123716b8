"""The same agents and the same list by hand: look up, dial, let it ring, note."""

from __future__ import annotations

import heapq

from dialer.simulate.parameters import Parameters
from dialer.simulate.people import Answer, People
from dialer.simulate.roll import ENDED, Call, Roll
from dialer.simulate.shift import Worked

IDLE = 15.0  # seconds after which an agent without a case looks again


def run(
    agents: int, seconds: float, roll: Roll, people: People, given: Parameters
) -> Worked:
    """Each agent works through the common list, one call after the other."""
    hand, worked = given.manual, Worked()
    free = [(0.0, agent) for agent in range(agents)]
    freed = dict.fromkeys(range(agents), 0.0)
    heapq.heapify(free)
    while free:
        now, agent = heapq.heappop(free)
        dialed = now + hand.lookup_s + hand.dial_s
        if dialed >= seconds:
            continue
        taken = roll.take(dialed)
        if taken is None:
            heapq.heappush(free, (now + IDLE, agent))
            continue
        person, n = taken
        reaction = people.reaction(person, n)
        answered = dialed + reaction.after
        if reaction.answer is Answer.LIVE:
            until = answered + reaction.talk
            worked.talk += max(0.0, min(until, seconds) - answered)
            worked.wrap += max(0.0, min(until + reaction.wrap, seconds) - until)
            worked.waits.append(answered - freed[agent])
            freed[agent] = until + reaction.wrap
            call = Call(
                *(person, dialed, answered, reaction.end, reaction.answer),
                *(0.0, reaction.talk),
            )
        else:
            machine = reaction.answer is Answer.MACHINE
            heard = given.machine.listen_s if machine else 0.0
            worked.heard += heard
            call = Call(
                *(person, dialed, answered, ENDED[reaction.answer], reaction.answer),
                *(0.0 if machine else None, heard),
            )
            freed_at = answered + heard + hand.note_s
        roll.over(call)
        live = reaction.answer is Answer.LIVE
        heapq.heappush(free, (freed[agent] if live else freed_at, agent))
    return worked
