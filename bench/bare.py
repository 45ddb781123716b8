"""A bare AMI loop: the least that places the same calls through the same Asterisk.

No store, no gate, no link to keep: an Originate, the sound's connection, silence, a
Hangup, its event. What an engine costs is what it takes longer than this.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID, uuid4

from dialer.channels.asterisk.ami import Message, Parser, action
from dialer.channels.asterisk.audiosocket import SILENCE
from dialer.channels.asterisk.link import Login

Setup = tuple[str, float]  #: the cause in Asterisk's words, seconds to it or to sound


class Bare(asyncio.Protocol):
    """The manager's connection."""

    def __init__(self) -> None:
        self._parser = Parser()
        self.media = ("", 0)
        self.hold = 0.0
        self.sounds = set[asyncio.Transport]()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: dict[str, asyncio.Future[Message]] = {}
        self.sound: dict[str, float] = {}  # when it came

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none

    def data_received(self, data: bytes) -> None:
        for message in self._parser.feed(data):
            if message.event == "Hangup":
                if coming := self.ended.pop(message.get("Uniqueid"), None):
                    coming.set_result(message)
            elif message.get("ActionID") == "login":
                self.ready.set_result(None)

    def send(self, name: str, action_id: str, *headers: tuple[str, str]) -> None:
        self._transport.write(action(name, action_id, headers))

    def answered(self, call: str) -> None:
        self.sound[call] = time.perf_counter()
        asyncio.get_running_loop().call_later(self.hold, self._hang_up, call)

    def _hang_up(self, call: str) -> None:
        self.send("Hangup", f"h-{call}", ("Channel", call), ("Cause", "16"))

    async def call(self, number: str, trunk: str) -> Setup:
        """Place it; an answered one is hung up after `hold` seconds."""
        call, began = str(uuid4()), time.perf_counter()
        self.ended[call] = asyncio.get_running_loop().create_future()
        coming = self.ended[call]
        self._transport.write(
            action(
                "Originate",
                call,
                [
                    ("Channel", f"PJSIP/{number}@{trunk}"),
                    *(("Context", "accord"), ("Exten", "s"), ("Priority", "1")),
                    *(("Async", "true"), ("ChannelId", call), ("Timeout", "30000")),
                    ("CallerID", ""),
                ],
                [
                    ("__ACCORD_CALL", call),
                    ("ACCORD_MEDIA", f"{self.media[0]}:{self.media[1]}"),
                    *(("ACCORD_LIMIT", "1800"), ("ACCORD_WAIT", "60")),
                ],
            )
        )
        end = await coming
        up = self.sound.pop(call, None) or time.perf_counter()
        return end.get("TechCause") or end.get("Cause"), up - began


class Sound(asyncio.Protocol):
    """A call's AudioSocket: it is answered once this has said whose it is."""

    def __init__(self, bare: Bare) -> None:
        self._bare = bare
        self._named = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._bare.sounds.add(self._transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._bare.sounds.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        if not self._named:
            self._named = True
            self._bare.answered(str(UUID(bytes=data[3:19])))


async def silence(client: Bare) -> None:
    """20 ms of it to every call, every 20 ms."""
    began, ticks = time.perf_counter(), 0
    while True:
        ticks += 1
        await asyncio.sleep(max(0.0, began + ticks * 0.02 - time.perf_counter()))
        for transport in tuple(client.sounds):
            transport.write(SILENCE)


@asynccontextmanager
async def bare(login: Login, hold: float) -> AsyncIterator[Bare]:
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(Bare, login.host, login.port)
    server = await loop.create_server(lambda: Sound(client), "127.0.0.1", 0)
    async with server, asyncio.TaskGroup() as group:
        feeding = group.create_task(silence(client))
        client.hold = hold
        client.media = server.sockets[0].getsockname()[:2]
        who = ("Username", login.user), ("Secret", login.secret)
        client.send("Login", "login", *who)
        await client.ready
        yield client
        feeding.cancel()
    transport.close()
