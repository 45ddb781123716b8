"""The sound of calls on real sockets, the clock moved by hand."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from dialer.channels.ahead import Playout
from dialer.channels.asterisk.audiosocket import (
    DTMF,
    ERROR,
    HANGUP,
    HEADER,
    IDENTITY,
    LONGEST,
    SOUND,
    AudioSocket,
    Frame,
    Frames,
)
from dialer.channels.asterisk.media import BEHIND, NAMELESS, Sound
from dialer.channels.line import BadFrame
from dialer.channels.port import Audio, Digit, Heard
from dialer.clock import SystemClock
from tests.kit.clock import FakeClock

PCM = bytes(range(256)) + bytes(64)
CALL = UUID(int=7)


def wire(kind: int, payload: bytes = b"") -> bytes:
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


# --- frames


def test_the_same_frames_however_the_stream_is_cut() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    sent = [
        Frame(
            chance.choice((SOUND, DTMF, 0x42)), chance.randbytes(chance.randrange(400))
        )
        for _ in range(200)
    ]
    stream = b"".join(wire(*frame) for frame in sent)
    frames, found = Frames(), list[Frame]()
    while stream:
        size = chance.randrange(1, 700)
        found += frames.feed(stream[:size])
        stream = stream[size:]
    assert found == sent


def test_a_length_no_sound_has_is_refused() -> None:
    assert Frames().feed(wire(SOUND, bytes(LONGEST)))
    with pytest.raises(BadFrame, match="4097 bytes"):
        Frames().feed(bytes([SOUND]) + (LONGEST + 1).to_bytes(2, "big"))


def test_playout_gives_what_is_asked_for_and_fills_up() -> None:
    playout = Playout()
    assert playout.take(320, HEADER) == HEADER + bytes(320)
    said = bytes(range(200)) * 5  # 1,000 bytes: three frames and a piece
    for piece in (said[:10], said[10:700], said[700:]):
        playout.add(piece)
    assert playout.bytes == 1000
    frames = [playout.take(size) for size in (320, 640, 320, 320)]
    assert b"".join(frames) == said.ljust(1600, b"\0")
    assert playout.bytes == 0
    playout.add(said)
    playout.take(320)
    playout.clear()
    assert (playout.bytes, playout.take(2)) == (0, b"\0\0")


# --- the server


class Asterisk:
    """The far side of one connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def frames(self, count: int) -> bytes:
        """The sound of so many frames."""
        found = [await self._reader.readexactly(323) for _ in range(count)]
        assert {frame[:3] for frame in found} == {HEADER}
        return b"".join(frame[3:] for frame in found)

    async def ended(self) -> bool:
        """Whether the other side closes, after whatever it still says."""
        async with SystemClock().timeout(5):
            while await self._reader.read(65536):
                pass
        return True


class Bed:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.server = AudioSocket(self.clock)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Asterisk]:
        end = socket.create_connection(self.server.address)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        reader, writer = await asyncio.open_connection(sock=end)
        try:
            yield Asterisk(reader, writer)
        finally:
            writer.close()

    @asynccontextmanager
    async def line(self, call: UUID = CALL) -> AsyncIterator[tuple[Sound, Asterisk]]:
        """A call that is up."""
        with self.server.awaited(call) as coming:
            async with self.call() as far:
                await far.send(wire(IDENTITY, call.bytes))
                async with SystemClock().timeout(5):
                    yield await coming, far


@pytest.fixture
async def bed() -> AsyncIterator[Bed]:
    bed = Bed()
    async with bed.server:
        yield bed


async def heard(line: Sound, count: int) -> list[Heard]:
    found = list[Heard]()
    async for one in line.hear():
        found.append(one)
        if len(found) == count:
            break
    return found


