"""Twilio's webhooks and streams at our door, over real sockets: what is signed counts,
once; what is not, changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from email.utils import format_datetime

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from dialer.channels.port import ChannelDown
from dialer.channels.twilio.door import LONGEST, Address, Door
from dialer.channels.twilio.pending import Bucket
from dialer.channels.twilio.rest import Account
from dialer.channels.twilio.stream import Stream
from dialer.clock import SystemClock
from tests.contract.twilio_rig import free_port
from tests.dialer.test_twilio_stream import CONNECTED, media, start
from tests.kit.twilio import ACCOUNT, TOKEN

PUBLIC = "https://calls.example.com/accord"
OURS = "0f0f"
ACCOUNTED = Account(ACCOUNT, ACCOUNT, TOKEN, TOKEN)


class Desk:
    """Knows one call."""

    def __init__(self) -> None:
        self.heard = list[tuple[str, Mapping[str, str]]]()
        self.streams = list[Stream]()
        self.own = Bucket(SystemClock(), 30, 0)

    def bucket(self, call: str) -> Bucket | None:
        return self.own if call == OURS else None

    def told(self, call: str, kind: str, said: Mapping[str, str]) -> str:
        self.heard.append((kind, said))
        return "<Response/>" if kind == "after1" else ""

    def claim(self, stream: Stream, call_sid: str, token: str) -> bool:
        self.streams.append(stream)
        return token == "t"


class Bed:
    def __init__(self) -> None:
        self.desk = Desk()
        self.port = free_port()
        self.door = Door(
            Address(PUBLIC, "127.0.0.1", self.port),
            ACCOUNTED,
            self.desk,
            SystemClock(),
        )

    @property
    def local(self) -> str:
        return f"http://127.0.0.1:{self.port}/accord"

    async def post(
        self,
        kind: str = "status",
        said: Mapping[str, str] | None = None,
        *,
        call: str = OURS,
        token: str = TOKEN,
        public: str = PUBLIC,
        query: str = "",
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        said = {"AccountSid": ACCOUNT, "CallSid": "CA1"} | dict(said or {})
        path = f"/call/{call}/{kind}{query}"
        sign = RequestValidator(token).compute_signature(public + path, said)
        heads = {"X-Twilio-Signature": sign} | dict(headers or {})
        body = data if data is not None else said
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.local + path, data=body, headers=heads) as answer,
        ):
            return answer.status, await answer.text()

    @contextlib.asynccontextmanager
    async def stream(
        self, url: str = f"wss{PUBLIC.removeprefix('https')}/stream"
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        sign = RequestValidator(TOKEN).compute_signature(url, {})
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(
                f"{self.local}/stream", headers={"X-Twilio-Signature": sign}
            ) as socket,
        ):
            yield socket


@pytest.fixture
async def bed() -> AsyncIterator[Bed]:
    bed = Bed()
    async with bed.door:
        yield bed


async def test_signed_over_the_public_address_it_counts(bed: Bed) -> None:
    assert await bed.post(said={"CallStatus": "ringing"}) == (204, "")
    assert await bed.post("after1") == (200, "<Response/>")
    now = format_datetime(SystemClock().now())
    assert (await bed.post(said={"Timestamp": now}))[0] == 204
    assert [kind for kind, _ in bed.desk.heard] == ["status", "after1", "status"]
    assert bed.desk.heard[0][1]["CallStatus"] == "ringing"


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"token": "another"}, 403),
        ({"public": "https://attacker.example/accord"}, 403),
        ({"headers": {"Host": "calls.example.com", "X-Twilio-Signature": ""}}, 403),
        (
            {
                "public": "https://attacker.example/accord",
                "headers": {
                    "Host": "attacker.example",
                    "X-Forwarded-Host": "attacker.example",
                    "X-Forwarded-Proto": "https",
                },
            },
            403,
        ),
        ({"query": "?x=1", "public": f"{PUBLIC}/"}, 403),
        ({"said": {"AccountSid": "AC" + "f" * 32}}, 403),
        ({"data": b"CallStatus=completed&CallSid=CA1"}, 415),
        (
            {
                "data": b"CallStatus=completed",
                "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            },
            403,
        ),
        ({"said": {"CallStatus": "x" * LONGEST}}, 413),
        ({"said": {str(n): "" for n in range(200)}}, 400),
        ({"said": {"Timestamp": "Mon, 01 Jan 2024 00:00:00 +0000"}}, 204),
        ({"said": {"Timestamp": "yesterday"}}, 204),
    ],
)
async def test_what_is_not_twilios_or_too_old_changes_nothing(
    bed: Bed, more: dict[str, object], status: int
) -> None:
    assert (await bed.post(**more))[0] == status  # type: ignore[arg-type]
    assert bed.desk.heard == []


async def test_one_calls_flood_and_strangers_are_held_back(bed: Bed) -> None:
    found = [(await bed.post())[0] for _ in range(35)]
    assert found == [204] * 30 + [429] * 5
    bed.door._strangers = Bucket(SystemClock(), 5, 0)
    strange = [(await bed.post(call="x", token="y"))[0] for _ in range(7)]
    assert strange == [403] * 5 + [429] * 2


async def test_the_port_is_ours_alone(bed: Bed) -> None:
    other = Door(
        Address(PUBLIC, "127.0.0.1", bed.port), ACCOUNTED, bed.desk, SystemClock()
    )
    with pytest.raises(ChannelDown, match="cannot listen"):
        async with other:
            pytest.fail("two doors")


async def told(socket: aiohttp.ClientWebSocketResponse, *said: str) -> None:
    for one in said:
        await socket.send_str(one)


async def ended(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async with SystemClock().timeout(5):
        async for _ in socket:
            pass
    return socket.close_code


async def test_a_signed_stream_with_its_token_is_a_line(bed: Bed) -> None:
    for url in ("wss", "https"):
        base = PUBLIC.removeprefix("https")
        async with bed.stream(f"{url}{base}/stream") as socket:
            await told(socket, json.dumps(CONNECTED), start(), media(2))
            async with SystemClock().timeout(5):
                while not bed.desk.streams:
                    await SystemClock().sleep(0.01)
            line = bed.desk.streams.pop()
            hearing = line.hear()
            await anext(hearing)
            line.say(bytes(320))
            said = json.loads((await socket.receive()).data)
            assert said["event"] == "media"
            line.end()
            assert await ended(socket) == 1000


async def test_what_is_wrong_ends_its_own_stream_only(bed: Bed) -> None:
    connected = json.dumps(CONNECTED)
    async with bed.stream() as good:
        await told(good, connected, start())
        for said in ([media(2)], [connected, start(callSid=7)], ["x" * 20_000], [b"x"]):
            async with bed.stream() as bad:
                for one in said:
                    send = bad.send_bytes if isinstance(one, bytes) else bad.send_str
                    await send(one)  # type: ignore[arg-type]
                assert await ended(bad) in (1008, 1009)
        (line,) = [one for one in bed.desk.streams if not one.over]
        line.say(bytes(320))
        assert json.loads((await good.receive()).data)["event"] == "media"
        assert bed.door.lines() == 1


async def test_an_unsigned_stream_is_shown_out(bed: Bed) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as no:
        async with bed.stream("wss://attacker.example/accord/stream"):
            pass
    assert no.value.status == 403
    assert bed.desk.streams == []


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.binary(max_size=200), max_size=4))
def test_no_bytes_break_the_server(pieces: list[bytes]) -> None:
    async def feed() -> None:
        bed = Bed()
        async with bed.door:
            head = b"POST /accord/call/0f0f/status HTTP/1.1\r\nHost: x\r\n"
            for before in (b"", head):
                reader, writer = await asyncio.open_connection("127.0.0.1", bed.port)
                for piece in (before, *pieces):
                    writer.write(piece)
                writer.write_eof()
                async with SystemClock().timeout(5):
                    with contextlib.suppress(ConnectionError):
                        await reader.read()
                writer.close()
            assert bed.desk.heard == []
            assert (await bed.post())[0] == 204  # others are served

    asyncio.run(feed())
