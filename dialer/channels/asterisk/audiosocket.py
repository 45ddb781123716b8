"""AudioSocket: the sound of answered calls, 20 ms at a time both ways.

A frame is one byte of kind, two of length (big-endian) and so many of payload. Asterisk
connects to us, says first which call it is (a UUID), and then sends the callee's sound,
8 kHz 16-bit little-endian. It does not pace what we send: each frame goes out as it
comes, and cannot be taken back. So one ticker gives every call exactly 20 ms every
20 ms of an absolute clock, silence when there is nothing to say (two seconds without a
frame and Asterisk ends the call). (docs.asterisk.org: AudioSocket.)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple, cast
from uuid import UUID

from dialer.channels.alive import Alive
from dialer.channels.line import Inbox, Ticker, whole
from dialer.channels.port import Audio, Digit, Heard
from dialer.clock import Clock
from speech.port import FRAME_BYTES, RATE

log = logging.getLogger(__name__)

HANGUP, IDENTITY, DTMF, SOUND, ERROR = 0x00, 0x01, 0x03, 0x10, 0xFF
KEYS = frozenset("0123456789*#")
HEADER = bytes((SOUND, *FRAME_BYTES.to_bytes(2, "big")))
SILENCE = HEADER + bytes(FRAME_BYTES)
WHOLE = len(SILENCE)
LONGEST = 4096  #: bytes of a payload; 20 ms at 48 kHz have 1,920
MUTE = 5  #: ticks without sound after which silence stands for it; less is jitter
NAMELESS = 250  #: ticks (5 s) within which a connection must say which call it is
BEHIND = 1 << 16  #: bytes unsent (4 s): the far side has stopped reading


class BadFrame(Exception):
    """What came is not AudioSocket; `what` says how it showed."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Frame(NamedTuple):
    kind: int
    payload: bytes


class Frames:
    """Bytes as they arrive to whole frames; no I/O."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def between(self) -> bool:
        """Whether no frame has begun."""
        return not self._rest

    def feed(self, data: bytes) -> list[Frame]:
        """BadFrame: a length that no sound has."""
        held = self._rest + data if self._rest else data
        found, at, end = list[Frame](), 0, len(held)
        while end - at >= 3:
            length = held[at + 1] << 8 | held[at + 2]
            if length > LONGEST:
                raise BadFrame(f"a frame of {length} bytes")
            if end - at < 3 + length:
                break
            found.append(Frame(held[at], held[at + 3 : at + 3 + length]))
            at += 3 + length
        self._rest = held[at:]
        return found


class Playout:
    """What is still to be said, given out in whole frames."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._at = 0  # in the first piece
        self.bytes = 0

    def add(self, pcm: bytes) -> None:
        if pcm:
            self._pieces.append(pcm)
            self.bytes += len(pcm)

    def clear(self) -> None:
        self._pieces.clear()
        self._at = self.bytes = 0

    def frame(self) -> bytes:
        """The next 20 ms as it is sent; silence fills up what is missing."""
        if not self.bytes:
            return SILENCE
        taken, wanted = [HEADER], FRAME_BYTES
        while wanted and self._pieces:
            piece = self._pieces[0][self._at : self._at + wanted]
            taken.append(piece)
            wanted -= len(piece)
            self._at += len(piece)
            self.bytes -= len(piece)
            if self._at == len(self._pieces[0]):
                self._pieces.popleft()
                self._at = 0
        taken.append(bytes(wanted))
        return b"".join(taken)