async def test_sound_goes_both_ways_at_20_ms(bed: Bed) -> None:
    async with bed.line() as (line, far):
        assert bed.server.lines() == 1
        await far.send(wire(SOUND, PCM) * 3)
        assert await heard(line, 3) == [Audio(PCM)] * 3
        line.say(PCM * 2 + PCM[:100])
        assert line.queued() == pytest.approx(740 / 16000)
        await bed.clock.advance(0.08)
        assert await far.frames(4) == PCM * 2 + PCM[:100] + bytes(220 + 320)
        assert line.queued() == 0
        with pytest.raises(ValueError, match="16-bit"):
            line.say(b"\0\0\0")


async def test_sound_in_odd_pieces_comes_in_whole_frames(bed: Bed) -> None:
    async with bed.line() as (line, far):
        for piece in (PCM[:7], PCM[7:] + PCM[:100], b"", PCM[100:] + PCM):
            await far.send(wire(SOUND, piece))
        assert await heard(line, 3) == [Audio(PCM)] * 3


async def test_keys_and_unknown_kinds(bed: Bed) -> None:
    async with bed.line() as (line, far):
        for data in (wire(DTMF, b"1"), wire(0x42, b"?"), wire(DTMF, b"x")):
            await far.send(data)
        await far.send(wire(DTMF, b"\xff") + wire(DTMF, b"#") + wire(DTMF))
        await far.send(wire(SOUND, PCM))
        assert await heard(line, 3) == [Digit("1"), Digit("#"), Audio(PCM)]


@pytest.mark.parametrize("end", [wire(HANGUP), wire(ERROR, b"\1"), None])
async def test_the_far_end_is_the_end(bed: Bed, end: bytes | None) -> None:
    async with bed.line() as (line, far):
        await far.send(wire(SOUND, PCM))
        if end is None:
            far._writer.close()  # Asterisk closes: it sends no HANGUP
        else:
            await far.send(end)
        assert await heard(line, 9) == [Audio(PCM)]
        assert await heard(line, 9) == []
        line.say(PCM)
        assert line.queued() == 0
        assert bed.server.lines() == 0


async def test_leaving_the_block_closes(bed: Bed) -> None:
    async with bed.call() as far:
        with bed.server.awaited(CALL) as coming:
            await far.send(wire(IDENTITY, CALL.bytes))
            await coming
        assert await far.ended()
    assert bed.server.lines() == 0


@pytest.mark.parametrize(
    "data",
    [
        wire(SOUND, PCM),
        wire(IDENTITY, b"short"),
        wire(IDENTITY, UUID(int=9).bytes),  # nobody waits for it
        wire(IDENTITY, CALL.bytes) * 2,
        bytes([SOUND, 0xFF, 0xFF]),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_strangers_are_shown_out_and_harm_nobody(bed: Bed, data: bytes) -> None:
    other = UUID(int=8)
    with bed.server.awaited(CALL):
        async with bed.line(other) as (line, far), bed.call() as stranger:
            await stranger.send(data)
            assert await stranger.ended()
            await far.send(wire(SOUND, PCM))
            assert await heard(line, 1) == [Audio(PCM)]


async def test_nobody_takes_a_call_that_is_taken(bed: Bed) -> None:
    async with bed.line() as (line, far), bed.call() as thief:
        await thief.send(wire(IDENTITY, CALL.bytes))
        assert await thief.ended()
        await far.send(wire(SOUND, PCM))
        assert await heard(line, 1) == [Audio(PCM)]


async def test_who_does_not_say_which_call_it_is_has_to_go(bed: Bed) -> None:
    async with bed.call() as silent, bed.line() as (_, far):
        await bed.clock.advance(NAMELESS * 0.02 - 0.02)
        assert bed.server.lines() == 1
        await bed.clock.advance(0.06)
        assert await silent.ended()
        assert len(await far.frames(NAMELESS)) == NAMELESS * 320


async def test_who_reads_no_more_is_left(bed: Bed) -> None:
    async with bed.line() as (line, far):
        far._reader._transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(200):  # until the system's buffers are full, and ours
            line.say(bytes(BEHIND))
            await bed.clock.advance(1.0)
            if line.over:
                break
        assert line.over
