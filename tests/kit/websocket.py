"""An Asterisk's side of sound over WebSocket, by the library's client core."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from uuid import UUID

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from dialer.channels.asterisk.media import Sound
from dialer.channels.asterisk.websocket import WebSocket
from dialer.channels.port import Digit, Heard
from dialer.clock import SystemClock
from tests.kit.clock import FakeClock

CALL = UUID(int=7)
START = json.dumps(
    {
        "event": "MEDIA_START",
        "format": "slin",
        "optimal_frame_size": 320,
        "channel_variables": {"ACCORD_CALL": "x"},
    }
)
PLAIN = "MEDIA_START connection_id:accord format:slin optimal_frame_size:320 ptime:20"
FLUSH = {"command": "FLUSH_MEDIA"}


def mark(number: int) -> dict[str, str]:
    return {"command": "MARK_MEDIA", "correlation_id": str(number)}


def processed(number: int) -> str:
    return json.dumps({"event": "MEDIA_MARK_PROCESSED", "correlation_id": str(number)})


def pressed(key: str) -> str:
    return json.dumps({"event": "DTMF_END", "channel_id": "1.2", "digit": key})


class Asterisk:
    """The far side of one connection: the library's client core on a real socket."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer
        self._events: list[Frame | Response] = []

    async def greet(
        self, path: str = f"/media?uuid={CALL}", protocol: str = "media"
    ) -> int:
        """The status of the answer."""
        self.wire = ClientProtocol(
            parse_uri(f"ws://127.0.0.1{path}"), subprotocols=[Subprotocol(protocol)]
        )
        self.wire.send_request(self.wire.connect())
        await self._flush()
        answer = await self.next()
        assert isinstance(answer, Response)
        return answer.status_code

    async def _flush(self) -> None:
        self.writer.write(b"".join(self.wire.data_to_send()))
        await self.writer.drain()

    async def text(self, *said: str) -> None:
        for one in said:
            self.wire.send_text(one.encode())
        await self._flush()

    async def sound(self, pcm: bytes) -> None:
        self.wire.send_binary(pcm)
        await self._flush()

    async def next(self) -> Frame | Response | None:
        """What comes next; None: the end."""
        while not self._events:
            if not (data := await self.reader.read(65536)):
                return None
            self.wire.receive_data(data)
            for came in self.wire.events_received():
                assert isinstance(came, Frame | Response)
                self._events.append(came)
        return self._events.pop(0)

    async def got(self, count: int) -> list[object]:
        """So many messages: sound, and commands as they are meant."""
        found = list[object]()
        for _ in range(count):
            frame = await self.next()
            assert isinstance(frame, Frame)
            data = bytes(frame.data)
            found.append(json.loads(data) if frame.opcode is Opcode.TEXT else data)
        return found

    async def ended(self) -> bool:
        """Whether the other side closes, after whatever it still says."""
        with contextlib.suppress(ConnectionResetError):  # it did not read all
            while await self.reader.read(65536):
                pass
        return True


class Bed:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.server = WebSocket(self.clock, port=0)

    @contextlib.asynccontextmanager
    async def call(self) -> AsyncIterator[Asterisk]:
        reader, writer = await asyncio.open_connection(*self.server.address)
        try:
            async with SystemClock().timeout(5):
                yield Asterisk(reader, writer)
        finally:
            writer.close()

    @contextlib.asynccontextmanager
    async def line(
        self, call: UUID = CALL, start: str = START
    ) -> AsyncIterator[tuple[Sound, Asterisk]]:
        """A call that is up."""
        with self.server.awaited(call) as coming:
            async with self.call() as far:
                assert await far.greet(f"/media?uuid={call}") == 101
                await far.text(start)
                yield await coming, far


async def heard(line: Sound, count: int) -> list[Heard]:
    found = list[Heard]()
    async for one in line.hear():
        found.append(one)
        if len(found) == count:
            break
    return found


async def told(line: Sound, far: Asterisk, *said: str) -> None:
    """Asterisk says so, and it has arrived."""
    await far.text(*said, pressed("*"))
    async for one in line.hear():
        if one == Digit("*"):
            break
