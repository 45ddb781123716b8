"""Twilio's REST API: place, end, send elsewhere, look at calls.

Only what may be asked twice is asked twice: to read, and to end a call. A call is
placed by one request, whatever becomes of it: an answer that never came is `Lost`, and
the channel looks for the call. Texts of the library's errors name numbers: they go no
further than here.
"""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.api.v2010.account.call import CallInstance

from dialer.channels.alive import Alive
from dialer.channels.port import ChannelDown
from dialer.clock import Clock

quiet = logging.getLogger(f"{__name__}.library")
quiet.setLevel(logging.WARNING)  # it would log requests: numbers
API = "https://api.twilio.com"
TRIES = 4  #: of what may be asked again
EVENTS = ["initiated", "ringing", "answered", "completed"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """`key`, `secret`: an API key, or the account's sid and token. `token` signs what
    Twilio tells us."""

    sid: str
    key: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    region: str = ""
    edge: str = ""
    api: str = API


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    connect: float = 3.0  # to reach Twilio
    answer: float = 10.0  # to be answered
    again: float = 0.25  # before asking again, at first
    looks: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)  # between looks for a lost call
    poll: float = 5.0  # without a word of a call: then it is asked for
    stream: float = 5.0  # from the answer to the stream


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call to place. Not to be logged."""

    to: str = field(repr=False)
    caller_id: str
    twiml: str = field(repr=False)
    status_url: str
    ring_seconds: int
    limit_seconds: int
    machine: str = ""  # MachineDetection
    machine_url: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A call as Twilio has it."""

    sid: str
    status: str
    to: str = field(repr=False)
    created: datetime | None
    seconds: int
    price: str  # empty: not known yet
    unit: str


class Refused(Exception):
    """Twilio says no: nothing was done. `code` is its own, if it gave one."""

    def __init__(self, status: int, code: int | None) -> None:
        super().__init__(f"Twilio answers {status}, error {code}")
        self.status = status
        self.code = code


class Lost(Exception):
    """No answer came, or none that says whether it was done."""


class TooMany(Lost):
    """Twilio takes no more requests now (429): this one was not looked at."""


class Http(AsyncTwilioHttpClient):  # type: ignore[misc] # it has no types
    """The library's, with our addresses, our patience, and two kinds of failure: not
    sent, or nobody knows. Use within a running loop."""

    def __init__(self, account: Account, patience: Patience) -> None:
        super().__init__(pool_connections=False, logger=quiet)
        self._api = urlsplit(account.api)
        who = aiohttp.encode_basic_auth(account.key, account.secret)
        self.session = aiohttp.ClientSession(
            headers={"Authorization": who},
            timeout=aiohttp.ClientTimeout(
                total=patience.answer, sock_connect=patience.connect
            ),
        )

    async def request(  # type: ignore[no-untyped-def] # as the library has it
        self, method: str, url: str, *given, **named
    ) -> Response:
        if self._api.netloc != urlsplit(API).netloc:
            base = self._api.scheme, self._api.netloc
            url = urlunsplit((*base, *urlsplit(url)[2:]))
        named["auth"] = None  # the session has it; as an argument it is deprecated
        try:
            return await super().request(method, url, *given, **named)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise ChannelDown("Twilio cannot be reached") from None
        except (aiohttp.ClientError, OSError, UnicodeError):
            raise Lost from None  # OSError: TimeoutError too


