"""Who takes the calls of an Asterisk queue, from what QueueStatus lists.

Device states are those of `include/asterisk/devicestate.h`. Unknown means away: a
member whose phone nobody watches would be counted as free for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from dialer.channels.asterisk.ami import Message
from dialer.channels.port import Agent, ChannelDown, Doing, Queue

STATES = {
    "1": Doing.IDLE,  # not in use
    "2": Doing.TALKING,  # in use
    "3": Doing.TALKING,  # busy
    "6": Doing.RINGING,
    "7": Doing.TALKING,  # in use, and ringing
    "8": Doing.TALKING,  # on hold
}


class Known(NamedTuple):
    """The queue, and where each of its agents is reached, by name."""

    queue: Queue
    interfaces: dict[str, str]


def known(name: str, listed: Iterable[Message], ours: Collection[str]) -> Known:
    """`ours`: ids of channels that are our own calls. ChannelDown: there is no such
    queue, or it rings everybody at once, so that nobody is one callee's."""
    agents, interfaces, others, strategy = list[Agent](), dict[str, str](), 0, ""
    for message in listed:
        match message.event:
            case "QueueParams":
                strategy = message.get("Strategy")
            case "QueueMember":
                agents.append(Agent(message.get("Name"), doing(message)))
                interfaces[message.get("Name")] = message.get("Location")
            case "QueueEntry":
                others += message.get("Uniqueid") not in ours
            case _:
                pass
    if not strategy:
        raise ChannelDown(f"the Asterisk has no queue {name!r} (queues.conf)")
    if strategy == "ringall":
        raise ChannelDown(f"queue {name!r} rings all at once: set another strategy")
    return Known(Queue(tuple(agents), others), interfaces)


def doing(member: Message) -> Doing:
    state = STATES.get(member.get("Status"), Doing.AWAY)
    if state is Doing.TALKING or member.get("InCall") == "1":
        return Doing.TALKING
    return Doing.AWAY if member.get("Paused") == "1" else state
