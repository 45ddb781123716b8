"""Calls through one Asterisk: placed over AMI, their sound over AudioSocket or
WebSocket.

The disposition of a call that was not answered is in its Hangup event (Cause and
TechCause); that event and OriginateResponse come in any order. An Originate that failed
without a channel never was a call. (Measured; `DialStatus` and `Reason` say otherwise.)
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from dialer.channels.alive import Alive
from dialer.channels.asterisk.ami import Message
from dialer.channels.asterisk.audiosocket import AudioSocket
from dialer.channels.asterisk.contacts import Peer, peers
from dialer.channels.asterisk.early import Early
from dialer.channels.asterisk.link import Link, LinkLost, Login
from dialer.channels.asterisk.media import Media, Sound
from dialer.channels.asterisk.queue import known
from dialer.channels.asterisk.websocket import WebSocket
from dialer.channels.causes import Causes
from dialer.channels.line import Transferable
from dialer.channels.port import (
    About,
    Cause,
    ChannelDown,
    Line,
    NotAnswered,
    Order,
    Queue,
    Unsure,
)
from dialer.channels.tries import call_id
from dialer.clock import Clock

log = logging.getLogger(__name__)

CONTEXT = "accord"  #: of the dialplan we ship (config/asterisk/extensions.conf)
PEOPLE = "accord-people"
AGENT = "accord-agent"
AFTER = 1.0  #: seconds a Hangup event may come after the Originate failed
MARGIN = 5.0  #: seconds past the ring time after which we stop waiting for Asterisk
LIMIT = 1800  #: seconds after which Asterisk ends a call by itself

TRUNK = re.compile(r"PJSIP/([^/]+)-[0-9a-f]+")  #: in a channel's name


@dataclass(frozen=True, slots=True)
class Ended:
    """A channel is gone."""

    q850: str
    tech: str


class Pending(NamedTuple):
    """A call under way, and what events tell of it. With any of them it is no longer
    ours to end."""

    ringing: Callable[[], None]
    refused: asyncio.Future[None]
    taken: asyncio.Future[None]  # by people
    ended: asyncio.Future[Ended | None]  # None: gone while nobody listened

    @property
    def settled(self) -> bool:
        return self.refused.done() or self.taken.done() or self.ended.done()


class AsteriskChannel(Alive):
    """A `channels.port.Channel`. Use within `async with`.

    dial: from an order to Asterisk's dial string (`PJSIP/+86…@trunk`). media: where
    Asterisk reaches us, host and port to listen on; 0: any port. websocket: the same
    for its websocket client `accord`, for orders that go `by` it.
    """

    def __init__(
        self,
        login: Login,
        clock: Clock,
        causes: Causes,
        dial: Callable[[Order], str],
        *,
        media: tuple[str, int] = ("127.0.0.1", 0),
        websocket: tuple[str, int] | None = None,
        by: Callable[[Order], str] = lambda order: AudioSocket.kind,
    ) -> None:
        self._clock = clock
        self._causes = causes
        self._dial = dial
        self._by = by
        self._media: dict[str, Media] = {AudioSocket.kind: AudioSocket(clock, *media)}
        if websocket:
            self._media[WebSocket.kind] = WebSocket(clock, *websocket)
        self._link = Link(login, clock, self._heard, regained=self._look_again)
        self._calls: dict[str, Pending] = {}
        self._agents: dict[str, str] = {}  # of the queue looked at last: their phones
        self._group = asyncio.TaskGroup()
        self.trunk = ""
        sound = self._media[AudioSocket.kind]
        self._early = Early(self._link, sound, clock, self._group)

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            for media in self._media.values():
                await opened.enter_async_context(media)
            async with self._link, self._group:
                yield

    async def ready(self, seconds: float) -> None:
        """ChannelDown: Asterisk does not answer by then."""
        await self._link.wait_up(seconds)

    async def peers(self, trunk: str) -> list[Peer]:
        """What it knows of a trunk's carrier. ChannelDown, LinkLost: not now."""
        asked = [("Endpoint", trunk)]
        return peers(await self._link.ask_list("PJSIPShowEndpoint", asked))

    async def reload(self, module: str) -> str:
        """Have a module read its configuration again. -> why not; empty: done"""
        answer = await self._link.ask("Reload", [("Module", module)])
        return "" if answer.get("Response") == "Success" else answer.get("Message")

    async def in_use(self) -> Counter[str]:
        """Channels up now, by trunk. Errors as of `peers`."""
        listed = await self._link.ask_list("CoreShowChannels")
        names = (TRUNK.match(message.get("Channel")) for message in listed)
        return Counter(match[1] for match in names if match)

    async def queue(self, name: str) -> Queue:
        """See `port.Agents`."""
        try:
            listed = await self._link.ask_list("QueueStatus", [("Queue", name)])
        except LinkLost as lost:
            raise ChannelDown("the Asterisk was lost") from lost
        found = known(name, listed, self._calls)
        self._agents = found.interfaces
        return found.queue

    async def left(self, orders: Sequence[Order]) -> dict[str, bool]:
        """See `port.Switch`."""
        found = dict.fromkeys((order.attempt_id for order in orders), False)
        tries = {call_id(order): order.attempt_id for order in orders}
        try:
            for channel in await self._link.ask_list("CoreShowChannels"):
                call = channel.get("Uniqueid")
                if call not in tries:
                    continue
                if channel.get("Context") not in (PEOPLE, AGENT):
                    await self._link.ask("Hangup", [("Channel", call)])
                elif channel.get("BridgeId"):
                    found[tries[call]] = True
                else:  # it waits in their queue
                    del found[tries[call]]
        except LinkLost as lost:
            raise ChannelDown("the Asterisk was lost") from lost
        return found

    async def variable(self, order: Order, name: str) -> str:
        """A variable or function of the order's channel; empty: there is none."""
        asked = [("Channel", call_id(order)), ("Variable", name)]
        return (await self._link.ask("Getvar", asked)).get("Value")

    @asynccontextmanager
    async def place(self, order: Order) -> AsyncIterator[Line]:
        """NotAnswered. ChannelDown: nothing was sent. Unsure: it may have rung."""
        call = UUID(call_id(order))
        loop = asyncio.get_running_loop()
        futures = (loop.create_future() for _ in range(3))
        pending = Pending(order.ringing, *futures)
        self._calls[str(call)] = pending
        media = self._media[self._by(order)]
        with media.awaited(call) as coming:
            try:
                async with self._early.during(call):
                    await self._originate(order, str(call), media)
                    connection = await self._answered(order, pending, coming)
                yield Transferable(connection, partial(self._hand_over, order, media))
            finally:
                if not pending.settled:
                    await self._hang_up(str(call), pending)
                del self._calls[str(call)]

    async def _originate(self, order: Order, call: str, media: Media) -> None:
        headers = [
            ("Channel", self._dial(order)),
            *(("Context", CONTEXT), ("Exten", "s"), ("Priority", "1")),
            ("Async", "true"),
            ("ChannelId", call),
            ("Timeout", str(round(1000 * order.ring_seconds))),
            ("CallerID", order.caller_id),
        ]
        variables = [
            *(("__ACCORD_CALL", call), ("ACCORD_MEDIA", media.where)),
            ("ACCORD_MEDIA_KIND", media.kind),
            ("ACCORD_LIMIT", str(LIMIT)),
            ("ACCORD_WAIT", str(round(order.people_seconds))),
        ]
        try:
            answer = await self._link.ask(
                "Originate", headers, variables, action_id=call
            )
        except LinkLost:
            return  # events will tell, or their absence
        if answer.get("Response") != "Success":
            log.warning("originate refused", extra={"why": answer.get("Message")})
            raise NotAnswered(Cause.NOT_DIALED)

    async def _answered(
        self, order: Order, pending: Pending, coming: asyncio.Future[Sound]
    ) -> Sound:
        """The line. Asterisk connects its sound to us when it is answered."""
        news: list[asyncio.Future[Any]] = [coming, pending.ended, pending.refused]
        try:
            async with self._clock.timeout(order.ring_seconds + MARGIN):
                await asyncio.wait(news, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done() and not pending.ended.done():
                async with self._clock.timeout(AFTER):  # refused: was there a call?
                    await asyncio.wait([pending.ended])
        except TimeoutError:
            if pending.refused.done():
                raise NotAnswered(Cause.NOT_DIALED) from None
            if not self._link.up:
                raise Unsure from None
            raise NotAnswered(Cause.NO_ANSWER) from None
        if coming.done():
            return coming.result()
        ended = pending.ended.result()
        if ended is None:
            raise Unsure
        raise NotAnswered(self._causes.of(ended.q850, ended.tech))

    async def _hang_up(self, call: str, pending: Pending) -> None:
        """End the call; wait a little for Asterisk to say that it has."""
        try:
            await self._link.ask("Hangup", [("Channel", call), ("Cause", "16")])
            async with self._clock.timeout(AFTER):
                await asyncio.wait({pending.ended})
        except (ChannelDown, LinkLost, TimeoutError):
            log.warning("hang-up not confirmed")  # the dialplan's own limit ends it

    async def _hand_over(
        self, order: Order, media: Media, to: str, about: About
    ) -> Sound | bool:
        """True: people took it. False: it stayed, or is gone. Or it came back."""
        call = UUID(call_id(order))
        pending = self._calls[str(call)]
        coming = media.again(call)
        try:
            went = await self._redirect(order, to, about)
        except (ChannelDown, LinkLost, ValueError):
            went = False
        if not went:
            media.stayed(call)
            return False
        news: list[asyncio.Future[Any]] = [pending.taken, coming, pending.ended]
        await asyncio.wait(news, return_when=asyncio.FIRST_COMPLETED)
        if pending.taken.done():
            return True
        return coming.result() if coming.done() else False

    async def _redirect(self, order: Order, to: str, about: About) -> bool:
        """To the queue of people (`people`, `queue:people`), or one of its agents
        (`agent:ann`), with what they are told. Errors as of `Link.ask`."""
        kind, _, name = to.rpartition(":")
        channel = ("Channel", call_id(order))
        told = {
            "ATTEMPT": order.attempt_id,
            "REASON": about.reason,
            "STAGE": str(about.stage),
            "LANGUAGE": about.language,
        }
        if kind == "agent":
            told["AGENT"] = self._agents.get(name, "")
        for key, value in told.items():  # __: the legs to people inherit it
            named = ("Variable", f"__ACCORD_{key}"), ("Value", value)
            await self._link.ask("Setvar", [channel, *named])
        there = (AGENT, "s") if kind == "agent" else (PEOPLE, name)
        where = ("Context", there[0]), ("Exten", there[1]), ("Priority", "1")
        answer = await self._link.ask("Redirect", [channel, *where])
        return answer.get("Response") == "Success"

    # --- told by the link

    def _heard(self, message: Message) -> None:
        match message.event:
            case "Hangup":
                pending = self._calls.get(message.get("Uniqueid"))
                if pending and not pending.ended.done():
                    ended = Ended(message.get("Cause"), message.get("TechCause"))
                    pending.ended.set_result(ended)
            case "DialState" if message.get("DialStatus") == "RINGING":
                if pending := self._calls.get(message.get("DestUniqueid")):
                    pending.ringing()
            case "DialState":
                self._early.heard(message)
            case "UserEvent" if message.get("UserEvent") == "AccordTaken":
                pending = self._calls.get(message.get("Call"))
                if pending and not pending.taken.done():
                    pending.taken.set_result(None)
            case "OriginateResponse" if message.get("Response") == "Failure":
                pending = self._calls.get(message.get("ActionID"))
                if pending and not pending.refused.done():
                    pending.refused.set_result(None)

    def _look_again(self) -> None:
        """The link is up: calls may have ended while it was not."""
        if self._calls:
            self._group.create_task(
                self._reconcile(tuple(self._calls)), name="reconcile"
            )

    async def _reconcile(self, calls: tuple[str, ...]) -> None:
        try:
            listed = await self._link.ask_list("CoreShowChannels")
        except (ChannelDown, LinkLost):
            return  # lost again; it is looked at when it is back
        there = {message.get("Uniqueid") for message in listed}
        for call in calls:
            pending = self._calls.get(call)
            if pending and call not in there and not pending.ended.done():
                pending.ended.set_result(None)