class Connection(asyncio.Protocol):
    """One call's socket. It becomes a line once it has said whose it is."""

    def __init__(self, server: AudioSocket) -> None:
        self._server = server
        self._frames = Frames()
        self._inbox = Inbox()
        self._sound = b""
        self.playout = Playout()
        self.call: UUID | None = None
        self.age = 0
        self._mute = MUTE  # ticks since sound came; none has, so it is silent
        self.over = False

    # --- the socket's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none
        peer: socket.socket = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BEHIND // 2)
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        if len(data) == WHOLE and data.startswith(HEADER) and self._plain():
            self._mute = 0
            self._inbox.put(Audio(data[3:]))
            return
        try:
            for kind, payload in self._frames.feed(data):
                self._take(kind, payload)
        except BadFrame as error:
            log.warning("audiosocket: closed", extra={"why": error.what})
            self.end()

    def _plain(self) -> bool:
        """Whether what comes now begins a frame, and 20 ms of sound."""
        named = self.call is not None and not self.over
        return named and not self._sound and self._frames.between

    def _take(self, kind: int, payload: bytes) -> None:
        if self.over:
            return
        if self.call is None:
            self._name(kind, payload)
        elif kind == SOUND:
            self._hear(payload)
        elif kind == DTMF:
            key = payload.decode("ascii", "replace")
            if key in KEYS:
                self._inbox.put(Digit(key))
        elif kind == IDENTITY:
            raise BadFrame("a second identity")
        elif kind in (HANGUP, ERROR):
            self.end()

    def _name(self, kind: int, payload: bytes) -> None:
        if kind != IDENTITY or len(payload) != 16:
            raise BadFrame("no identity at first")
        self.call = UUID(bytes=payload)
        if not self._server.named(self, self.call):
            raise BadFrame("a call that nobody waits for")

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

    def connection_lost(self, error: Exception | None) -> None:
        self.end()

    def tick(self) -> None:
        """20 ms have passed."""
        self.age += 1
        if self.call is not None:
            self._mute += 1
            if self._mute > MUTE:  # they send nothing at all: that is silence too
                self._inbox.put(Audio(bytes(FRAME_BYTES)))
            if self._transport.get_write_buffer_size() > BEHIND:
                log.warning("audiosocket: the far side reads no more")
                self.end()
            else:
                self._transport.write(self.playout.frame())
        elif self.age > NAMELESS:
            log.warning("audiosocket: closed", extra={"why": "no identity in 5 s"})
            self.end()

    def end(self) -> None:
        """Close; who hears is told. Asterisk goes on in its dialplan."""
        if self.over:
            return
        self.over = True
        self.playout.clear()
        self._inbox.end()
        self._server.closed(self)
        self._transport.close()

    # --- the call's side: see `port.Line`

    def hear(self) -> AsyncIterator[Heard]:
        return self._inbox.hear()

    def say(self, pcm: bytes) -> None:
        pcm = whole(pcm)
        if not self.over:
            self.playout.add(pcm)

    def queued(self) -> float:
        return self.playout.bytes / (2 * RATE)


class AudioSocket(Alive):
    """The server for one engine's calls. Use within `async with`.

    It listens on `host` only: whoever can connect and knows a call's UUID hears it, so
    keep it on loopback or a private network.
    """

    def __init__(self, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        self._host = host
        self._port = port
        self._awaited: dict[UUID, asyncio.Future[Connection]] = {}
        self._before: dict[UUID, asyncio.Future[Connection]] = {}
        self._ticker = Ticker[Connection](clock, "audiosocket-ticker")
        self._server: asyncio.Server | None = None

    @contextlib.asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), self._host, self._port, backlog=1024
        )
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
    def awaited(self, call: UUID) -> Iterator[asyncio.Future[Connection]]:
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

    def again(self, call: UUID) -> asyncio.Future[Connection]:
        """The call may connect once more: Asterisk had it elsewhere meanwhile."""
        coming: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        if call in self._awaited:
            self._before[call] = self._awaited[call]
        self._awaited[call] = coming
        return coming

    def stayed(self, call: UUID) -> None:
        """It did not go elsewhere: as before `again`."""
        self._awaited[call] = self._before.pop(call)

    # --- told by connections

    def opened(self, connection: Connection) -> None:
        self._ticker.add(connection)

    def named(self, connection: Connection, call: UUID) -> bool:
        """Whether somebody waits for this call; it may come once."""
        coming = self._awaited.get(call)
        if coming is None or coming.done():
            return False
        coming.set_result(connection)
        return True

    def closed(self, connection: Connection) -> None:
        self._ticker.remove(connection)
