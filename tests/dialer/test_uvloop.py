"""The channel's sockets on uvloop, where the engine runs: its transports are no
`asyncio.Transport`, and it has its own sockets."""

from __future__ import annotations

import asyncio
from uuid import UUID

import uvloop

from dialer.channels.asterisk import websocket
from dialer.channels.asterisk.ami import BLANK, Message, Parser
from dialer.channels.asterisk.audiosocket import (
    HEADER,
    IDENTITY,
    AudioSocket,
    Connection,
)
from dialer.channels.asterisk.link import Link, Login, Wire
from dialer.channels.asterisk.websocket import WebSocket
from dialer.channels.port import Audio
from dialer.clock import SystemClock
from tests.kit.clock import FakeClock

CALL = UUID(int=7)
PCM = bytes(range(256)) + bytes(64)


async def sound() -> tuple[list[object], bytes]:
    """-> what the line heard first, and what the far end did"""
    clock, heard = FakeClock(), list[object]()
    async with AudioSocket(clock) as server, SystemClock().timeout(5):
        with server.awaited(CALL) as coming:
            reader, writer = await asyncio.open_connection(*server.address)
            writer.write(bytes((IDENTITY, 0, 16)) + CALL.bytes + HEADER + PCM)
            line = await coming
            async for one in line.hear():
                heard.append(one)
                break
            line.say(PCM)
            await clock.advance(0.04)
            far = await reader.readexactly(2 * 323)
            writer.close()
    return heard, far


async def manager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says yes to everything."""
    writer.write(b"Asterisk Call Manager/11.0.0\r\n")
    parser = Parser()
    parser.feed(b"Asterisk Call Manager/of us\r\n")
    while data := await reader.read(65536):
        for asked in parser.feed(data):
            name = asked.get("ActionID")
            writer.write(f"Response: Success\r\nActionID: {name}".encode() + BLANK)
    writer.close()


async def asked() -> Message:
    server = await asyncio.start_server(manager, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    login = Login("127.0.0.1", port, "accord", "secret")
    try:
        async with (
            SystemClock().timeout(5),
            Link(login, SystemClock(), lambda event: None) as link,
        ):
            await link.wait_up(2)
            return await link.ask("Ping")
    finally:
        server.close()


async def taken() -> None:
    """All protocols take a transport of uvloop; else it would hang, not fail."""
    server = await asyncio.start_server(manager, "127.0.0.1", 0)
    where = server.sockets[0].getsockname()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, *where)
    try:
        Wire(lambda event: None).connection_made(transport)
        Connection(AudioSocket(FakeClock())).connection_made(transport)
        websocket.Connection(WebSocket(FakeClock())).connection_made(transport)
    finally:
        transport.abort()
        server.close()


def test_the_channel_works_on_uvloop() -> None:
    uvloop.run(taken())
    heard, far = uvloop.run(sound())
    assert heard == [Audio(PCM)]
    assert HEADER + PCM in far
    assert uvloop.run(asked()).get("Response") == "Success"
