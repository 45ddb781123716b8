"""What QueueStatus lists, as Asterisk 22.10 writes it, and who is free by it."""

from __future__ import annotations

import pytest

from dialer.channels.asterisk.ami import Message
from dialer.channels.asterisk.queue import known
from dialer.channels.port import ChannelDown, Doing


def listed(*events: dict[str, str]) -> list[Message]:
    lines = ("\r\n".join(f"{k}: {v}" for k, v in e.items()) for e in events)
    return [Message(text) for text in lines]


def member(name: str, status: int, paused: int = 0, in_call: int = 0) -> dict[str, str]:
    return {
        "Event": "QueueMember",
        "Queue": "people",
        "Name": name,
        "Location": f"PJSIP/{name}",
        "InCall": str(in_call),
        "Status": str(status),
        "Paused": str(paused),
    }


def params(strategy: str) -> dict[str, str]:
    return {"Event": "QueueParams", "Queue": "people", "Strategy": strategy}


def entry(channel: str) -> dict[str, str]:
    return {"Event": "QueueEntry", "Queue": "people", "Uniqueid": channel}


def test_who_does_what_and_who_waits() -> None:
    states = [(1, 0, 0), (2, 0, 0), (6, 0, 0), (1, 1, 0), (1, 0, 1), (0, 0, 0)]
    members = [member(f"m{n}", *state) for n, state in enumerate(states)]
    waiting = [entry("ours"), entry("1795759444.7")]
    messages = listed(params("rrmemory"), *members, *waiting, member("m6", 5))
    found = known("people", messages, {"ours"})
    away, talks = Doing.AWAY, Doing.TALKING
    assert [agent.doing for agent in found.queue.agents] == [
        *(Doing.IDLE, talks, Doing.RINGING),
        *(away, talks, away, away),  # paused, in a call, unknown, unavailable
    ]
    assert found.queue.others == 1
    assert found.interfaces["m0"] == "PJSIP/m0"


@pytest.mark.parametrize(
    ("events", "why"),
    [([], "no queue 'people'"), ([params("ringall"), member("m0", 1)], "all at once")],
)
def test_a_queue_that_is_not_there_or_rings_everybody_is_refused(
    events: list[dict[str, str]], why: str
) -> None:
    with pytest.raises(ChannelDown, match=why):
        known("people", listed(*events), ())
