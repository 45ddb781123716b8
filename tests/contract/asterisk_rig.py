"""A real Asterisk under the contract, and another one behind it that is the network.

The carrier's dialplan has a number for each scenario. It records what it hears.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from dialer.channels.asterisk.audiosocket import AudioSocket
from dialer.channels.asterisk.channel import AsteriskChannel
from dialer.channels.asterisk.link import Login
from dialer.channels.causes import load_causes
from dialer.channels.port import Channel, Order
from dialer.clock import SystemClock
from tests.contract.rig import SCENARIOS, Rig, tone
from tests.kit import asterisk, sip
from tests.kit.asterisk import Asterisk

CONFIG = Path(__file__).parents[2] / "config"
NUMBERS = {name: f"+8617000000{n:03}" for n, name in enumerate(SCENARIOS)}
LISTENS = "Record(@/${UNIQUEID}.sln,0,0,kqx)"
#: What the network does with a call, in Asterisk's words; @: where it keeps sound.
BEHAVIOUR = {
    "listens": ["Wait(1)", "Answer()", LISTENS],
    "speaks": ["Answer()", "Wait(0.3)", "Playback(@/tone1)", "Wait(60)"],
    "presses": ["Answer()", "Wait(1)", "SendDTMF(12#)", "Wait(60)"],
    "leaves": ["Answer()", "Wait(1)", "Hangup()"],
    "rings": ["Ringing()", "Wait(20)", "Answer()", "Wait(60)"],
    "announces": ["Progress()", "Playback(@/tone1,noanswer)", "Hangup(34)"],
    "people": ["Answer()", LISTENS],
    "nobody": ["Answer()", LISTENS],
    "busy": ["Hangup(17)"],
    "no_answer": ["Ringing()", "Wait(60)"],
    "unallocated": ["Hangup(1)"],
    "congestion": ["Hangup(34)"],
    "failed": ["Hangup(58)"],
}
DESK = "+8617000000999"  # where the people of the queue sit
QUEUE = "[people]\njoinempty = no\nstrategy = rrmemory\n"
TOLD = ("Reason", "Stage", "Language")
SINGS = "+8617000000998"  # 1 s of tone instead of ringing; answered 1 s later


def dialplan(heard: Path) -> str:
    lines = ["[network]"]
    for name, steps in BEHAVIOUR.items():
        for n, step in enumerate(steps, 1):
            said = step.replace("@", str(heard))
            lines.append(f"exten => {NUMBERS[name]},{n},{said}")
    told = " ".join(f"${{PJSIP_HEADER(read,X-Accord-{name})}}" for name in TOLD)
    lines += [f"exten => {DESK},1,Log(NOTICE,told: {told})"]
    lines += [" same => n,Answer()", " same => n,Wait(60)"]
    lines += [f"exten => {SINGS},1,Progress()", " same => n,Wait(0.2)"]
    lines += [f" same => n,Playback({heard}/tone1,noanswer)", " same => n,Wait(1)"]
    lines += [" same => n,Answer()", " same => n,Wait(60)"]
    return "\n".join(lines) + "\n"


@contextmanager
def network(heard: Path) -> Iterator[tuple[Asterisk, Asterisk]]:
    """-> the engine's Asterisk and the carrier's"""
    heard.mkdir()
    (heard / "tone1.sln").write_bytes(tone(1.0))
    ours, theirs = asterisk.free_udp(), asterisk.free_udp()
    with sip.peer("603 Decline") as decliner:
        yield from _network(heard, ours, theirs, decliner)


def _network(
    heard: Path, ours: int, theirs: int, decliner: int
) -> Iterator[tuple[Asterisk, Asterisk]]:
    trunks = asterisk.endpoint("carrier", theirs, "accord-in")
    trunks += asterisk.endpoint("decliner", decliner, "accord-in", match=False)
    trunks += asterisk.endpoint("desk", theirs, "accord-in", match=False, user=DESK)
    shipped = CONFIG / "asterisk"
    client = (shipped / "websocket_client.conf").read_text()
    with (
        asterisk.running(
            {
                "extensions.conf": dialplan(heard),
                "pjsip.conf": asterisk.endpoint("engine", ours, "network"),
            },
            sip=theirs,
        ) as carrier,
        asterisk.running(
            {
                "extensions.conf": (shipped / "extensions.conf").read_text(),
                "modules.conf": asterisk.WEBSOCKET,
                "websocket_client.conf": re.sub(
                    r":\d+/media", f":{asterisk.free_tcp()}/media", client
                ),
                "pjsip.conf": trunks,
                "queues.conf": QUEUE,
            },
            sip=ours,
        ) as engine,
    ):
        yield engine, carrier


class AsteriskRig:
    def __init__(
        self, channel: AsteriskChannel, carrier: Asterisk, heard: Path
    ) -> None:
        self._clock = SystemClock()
        self._carrier = carrier
        self._heard = heard
        self._told = 0
        self._told = len(self.told())  # before: two rigs share these Asterisks
        self.channel: Channel = channel

    def number(self, scenario: str) -> str:
        return NUMBERS[scenario]

    def far_heard(self) -> bytes:
        """Of all calls; waits until the last record is closed."""
        until = time.monotonic() + 5
        while self.lines() and time.monotonic() < until:
            time.sleep(0.05)
        found = sorted(self._heard.glob("[0-9]*.sln"))
        return b"".join(path.read_bytes() for path in found)

    def told(self) -> list[str]:
        log = (self._carrier.home / "log" / "messages").read_text()
        return re.findall(r"told: (.+)", log)[self._told :]

    def lines(self) -> int:
        return self._carrier.channels()

    async def pass_time(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


#: Calls that do not go to the carrier.
TRUNKS = {NUMBERS["not_dialed"]: "nowhere", NUMBERS["declined"]: "decliner"}


def dial(order: Order) -> str:
    return f"PJSIP/{order.number}@{TRUNKS.get(order.number, 'carrier')}"


def _seat(engine: Asterisk, *, people: bool) -> None:
    what = "add member PJSIP/desk to" if people else "remove member PJSIP/desk from"
    engine.command(f"queue {what} people")


def _where(engine: Asterisk) -> tuple[str, int]:
    """Where its websocket client connects to."""
    text = (engine.home / "etc" / "websocket_client.conf").read_text()
    found = re.search(r"ws://(.+):(\d+)/", text)
    assert found
    return found[1], int(found[2])


def _forget(heard: Path) -> None:
    for path in heard.glob("[0-9]*.sln"):
        path.unlink()


@asynccontextmanager
async def open_asterisk_rig(
    heard: Path,
    pair: tuple[Asterisk, Asterisk],
    by: str = AudioSocket.kind,
    *,
    people: bool = True,
) -> AsyncIterator[Rig]:
    """`by`: the way of the sound. `people`: whether those that callees are handed to
    are there."""
    engine, carrier = pair
    _forget(heard)
    _seat(engine, people=people)
    login = Login("127.0.0.1", engine.ami, "accord", asterisk.SECRET)
    causes = load_causes(CONFIG / "causes.toml")
    async with AsteriskChannel(
        login,
        SystemClock(),
        causes,
        dial,
        websocket=_where(engine),
        by=lambda order: by,
    ) as channel:
        await channel.ready(10)
        yield AsteriskRig(channel, carrier, heard)
