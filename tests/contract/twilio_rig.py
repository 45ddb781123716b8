"""The Twilio driver under the contract, against our stand-in on real sockets."""

from __future__ import annotations

import random
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from dialer.channels.causes import load_causes
from dialer.channels.port import Channel, Line, Order
from dialer.channels.twilio import twiml
from dialer.channels.twilio.channel import TwilioChannel
from dialer.channels.twilio.door import Address
from dialer.channels.twilio.placing import Ways
from dialer.channels.twilio.record import open_record
from dialer.channels.twilio.rest import Account, Patience
from dialer.clock import Clock, SystemClock
from tests.contract.rig import SCENARIOS, Rig, tone
from tests.kit import twilio
from tests.kit.twilio import Callee, Faults, Twilio

ROOT = Path(__file__).parents[2]
NUMBERS = {name: f"+8617000000{n:03}" for n, name in enumerate(SCENARIOS)}
APOLOGY = twiml.load_apology(ROOT / "templates/lexicon/apology.toml", ["zh", "en"])
TAKERS = twiml.load_takers(ROOT / "templates/lexicon/takers.toml")
CAUSES = load_causes(ROOT / "config" / "causes.toml")
SOON = Patience(connect=1.0, answer=1.0, again=0.02)


def callees(people: bool) -> dict[str, Callee]:
    there = Callee(rings=0.3, people=people)
    behaviour = {
        "listens": there,
        "speaks": replace(there, sound=tone(1.0)),
        "presses": replace(there, keys="12#"),
        "leaves": replace(there, leaves=1.0),
        "rings": replace(there, rings=20.0),
        "announces": Callee(answer="failed", sip="503"),
        "people": there,
        "nobody": there,
        "busy": Callee(answer="busy", sip="486"),
        "no_answer": Callee(rings=60.0),
        "declined": Callee(answer="busy", sip="603"),
        "congestion": Callee(answer="failed", sip="503"),
        "failed": Callee(answer="failed"),
        "not_dialed": Callee(error=21215),
    }
    return {NUMBERS[name]: callee for name, callee in behaviour.items()}


def free_port() -> int:
    """Below those that the system gives to connections: one that is only free now may
    be somebody's when it is listened on."""
    while True:
        with socket.socket() as found, suppress(OSError):
            port = random.randrange(10_000, 30_000)
            found.bind(("127.0.0.1", port))
            return port


@asynccontextmanager
async def opened(
    there: Twilio,
    record: Path,
    *,
    port: int = 0,
    people: Mapping[str, str] | None = None,
    machine: str = "",
    patience: Patience = SOON,
    clock: Clock | None = None,
    shared: bool = False,
) -> AsyncIterator[TwilioChannel]:
    """The driver, on a port of its own, told of by this stand-in."""
    clock = clock or SystemClock()
    port = port or free_port()
    account = Account(
        twilio.ACCOUNT, twilio.KEY, twilio.SECRET, twilio.TOKEN, api=there.api
    )
    address = Address(f"http://127.0.0.1:{port}", "127.0.0.1", port)
    where = {"people": "sip:people@127.0.0.1"} if people is None else people
    ways = Ways(address, APOLOGY, where, TAKERS, machine, patience)
    found = open_record(record, b"key", clock.now())
    made = TwilioChannel(account, ways, clock, CAUSES, found, shared=shared)
    async with made as channel:
        yield channel


class Ours:
    """The driver, as a trunk uses it: it shows a number of ours."""

    trunk = ""

    def __init__(self, channel: TwilioChannel) -> None:
        self._channel = channel

    def place(self, order: Order) -> AbstractAsyncContextManager[Line]:
        return self._channel.place(replace(order, caller_id=twilio.OURS))


class TwilioRig:
    def __init__(self, channel: TwilioChannel, there: Twilio) -> None:
        self._clock = SystemClock()
        self._there = there
        self.channel: Channel = Ours(channel)

    def number(self, scenario: str) -> str:
        return NUMBERS[scenario]

    def far_heard(self) -> bytes:
        legs = [leg for call in self._there.calls.values() for leg in call.legs]
        return b"".join(bytes(leg.heard) for leg in legs)

    def told(self) -> list[str]:
        return [
            " ".join(
                twilio.headers_of(to)[f"X-Accord-{name}"]
                for name in ("Reason", "Stage", "Language")
            )
            for call in self._there.calls.values()
            for to in call.dialed
        ]

    def lines(self) -> int:
        return self._there.up()

    async def pass_time(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


@asynccontextmanager
async def open_twilio_rig(
    *, people: bool = True, faults: Faults | None = None
) -> AsyncIterator[Rig]:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Twilio(callees(people), faults) as there,
            opened(there, Path(folder) / "calls.jsonl") as channel,
        ):
            yield TwilioRig(channel, there)
