"""The sound of answered calls: what all the ways it comes by share.

Asterisk connects to us for each call and says which call it is (a UUID), once we wait
for that call. Then 20 ms of 8 kHz 16-bit little-endian sound go both ways every 20 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar, cast
from uuid import UUID

from dialer.channels.ahead import Playout
from dialer.channels.alive import Alive
from dialer.channels.line import KEYS, MUTE, BadFrame, Inbox, Ticker, whole
from dialer.channels.port import Audio, ChannelDown, Digit, Heard
from dialer.clock import Clock
from speech.port import FRAME_BYTES, RATE

log = logging.getLogger(__name__)

NAMELESS = 250  #: ticks (5 s) within which a connection must say which call it is
BEHIND = 1 << 16  #: bytes unsent (4 s): the far side has stopped reading


class Sound(asyncio.Protocol, ABC):
    """One call's socket. It becomes a line once it has said whose it is."""

    def __init__(self, media: Media) -> None:
        self._media = media
        self._inbox = Inbox()
        self._sound = b""
        self._playout = Playout()
        self.call: UUID | None = None
        self._age = 0  # in ticks
        self._mute = MUTE  # ticks since sound came; none has, so it is silent
        self.over = False

    # --- what differs

    @abstractmethod
    def _feed(self, data: bytes) -> None:
        """Bytes as they arrive. BadFrame."""

    @abstractmethod
    def _play(self) -> None:
        """20 ms have passed: send what is due."""

    def _part(self) -> None:
        """Last words, before the socket is closed."""

    # --- the socket's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none
        peer: socket.socket = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BEHIND // 2)
        self._media.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._feed(data)
        except BadFrame as error:
            self._refuse(error.what)

    def connection_lost(self, error: Exception | None) -> None:
        self.end()

    def tick(self) -> None:
        """20 ms have passed."""
        self._age += 1
        if self.over:
            return
        if self.call is None:
            if self._age > NAMELESS:
                self._refuse("no identity in 5 s")
            return
        self._mute += 1
        if self._mute > MUTE:  # they send nothing at all: that is silence too
            self._inbox.put(Audio(bytes(FRAME_BYTES)))
        if self._transport.get_write_buffer_size() > BEHIND:
            self._give_up("the far side reads no more")
        else:
            self._play()

    def _refuse(self, why: str) -> None:
        log.warning("media: closed", extra={"why": why})
        self.end()

    def _give_up(self, why: str) -> None:
        """Close at once: what is written is not read."""
        self._refuse(why)
        self._transport.abort()

    def _named(self, call: UUID) -> None:
        """It has said which call it is. BadFrame: nobody waits for it."""
        if not self._media.named(self, call):
            raise BadFrame("a call that nobody waits for")
        self.call = call

    def _hear(self, payload: bytes) -> None:
        """Whole frames of 20 ms, whatever the pieces they come in."""
        self._mute = 0
        if len(payload) == FRAME_BYTES and not self._sound:
            self._inbox.put(Audio(payload))
            return
        held = self._sound + payload
        end = len(held) // FRAME_BYTES * FRAME_BYTES
        for start in range(0, end, FRAME_BYTES):
            self._inbox.put(Audio(held[start : start + FRAME_BYTES]))
        self._sound = held[end:]

    def _press(self, key: str) -> None:
        if key in KEYS:
            self._inbox.put(Digit(key))

    def end(self) -> None:
        """Close; who hears is told. Asterisk goes on in its dialplan."""
        if self.over:
            return
        self.over = True
        self._playout.clear()
        self._inbox.end()
        self._media.closed(self)
        self._part()
        self._transport.close()

    # --- the call's side: see `port.Line`

    def hear(self) -> AsyncIterator[Heard]:
        return self._inbox.hear()

    def say(self, pcm: bytes) -> None:
        pcm = whole(pcm)
        if not self.over:
            self._playout.add(pcm)

    def clear(self) -> None:
        self._playout.clear()

    def queued(self) -> float:
        return self._playout.bytes / (2 * RATE)


class Media(Alive, ABC):
    """The server for one engine's calls. Use within `async with`. ChannelDown: the port
    is taken, by another engine perhaps.

    It listens on `host` only: whoever can connect and knows a call's UUID hears it, so
    keep it on loopback or a private network.
    """

    kind: ClassVar[str]  #: as the dialplan calls it: ACCORD_MEDIA_KIND

    def __init__(self, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        self.clock = clock
        self._host = host
        self._port = port
        self._awaited: dict[UUID, asyncio.Future[Sound]] = {}
        self._before: dict[UUID, asyncio.Future[Sound]] = {}
        self._ticker = Ticker[Sound](clock, f"{self.kind}-ticker")
        self._server: asyncio.Server | None = None

    @abstractmethod
    def _connection(self) -> Sound:
        """For one that Asterisk opens."""

    @property
    @abstractmethod
    def where(self) -> str:
        """How the dialplan finds us: ACCORD_MEDIA."""

    @contextlib.asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._connection, self._host, self._port, backlog=1024
            )
        except OSError as error:
            raise ChannelDown(f"{self.kind}: cannot listen: {error}") from error
        try:
            async with self._ticker:
                yield
        finally:
            self._server.close()
            for connection in self._ticker.all():
                connection.end()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    def lines(self) -> int:
        """Calls connected now."""
        return sum(connection.call is not None for connection in self._ticker.all())

    @contextlib.contextmanager
    def awaited(self, call: UUID) -> Iterator[asyncio.Future[Sound]]:
        """Within the block the call may connect, once (see `again`); its connection
        ends with the block."""
        try:
            yield self.again(call)
        finally:
            coming = self._awaited.pop(call)
            self._before.pop(call, None)
            if coming.done() and not coming.cancelled():
                coming.result().end()
            coming.cancel()

    def again(self, call: UUID) -> asyncio.Future[Sound]:
        """The call may connect once more: Asterisk had it elsewhere meanwhile."""
        coming: asyncio.Future[Sound] = asyncio.get_running_loop().create_future()
        if call in self._awaited:
            self._before[call] = self._awaited[call]
        self._awaited[call] = coming
        return coming

    def stayed(self, call: UUID) -> None:
        """It did not go elsewhere: as before `again`."""
        self._awaited[call] = self._before.pop(call)

    # --- told by connections

    def opened(self, connection: Sound) -> None:
        self._ticker.add(connection)

    def waits(self, call: UUID | None) -> bool:
        """Whether somebody waits for this call, and it has not come yet."""
        coming = self._awaited.get(call) if call else None
        return coming is not None and not coming.done()

    def named(self, connection: Sound, call: UUID) -> bool:
        """Whether somebody waits for this call; it may come once."""
        if not self.waits(call):
            return False
        self._awaited[call].set_result(connection)
        return True

    def closed(self, connection: Sound) -> None:
        self._ticker.remove(connection)
