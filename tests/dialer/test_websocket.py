"""Sound over WebSocket: a client without an Asterisk, the clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from dialer.channels.asterisk.media import NAMELESS
from dialer.channels.asterisk.websocket import (
    AHEAD,
    LONGEST,
    PORTION,
    STUCK,
    Connection,
    WebSocket,
)
from dialer.channels.port import Audio, Digit
from tests.kit.clock import FakeClock
from tests.kit.websocket import (
    CALL,
    FLUSH,
    PLAIN,
    START,
    Bed,
    heard,
    mark,
    pressed,
    processed,
    told,
)

PCM = bytes(range(1, 161)) * 2


@pytest.fixture
async def bed(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Bed]:
    bed = Bed()
    async with bed.server:
        yield bed
    assert "ERROR" not in {one.levelname for one in caplog.get_records("call")}


async def test_sound_goes_both_ways(bed: Bed) -> None:
    async with bed.line() as (line, far):
        assert bed.server.lines() == 1
        for piece in (PCM, PCM[:100], PCM[100:] + PCM):
            await far.sound(piece)
        assert await heard(line, 3) == [Audio(PCM)] * 3
        line.say(PCM * 2)
        await bed.clock.advance(0.02)
        assert await far.got(2) == [PCM * 2, mark(1)]
        with pytest.raises(ValueError, match="16-bit"):
            line.say(b"\0\0\0")


async def test_a_message_may_come_in_fragments(bed: Bed) -> None:
    async with bed.line() as (line, far):
        far.wire.send_binary(PCM[:7], fin=False)
        far.wire.send_ping(b"there?")
        far.wire.send_continuation(PCM[7:], fin=True)
        await far.sound(PCM)
        assert await heard(line, 2) == [Audio(PCM)] * 2
        pong = await far.next()
        assert isinstance(pong, Frame)
        assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"there?")


async def test_keys_and_what_is_not_asked_for(bed: Bed) -> None:
    async with bed.line() as (line, far):
        for said in (pressed("1"), "STATUS", pressed("x"), '{"event": 5}', ""):
            await far.text(said)
        await far.text('{"event": "ERROR", "error_text": "?"}', pressed("#"))
        await far.sound(PCM)
        assert await heard(line, 3) == [Digit("1"), Digit("#"), Audio(PCM)]


async def test_who_begins_in_plain_words_is_answered_so(bed: Bed) -> None:
    async with bed.line(start=PLAIN) as (line, far):
        line.say(PCM)
        await bed.clock.advance(0.02)
        assert bytes((await far.next()).data) == PCM  # type: ignore[union-attr]
        assert bytes((await far.next()).data) == b"MARK_MEDIA 1"  # type: ignore[union-attr]
        await told(line, far, "MEDIA_MARK_PROCESSED 1")
        assert line.queued() == 0


async def test_no_more_is_handed_over_than_agreed(bed: Bed) -> None:
    async with bed.line() as (line, far):
        line.say(PCM * 500)
        await bed.clock.advance(1.0)
        found = await far.got(2 * AHEAD // PORTION)
        assert found[::2] == [PCM * 10] * 5
        assert found[1::2] == [mark(n) for n in range(1, 6)]
        await told(line, far, processed(2))
        await bed.clock.advance(0.02)  # so much more, and nothing in between
        assert await far.got(4) == [PCM * 10, mark(6), PCM * 10, mark(7)]


async def test_xoff_is_obeyed_until_xon(bed: Bed) -> None:
    async with bed.line() as (line, far):
        await told(line, far, '{"event": "MEDIA_XOFF"}')
        line.say(PCM * 10)
        await bed.clock.advance(0.5)
        assert line.queued() == pytest.approx(0.2)
        await told(line, far, '{"event": "MEDIA_XON"}')
        await bed.clock.advance(0.02)
        assert await far.got(2) == [PCM * 10, mark(1)]  # the first that came at all


async def test_queued_goes_by_the_clock_and_is_put_right_by_marks(bed: Bed) -> None:
    async with bed.line() as (line, far):
        line.say(PCM * 100)
        await bed.clock.advance(0.02)
        assert line.queued() == pytest.approx(2.0)
        await bed.clock.advance(0.38)
        assert line.queued() == pytest.approx(1.62)
        await told(line, far, processed(1))  # it is later than we thought
        assert line.queued() == pytest.approx(1.0 + 0.8 - 0.02)
        await bed.clock.advance(0.02)
        await told(line, far, *map(processed, range(2, 7)))
        await bed.clock.advance(0.02)
        await told(line, far, *map(processed, range(7, 10)))
        assert line.queued() == pytest.approx(0.18)
        await bed.clock.advance(0.5)  # not yet said to be over
        assert line.queued() == pytest.approx(0.02)
        await told(line, far, processed(10))
        assert line.queued() == 0


async def test_a_piece_of_a_frame_waits_for_the_rest(bed: Bed) -> None:
    async with bed.line() as (line, far):
        line.say(PCM * 5 + PCM[:100])
        await bed.clock.advance(0.04)
        assert await far.got(2) == [PCM * 5, mark(1)]
        line.say(PCM[100:] + PCM[:50])
        await bed.clock.advance(0.02)
        assert await far.got(2) == [PCM, mark(2)]
        await bed.clock.advance(0.1)  # now it is due
        assert await far.got(2) == [PCM[:50] + bytes(270), mark(3)]


async def test_clear_takes_back_what_is_not_played(bed: Bed) -> None:
    async with bed.line() as (line, far):
        line.say(PCM * 100)
        await bed.clock.advance(0.02)
        await far.got(10)
        line.clear()
        assert line.queued() == 0
        assert await far.got(1) == [FLUSH]
        await told(line, far, processed(1))  # was under way
        line.say(PCM * 5)
        await bed.clock.advance(0.02)
        assert await far.got(2) == [PCM * 5, mark(6)]
        await told(line, far, processed(5))
        assert line.queued() == pytest.approx(0.1)


async def test_silence_is_fed_and_gives_way_at_once(bed: Bed) -> None:
    async with bed.line() as (line, far):
        await bed.clock.advance(0.5)
        silence = bytes(PORTION)
        assert await far.got(4) == [silence, mark(1), silence, mark(2)]
        assert line.queued() == 0
        line.clear()  # nothing of ours is there
        await told(line, far, processed(1))
        await bed.clock.advance(0.02)
        assert await far.got(2) == [silence, mark(3)]
        line.say(PCM)
        await bed.clock.advance(0.02)
        assert await far.got(3) == [FLUSH, PCM, mark(4)]
        await told(line, far, processed(4))
        await bed.clock.advance(0.02)
        assert await far.got(2) == [silence, mark(5)]


@pytest.mark.parametrize("end", ["close", "hang up", "lost"])
async def test_the_far_end_is_the_end(bed: Bed, end: str) -> None:
    async with bed.line() as (line, far):
        far.wire.send_binary(PCM)
        if end == "close":
            far.wire.send_close(1000)
        if end == "hang up":
            far.wire.send_text(b"HANGUP")
        await far._flush()
        if end == "lost":
            far.writer.close()
        assert await heard(line, 9) == [Audio(PCM)]
        assert await heard(line, 9) == []
        line.say(PCM)
        line.clear()
        assert line.queued() == 0
        assert bed.server.lines() == 0


async def test_leaving_the_block_closes(bed: Bed) -> None:
    async with bed.call() as far:
        with bed.server.awaited(CALL) as coming:
            await far.greet()
            await far.text(START)
            await coming
        close = await far.next()
        assert isinstance(close, Frame)
        assert close.opcode is Opcode.CLOSE
        assert await far.ended()
    assert bed.server.lines() == 0


@pytest.mark.parametrize(
    ("path", "protocol", "status"),
    [
        ("/media", "media", 404),
        ("/media?uuid=7", "media", 404),
        (f"/media?uuid={UUID(int=9)}", "media", 404),  # nobody waits for it
        (f"/media?uuid={UUID(int=8)}", "media", 404),  # it is here already
        (f"/media?uuid={CALL}", "chat", 400),
    ],
)
async def test_who_asks_for_something_else_is_shown_out(
    bed: Bed, path: str, protocol: str, status: int
) -> None:
    with bed.server.awaited(CALL):
        async with bed.line(UUID(int=8)) as (line, far), bed.call() as stranger:
            assert await stranger.greet(path, protocol) == status
            assert await stranger.ended()
            await far.sound(PCM)
            assert await heard(line, 1) == [Audio(PCM)]


def framed(opcode: int, payload: bytes) -> bytes:
    """A client's frame, masked by zero. (RFC 6455, 5.2)"""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xff" + size.to_bytes(8, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


