"""Where Twilio reaches us: webhooks and media streams on one port.

Every request must be signed with the account's token over the public address, as the
settings have it: what a stranger writes into Host or X-Forwarded-… counts for nothing.
An unsigned request changes nothing. A webhook that comes again changes nothing either
(`Pending`), and one that is older than a quarter of an hour is not taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from aiohttp import WSMsgType, web
from twilio.request_validator import RequestValidator

from dialer.channels.alive import Alive
from dialer.channels.line import Ticker
from dialer.channels.port import ChannelDown
from dialer.channels.twilio import twiml, wire
from dialer.channels.twilio.pending import Bucket
from dialer.channels.twilio.rest import Account
from dialer.channels.twilio.stream import Claims, Stream
from dialer.clock import Clock

log = logging.getLogger(__name__)

LONGEST = 16_384  #: bytes of a webhook; Twilio's have about 1,000
FIELDS = 100
SLOW = 5.0  #: seconds that a body, or a message of ours, may take
WINDOW = timedelta(minutes=15)  #: age of a webhook that is still taken
STRANGERS = 50.0  #: requests a second that name no call of ours
MOST_NAMELESS = 500  #: streams that have not said which call they are
ASKED = re.compile(r"[0-9a-f]{32}")
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Address:
    """public: how Twilio finds us, https://… with no slash at its end."""

    public: str
    host: str = "127.0.0.1"
    port: int = 0

    def of(self, call: str, kind: str) -> str:
        return f"{self.public}/call/{call}/{kind}"

    @property
    def stream(self) -> str:
        return f"ws{self.public.removeprefix('http')}/stream"


class Desk(Claims, Protocol):
    """Who knows the calls."""

    def bucket(self, call: str) -> Bucket | None:
        """Of a call of ours; None: it is not."""
        ...

    def told(self, call: str, kind: str, said: Mapping[str, str]) -> str:
        """A signed webhook. -> TwiML; empty: nothing is expected"""
        ...


class Nobody:
    """A `Desk` that knows no call."""

    def __init__(self, clock: Clock) -> None:
        self._all = Bucket(clock, STRANGERS, STRANGERS)

    def bucket(self, call: str) -> Bucket | None:
        return self._all

    def told(self, call: str, kind: str, said: Mapping[str, str]) -> str:
        return ""

    def claim(self, stream: Stream, call_sid: str, token: str) -> bool:
        return False


