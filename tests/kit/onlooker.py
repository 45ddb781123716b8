"""A subscriber to everything a broker has."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
import msgspec

from dialer.clock import SystemClock
from dialer.events import schema
from tests.kit.mosquitto import HOST, ONLOOKER, PASSWORD, Mosquitto

PATIENCE = 60.0
_read = msgspec.json.Decoder(schema.published())


@dataclass
class Seen:
    """What came, in order: (topic, payload, whether it was retained)."""

    got: list[tuple[str, bytes, bool]] = field(default_factory=list)
    alone: asyncio.Event = field(default_factory=asyncio.Event)  # the broker is gone
    _more: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def take(self, topic: str, payload: bytes, retained: bool) -> None:
        self.got.append((topic, payload, retained))
        self._more.set()

    def events(self) -> list[schema.Event]:
        """All of them, each checked against its schema."""
        return [_read.decode(payload) for _, payload, _ in self.got]

    def last(self, topic: str) -> dict[str, Any]:
        found = [payload for name, payload, _ in self.got if name == topic]
        return msgspec.json.decode(found[-1]) if found else {}

    def newest(self) -> int:
        return max((getattr(event, "seq", 0) for event in self.events()), default=0)

    def calls(self) -> dict[str, list[str]]:
        """By call its events, as whoever drops what is not newer has them."""
        last = defaultdict[str, int](int)
        kinds = defaultdict[str, list[str]](list)
        for event in self.events():
            if not isinstance(event, schema.Call | schema.CallTurns):
                continue
            if event.seq > last[event.call]:
                last[event.call] = event.seq
                kinds[event.call].append(schema.tag(type(event)))
        return kinds

    async def until(self, so: Callable[[Seen], object]) -> None:
        async with SystemClock().timeout(PATIENCE):
            while not so(self):
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def onlooking(there: Mosquitto, seen: Seen) -> AsyncIterator[None]:
    """Subscribe, without acknowledging: then a broker that is killed loses nothing that
    it had sent."""
    client = aiomqtt.Client(HOST, there.port, username=ONLOOKER, password=PASSWORD)
    async with client:
        await client.subscribe("accord/#", qos=0)

        async def look() -> None:
            with suppress(aiomqtt.MqttError):
                async for one in client.messages:
                    seen.take(str(one.topic), bytes(one.payload), one.retain)
            while len(client.messages):  # the broker is gone; what it had sent is not
                one = client._queue.get_nowait()
                seen.take(str(one.topic), bytes(one.payload), one.retain)
            seen.alone.set()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(look())
            yield
            task.cancel()