class Rest(Alive):
    """One account. Use within `async with`."""

    def __init__(
        self, account: Account, clock: Clock, patience: Patience | None = None
    ) -> None:
        self._account = account
        self._clock = clock
        self._patience = patience or Patience()

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        account = self._account
        async with Http(account, self._patience) as http:
            self._client = Client(
                account.key,
                account.secret,
                account.sid,
                region=account.region or None,
                edge=account.edge or None,
                http_client=http,
                environment={"": ""},  # not our process's
            )
            yield

    async def create(self, wanted: Wanted) -> str:
        """Place a call. -> its sid. Refused, ChannelDown: there is none. Lost: nobody
        knows. Only what Twilio did not look at (429) is sent again."""
        machine = {
            "machine_detection": wanted.machine,
            "async_amd": "true",
            "async_amd_status_callback": wanted.machine_url,
        }

        async def ask() -> str:
            made = await self._client.calls.create_async(
                to=wanted.to,
                from_=wanted.caller_id,
                twiml=wanted.twiml,
                status_callback=wanted.status_url,
                status_callback_event=EVENTS,
                timeout=wanted.ring_seconds,
                time_limit=wanted.limit_seconds,
                **(machine if wanted.machine else {}),
            )
            return sid(made)

        try:
            return await self._again(ask, (TooMany,))
        except TooMany:
            raise Refused(429, None) from None

    async def end(self, call: str) -> None:
        """Whatever it is doing. Refused: there is no such call up."""

        async def ask() -> None:
            await self._client.calls(call).update_async(status="completed")

        await self._again(ask)

    async def redirect(self, call: str, twiml: str) -> None:
        """Have it do something else. Lost: perhaps it does."""

        async def ask() -> None:
            await self._client.calls(call).update_async(twiml=twiml)

        await self._again(ask, (TooMany, ChannelDown))

    async def fetch(self, call: str) -> Seen:
        async def ask() -> Seen:
            return seen(await self._client.calls(call).fetch_async())

        return await self._again(ask)

    async def find(self, *, limit: int = 100, **by: str) -> list[Seen]:
        """Calls by `to`, `from_`, `parent_call_sid`; the newest first."""

        async def ask() -> list[Seen]:
            found = await self._client.calls.list_async(
                **by, limit=limit, page_size=limit
            )
            return [seen(call) for call in found]

        return await self._again(ask)

    async def active(self) -> bool:
        """Whether the account may place calls; asked once. Errors as of the others."""

        async def ask() -> bool:
            found = await self._client.api.accounts(self._account.sid).fetch_async()
            return str(found.status) == "active"

        return await told(ask)

    async def _again(
        self,
        ask: Callable[[], Awaitable[T]],
        at: tuple[type[Exception], ...] = (TooMany, ChannelDown, Lost),
    ) -> T:
        """Ask, and ask again after these, with pauses that grow by chance."""
        for turn in range(TRIES - 1):
            with contextlib.suppress(*at):
                return await told(ask)
            longest = self._patience.again * 2**turn
            await self._clock.sleep(longest * (0.5 + random.random() / 2))
        return await told(ask)


async def told(ask: Callable[[], Awaitable[T]]) -> T:
    """The library's errors as ours."""
    try:
        return await ask()
    except TwilioRestException as no:
        if no.status == 429:
            raise TooMany from None
        if no.status >= 500:
            raise Lost from None
        raise Refused(no.status, no.code) from None
    except (TwilioException, ValueError, TypeError, KeyError, AttributeError):
        raise Lost from None  # an answer that is not one


async def account_state(rest: Rest) -> tuple[bool, str]:
    """Whether calls can be placed by it, and why (not)."""
    try:
        active = await rest.active()
    except Refused as no:
        return False, f"Twilio refuses us ({no.status}, error {no.code})"
    except (Lost, ChannelDown):
        return False, "Twilio does not answer"
    return active, "Twilio answers" if active else "the account is not active"


async def calls_up(rest: Rest, caller_ids: Sequence[str]) -> int:
    """Calls under these numbers that ring or talk now; 0 where it does not tell."""
    try:
        found = [
            await rest.find(from_=number, status=status)
            for number in caller_ids
            for status in ("queued", "ringing", "in-progress")
        ]
    except (Refused, Lost, ChannelDown):
        return 0
    return sum(map(len, found))


def sid(call: CallInstance) -> str:
    """ValueError: it has none."""
    if not isinstance(call.sid, str) or not call.sid.startswith("CA"):
        raise ValueError("a call without its sid")
    return call.sid


def seen(call: CallInstance) -> Seen:
    created = call.date_created
    return Seen(
        sid(call),
        str(call.status),
        str(call.to),
        created if isinstance(created, datetime) else None,
        int(call.duration or 0),
        str(call.price or ""),
        str(call.price_unit or ""),
    )


def reason(no: Exception) -> str:
    """For the log: nothing personal."""
    if isinstance(no, Refused):
        return f"status {no.status}, code {no.code}"
    return type(no).__name__