class Door(Alive):
    """Use within `async with`. ChannelDown: the port is taken."""

    def __init__(
        self, address: Address, account: Account, desk: Desk, clock: Clock
    ) -> None:
        self._address = address
        self._account = account
        self._desk = desk
        self._clock = clock
        self._validator = RequestValidator(account.token)
        self._strangers = Bucket(clock, STRANGERS, STRANGERS)
        self._ticker = Ticker[Stream](clock, "twilio-ticker")

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        app = web.Application(client_max_size=LONGEST)
        prefix = urlsplit(self._address.public).path
        app.router.add_post(f"{prefix}/call/{{call}}/{{kind}}", self._webhook)
        app.router.add_get(f"{prefix}/stream", self._stream)
        app.router.add_get(f"{prefix}/health/{{asked}}", self._health)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(
                runner, self._address.host, self._address.port, backlog=1024
            )
            try:
                await site.start()
            except OSError as error:
                raise ChannelDown(f"twilio: cannot listen: {error}") from error
            async with self._ticker:
                self._runner = runner
                yield
        finally:
            for stream in self._ticker.all():
                stream.end()
            await runner.cleanup()

    @property
    def port(self) -> int:
        """On which it listens."""
        return int(self._runner.addresses[0][1])

    def lines(self) -> int:
        """Streams of calls connected now."""
        return sum(stream.named for stream in self._ticker.all())

    async def _health(self, request: web.Request) -> web.Response:
        """For `outside`: that it is us who are reached, and by the right address."""
        asked = request.match_info["asked"]
        if not self._strangers.take():
            return web.Response(status=429)
        if not ASKED.fullmatch(asked):
            return web.Response(status=400)
        token, public = self._account.token, self._address.public
        return web.Response(text=proof(token, public, asked))

    # --- webhooks

    async def _webhook(self, request: web.Request) -> web.Response:
        call, kind = request.match_info["call"], request.match_info["kind"]
        bucket = self._desk.bucket(call) or self._strangers
        if not bucket.take():
            return web.Response(status=429)
        if request.content_type != FORM:
            return web.Response(status=415)
        try:
            async with self._clock.timeout(SLOW):
                body = await request.read()
            said = dict(fields(body))
        except TimeoutError:
            return web.Response(status=408)
        except ValueError:
            return web.Response(status=400)
        if not self._signed(request, said):
            log.warning("webhook: not signed by Twilio")
            return web.Response(status=403)
        if said.get("AccountSid") != self._account.sid:
            return web.Response(status=403)
        if self._old(said.get("Timestamp", "")):
            log.warning("webhook: too old")
            return web.Response(status=204)
        answer = self._desk.told(call, kind, said)
        if not answer:
            return web.Response(status=204)
        return web.Response(text=answer, content_type="text/xml")

    def _signed(self, request: web.Request, said: Mapping[str, str]) -> bool:
        parts = urlsplit(self._address.public)
        url = f"{parts.scheme}://{parts.netloc}{request.raw_path}"
        return self._matches(url, said, request)

    def _matches(self, url: str, said: Mapping[str, str], request: web.Request) -> bool:
        signature = request.headers.get("X-Twilio-Signature", "")
        try:
            return bool(self._validator.validate(url, dict(said), signature))
        except ValueError:  # a URL that is none
            return False

    def _old(self, stamp: str) -> bool:
        """Of webhooks that say when they were sent (RFC 2822)."""
        if not stamp:
            return False
        try:
            at: datetime = parsedate_to_datetime(stamp)
            return abs(self._clock.now() - at) > WINDOW
        except (ValueError, TypeError):
            return True

    # --- streams

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        url = f"{self._address.stream}{request.raw_path[len(request.path) :]}"
        seen = (url, f"{url}/", f"http{url.removeprefix('ws')}")  # as Twilio may sign
        if not any(self._matches(one, {}, request) for one in seen):
            log.warning("stream: not signed by Twilio")
            return web.Response(status=403)
        nameless = sum(not stream.named for stream in self._ticker.all())
        if nameless >= MOST_NAMELESS:
            return web.Response(status=503)
        socket = web.WebSocketResponse(
            max_msg_size=wire.LONGEST, compress=False, timeout=1.0
        )
        if not socket.can_prepare(request).ok:
            return web.Response(status=426)
        try:
            await socket.prepare(request)
        except ConnectionError:  # the callee has hung up meanwhile
            return web.Response(status=400)
        stream = Stream(self._desk, self._account.sid, self._clock)
        self._ticker.add(stream)
        try:
            async with asyncio.TaskGroup() as group:
                name = "twilio-stream"
                group.create_task(self._write(request, socket, stream), name=name)
                async for message in socket:
                    if message.type is not WSMsgType.TEXT:
                        stream.refuse("a message that is not text")
                    else:
                        stream.told(message.data)
                    if stream.over:
                        break
                stream.end()
        finally:
            stream.end()
            self._ticker.remove(stream)
        return socket

    async def _write(
        self, request: web.Request, socket: web.WebSocketResponse, stream: Stream
    ) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            try:
                async for messages in stream.outgoing():
                    async with self._clock.timeout(SLOW):
                        for said in messages:
                            await socket.send_str(said)
            except TimeoutError:
                stream.refuse("the far side reads no more")
                if request.transport:
                    request.transport.abort()
                return
            await socket.close(code=1008 if stream.why else 1000)


def proof(token: str, public: str, asked: str) -> str:
    """What only who has the account's token can answer; of use for nothing else."""
    text = f"accord health {public} {asked}"
    return hmac.new(token.encode(), text.encode(), hashlib.sha256).hexdigest()


def fields(body: bytes) -> list[tuple[str, str]]:
    """ValueError: not a form, or too many fields."""
    return parse_qsl(
        body.decode(), keep_blank_values=True, max_num_fields=FIELDS, errors="strict"
    )


def unknown(kind: str) -> str:
    """What is answered on a call that we know nothing of: it may end, and not hang."""
    if kind.startswith("after"):
        return twiml.hang_up()
    return twiml.nothing() if kind.startswith("taken") else ""