TEXT, BINARY = 1, 2


@pytest.mark.parametrize(
    "data",
    [
        framed(BINARY, PCM[:100]),  # before it said what this is
        framed(TEXT, b"MEDIA_XON"),
        framed(TEXT, b""),
        framed(TEXT, b"\xff\xfe"),
        framed(TEXT, b"{"),
        framed(TEXT, PLAIN.replace("slin", "ulaw").encode()),
        framed(TEXT, PLAIN.replace("320", "640").encode()),
        framed(TEXT, PLAIN.encode()) * 2,
        framed(TEXT, PLAIN.encode()) + framed(BINARY, bytes(LONGEST + 2)),
        framed(TEXT, PLAIN.encode()) + framed(TEXT, b"{]"),
        framed(TEXT, PLAIN.encode()) + framed(5, b""),  # no such opcode
        b"\x82\x01\x00",  # not masked
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_wrong_ends_its_own_call_only(bed: Bed, data: bytes) -> None:
    with bed.server.awaited(CALL):
        async with bed.line(UUID(int=8)) as (line, far), bed.call() as wrong:
            assert await wrong.greet() == 101
            wrong.writer.write(data)
            assert await wrong.ended()
            await far.sound(PCM)
            assert await heard(line, 1) == [Audio(PCM)]
            assert bed.server.lines() == 1


async def test_who_does_not_speak_http_is_shown_out(bed: Bed) -> None:
    for data in (b"\x01\x00\x10" + CALL.bytes + b"\n", b"G" * 20_000):
        async with bed.call() as stranger:
            stranger.writer.write(data)
            assert await stranger.ended()


async def test_of_two_that_want_a_call_the_first_to_start_has_it(bed: Bed) -> None:
    async with bed.call() as thief:
        with bed.server.awaited(CALL) as coming:
            async with bed.call() as far:
                assert (await far.greet(), await thief.greet()) == (101, 101)
                await far.text(START)
                line = await coming
                await thief.text(START)
                assert await thief.ended()
                await far.sound(PCM)
                assert await heard(line, 1) == [Audio(PCM)]


async def test_who_does_not_come_to_the_point_has_to_go(bed: Bed) -> None:
    with bed.server.awaited(CALL):
        async with bed.call() as silent, bed.call() as slow, bed.call() as greeted:
            slow.writer.write(b"GET /media")
            assert await greeted.greet() == 101
            await bed.clock.advance(NAMELESS * 0.02 - 0.02)
            assert not greeted.reader.at_eof()
            await bed.clock.advance(0.06)
            for one in (silent, slow, greeted):
                assert await one.ended()


async def test_who_plays_nothing_is_left(bed: Bed) -> None:
    async with bed.line() as (line, far):
        line.say(PCM * 100)
        await bed.clock.advance(STUCK * 0.02)
        await told(line, far, processed(1))
        await bed.clock.advance(STUCK * 0.02)
        assert not line.over
        await bed.clock.advance(0.06)
        assert line.over


class Silent:
    def setsockopt(self, *_: object) -> None:
        pass


class Pipe(asyncio.Transport):
    """A socket that leads nowhere."""

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: object) -> None:
        pass

    def close(self) -> None:
        pass


HELLO = f"""GET /media?uuid={CALL} HTTP/1.1\r
Host: x\r
Connection: Upgrade\r
Upgrade: websocket\r
Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Protocol: media\r
\r
""".encode()


@settings(deadline=None)
@given(
    st.sampled_from([b"", HELLO, HELLO + framed(TEXT, PLAIN.encode())]),
    st.lists(st.binary() | st.builds(framed, st.integers(0, 15), st.binary())),
)
def test_no_bytes_break_the_server(before: bytes, pieces: list[bytes]) -> None:
    async def feed() -> None:
        server = WebSocket(FakeClock())
        with server.awaited(CALL) as coming:
            connection = Connection(server)
            connection.connection_made(Pipe({"socket": Silent()}))
            for piece in (before, *pieces):
                if not connection.over:
                    connection.data_received(piece)
            connection.tick()
            assert coming.done() == (len(before) > len(HELLO))
            assert connection.over or connection in server._ticker.all()

    asyncio.run(feed())
