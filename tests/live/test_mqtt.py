"""Events over a real broker: killed, frozen, cut off, with TLS; and who is let in."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import msgspec
import pytest

from dialer.clock import SystemClock
from dialer.events import schema
from dialer.events.mqtt import (
    READER,
    Broker,
    BrokerDown,
    BrokerRefuses,
    Publisher,
    connected,
)
from dialer.model import Disposition, Outcome, Turn
from dialer.store.port import Stores
from tests.kit.mosquitto import HOST, ONLOOKER, PASSWORD, USER, Mosquitto, running
from tests.kit.relay import Relay, relay
from tests.kit.stores import NODE, NOW, allow, claimed, contact, opened
from tests.kit.stores import running as campaign

pytestmark = [pytest.mark.live, pytest.mark.slow]
CLOCK = SystemClock()
read = msgspec.json.Decoder(schema.published()).decode


def broker(there: Mosquitto, port: int = 0, **changes: object) -> Broker:
    plain: dict[str, object] = {"user": USER, "password": PASSWORD}
    return Broker(HOST, port or there.port, "t", NODE, **(plain | changes))  # type: ignore[arg-type]


@dataclass
class Seen:
    """What a subscriber got, in order: (topic, payload, whether it was retained)."""

    got: list[tuple[str, bytes, bool]] = field(default_factory=list)

    def events(self) -> list[schema.Event]:
        return [read(payload) for _, payload, _ in self.got]

    def last(self, topic: str) -> dict[str, object]:
        found = [payload for name, payload, _ in self.got if name == topic]
        return msgspec.json.decode(found[-1]) if found else {}  # type: ignore[no-any-return]

    async def until(self, so: Callable[[Seen], bool]) -> None:
        async with asyncio.timeout(20):
            while not so(self):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def onlooking(there: Mosquitto, seen: Seen) -> AsyncIterator[None]:
    """Subscribe to all, without acknowledging: then a killed broker loses nothing that
    it had sent."""
    async with aiomqtt.Client(
        HOST, there.port, username=ONLOOKER, password=PASSWORD
    ) as client:
        await client.subscribe("accord/#", qos=0)

        async def look() -> None:
            with suppress(aiomqtt.MqttError):
                async for one in client.messages:
                    seen.got.append((str(one.topic), bytes(one.payload), one.retain))

        async with asyncio.TaskGroup() as group:
            task = group.create_task(look())
            yield
            task.cancel()


async def call_all(stores: Stores) -> list[str]:
    """Every attempt of the campaign to its end. -> their ids"""
    done = list[str]()
    while batch := await claimed(stores, 20):
        async with asyncio.TaskGroup() as group:
            for one in batch:
                group.create_task(call_one(stores, one.attempt_id))
        done += [one.attempt_id for one in batch]
    return done


async def call_one(stores: Stores, attempt: str) -> None:
    await stores.ledger.dialing(attempt, node=NODE, now=NOW, judge=allow)
    await stores.ledger.answered(attempt, NOW)
    said = (Turn("them", 1.0, 2.0, "我是[姓名]", 1, intent="yes", confidence=0.9),)
    outcome = Outcome(
        Disposition.PROMISED,
        NOW,
        turns=said,
        facts={"trunk": "north", "note": "for the ledger"},
        measures={"seconds": 12.5},
    )
    await stores.ledger.finish(attempt, outcome)


@asynccontextmanager
async def published(publisher: Publisher) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        group.create_task(publisher.run())
        yield
        publisher.stop()


LIFE = ["call.planned", "call.dialing", "call.answered", "call.turns", "call.ended"]


def first_seen(events: list[schema.Event]) -> dict[str, list[str]]:
    """By call its events, as whoever drops what is not newer has them."""
    last, kinds = defaultdict[str, int](int), defaultdict[str, list[str]](list)
    for event in events:
        if isinstance(event, schema.Call | schema.CallTurns):
            if event.seq > last[event.call]:
                last[event.call] = event.seq
                kinds[event.call].append(schema.tag(type(event)))
    return kinds


async def test_a_broker_killed_and_cut_off_misses_no_event(tmp_path: Path) -> None:
    seen, people = Seen(), 120
    with running() as there:
        async with opened(tmp_path) as stores, relay(there.port) as link:
            publisher = Publisher(broker(there, link.port), stores.journal, CLOCK)
            async with published(publisher):
                async with onlooking(there, seen):
                    await campaign(stores, [contact(i) for i in range(people)])
                    await asyncio.gather(trouble(link), slowly(stores))
                there.kill()  # what is called meanwhile waits
                link.cut()
                ended = await call_all(stores)
                assert len(ended) == people - 40, "a campaign without its broker"
                there.start()
                async with onlooking(there, seen):
                    link.mend()
                    end = await stores.journal.last()
                    await seen.until(lambda s: newest(s) >= end)
            assert await stores.journal.cursor(READER) == await stores.journal.last()
            calls = first_seen(seen.events())
            assert len(calls) == people
            assert {tuple(kinds) for kinds in calls.values()} == {tuple(LIFE)}
            text = b"".join(payload for _, payload, _ in seen.got)
            assert b"north" in text
            assert "姓名".encode() not in text, "what was said stays in the ledger"
            assert b"for the ledger" not in text
        # the broker forgot all it had; whoever comes now finds the state all the same
        late = Seen()
        async with onlooking(there, late):
            await late.until(lambda s: len(s.got) >= 3)
        assert all(retained for _, _, retained in late.got)
        assert late.last("accord/t/campaign/spring/state")["state"] == "running"
        assert late.last("accord/t/campaign/spring/created")["name"] == "spring"
        away = late.last(f"accord/t/node/{NODE}/state")
        assert (away["state"], away["why"]) == ("offline", "stopped")


async def slowly(stores: Stores) -> None:
    for one in await claimed(stores, 40):
        await call_one(stores, one.attempt_id)


async def trouble(link: Relay) -> None:
    """The connection breaks three times in the middle of it."""
    for _ in range(3):
        await asyncio.sleep(0.3)
        link.cut()
        await asyncio.sleep(0.1)
        link.mend()


def newest(seen: Seen) -> int:
    return max((getattr(event, "seq", 0) for event in seen.events()), default=0)
