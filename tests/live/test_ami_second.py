"""Two AMI clients at one real Asterisk: the same calls, the same ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from dialer.channels.asterisk.ami import Message, Parser, action
from dialer.channels.asterisk.link import Link, Login
from dialer.clock import SystemClock
from tests.kit import asterisk, sip
from tests.kit.ami import second_client
from tests.kit.ami_alike import ours, theirs
from tests.kit.asterisk import Asterisk, endpoint
from tests.kit.asterisk_config import read_back

pytestmark = [pytest.mark.slow, pytest.mark.live]

ALL = "\n[everything]\nsecret = {}\nread = all\nwrite = all\n"
NETWORK = """
[network]
exten => _[0-9].,1,Answer()
 same => n,Hangup()
[hold]
exten => s,1,Wait(30)
"""
#: What each trunk says, and so how a call over it ends: Cause, TechCause.
ENDS = {
    "answers": ("16", ""),
    "busy": ("17", "486"),
    "unallocated": ("1", "404"),
    "declines": ("21", "603"),
}
CALLS = {trunk: str(UUID(int=n)) for n, trunk in enumerate(ENDS, 1)}


@pytest.fixture(scope="module")
def bed() -> Iterator[Asterisk]:
    """An Asterisk that is its own network; user `everything` gets all events."""
    port = asterisk.free_udp()
    with (
        sip.peer("486 Busy Here") as busy,
        sip.peer("404 Not Found") as unallocated,
        sip.peer("603 Decline") as declines,
    ):
        trunks = endpoint("answers", port, "network")
        for name, far in (
            ("busy", busy),
            ("unallocated", unallocated),
            ("declines", declines),
        ):
            trunks += endpoint(name, far, "network", match=False)
        files = {
            "pjsip.conf": trunks,
            "extensions.conf": NETWORK,
            "manager.conf": ALL.format(asterisk.SECRET),
        }
        with asterisk.running(files, sip=port) as there:
            yield there


def originate(trunk: str) -> list[tuple[str, str]]:
    return [
        ("Channel", f"PJSIP/8617000000001@{trunk}"),
        *(("Context", "hold"), ("Exten", "s"), ("Priority", "1")),
        *(("Async", "true"), ("Timeout", "10000")),
        *(("ChannelId", CALLS[trunk]), ("CallerID", '"王小明" <15550100>')),
    ]


@dataclass
class Seen:
    """Calls until each has its Hangup and its OriginateResponse."""

    hangups: dict[str, tuple[str, str]] = field(default_factory=dict)
    responses: dict[str, str] = field(default_factory=dict)
    whole: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: Message) -> None:
        call = message.get("Uniqueid")
        if call not in CALLS.values():
            return
        if message.event == "Hangup":
            ends = message.get("Cause"), message.get("TechCause")
            self.hangups[call] = ends
        elif message.event == "OriginateResponse":
            self.responses[call] = message.get("Response")
        if len(self.hangups) == len(self.responses) == len(CALLS):
            self.whole.set()


def recorded(there: Asterisk) -> bytes:
    """The stream of one connection that sees everything, from its greeting on."""
    stream, parser, seen = b"", Parser(), Seen()
    with socket.create_connection(("127.0.0.1", there.ami), timeout=20) as end:
        who = [("Username", "everything"), ("Secret", asterisk.SECRET)]
        end.sendall(action("Login", "login", who))
        end.sendall(action("Command", "command", [("Command", "pjsip show contacts")]))
        for trunk, call in CALLS.items():
            end.sendall(action("Originate", call, originate(trunk)))
        while not seen.whole.is_set():
            data = end.recv(65536)
            assert data, "the manager hung up"
            stream += data
            for message in parser.feed(data):
                seen.take(message)
    return stream[: stream.rindex(b"\r\n\r\n") + 4]


def test_a_recorded_stream_is_read_alike(bed: Asterisk) -> None:
    stream = recorded(bed)
    mine, second = ours(stream), theirs(stream)
    for one, other in zip(mine, second, strict=True):
        assert one == other
    names = [one.name for one in mine]
    assert names.count("Event Hangup") == len(CALLS) + 1  # one leg came back to us
    assert {"Event Newchannel", "Event DialEnd", "Event VarSet"} <= set(names)
    assert any("Output" in one.headers for one in mine)
    assert "王小明" in {one.headers.get("CallerIDName") for one in mine} | {
        one.headers.get("ConnectedLineName") for one in mine
    }


async def test_both_clients_see_the_same_calls_end_alike(bed: Asterisk) -> None:
    seen = Seen()
    login = Login("127.0.0.1", bed.ami, "accord", asterisk.SECRET)
    with second_client(bed.ami, "accord", asterisk.SECRET) as second:
        async with Link(login, SystemClock(), seen.take) as link:
            await link.wait_up(10)
            for trunk, call in CALLS.items():
                answer = await link.ask("Originate", originate(trunk), action_id=call)
                assert answer.get("Response") == "Success"
            async with SystemClock().timeout(20):
                await seen.whole.wait()
        second.ask("Ping")  # whatever came before the answer is read by now
        found = list(second.events)
    assert seen.hangups == {CALLS[trunk]: ends for trunk, ends in ENDS.items()}
    assert seen.hangups == {
        event["Uniqueid"]: (event["Cause"], event.keys.get("TechCause", ""))
        for event in found
        if event.name == "Hangup" and event["Uniqueid"] in CALLS.values()
    }
    assert seen.responses == {
        event["Uniqueid"]: event["Response"]
        for event in found
        if event.name == "OriginateResponse"
    }


@pytest.mark.parametrize(
    "question", [{"PJSIPShowEndpoint": "answers"}, {"CoreShowChannels": ""}]
)
async def test_what_admins_ask_is_answered_alike(
    bed: Asterisk, question: dict[str, str]
) -> None:
    """The questions of `dialer trunks status`; a channel is up meanwhile."""
    ((name, endpoint),) = question.items()
    headers = {"Endpoint": endpoint} if endpoint else {}
    login = Login("127.0.0.1", bed.ami, "accord", asterisk.SECRET)
    up = {"Channel": "Local/s@hold", "Application": "Wait", "Async": "true"}
    with second_client(bed.ami, "accord", asterisk.SECRET) as second:
        second.ask("Originate", **up)
        async with Link(login, SystemClock(), lambda message: None) as link:
            await link.wait_up(10)
            mine = await link.ask_list(name, [*headers.items()])
        before = len(second.events)
        assert second.ask(name, **headers).status == "Success"
        second.ask("Ping")
        found = [e for e in second.events[before:] if "EventList" not in e.keys]
    changing = {"ActionID", "Duration", "RoundtripUsec"}
    told = [dict(message.headers()) for message in mine]
    assert told
    assert [{k: v for k, v in one.items() if k not in changing} for one in told] == [
        {"Event": e.name} | {k: v for k, v in e.keys.items() if k not in changing}
        for e in found
    ]


def test_what_this_asterisk_runs_with_is_plain(bed: Asterisk) -> None:
    read = {path.name: read_back(path) for path in (bed.home / "etc").glob("*.conf")}
    assert set(read["pjsip.conf"]) == {"udp", *ENDS}
    assert read["manager.conf"]["everything"]["read"] == ["all"]
