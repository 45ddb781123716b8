"""One AMI connection, kept up: logged in, asked, listened to, found again when lost.

What was asked when the link broke is never asked again: an Originate whose answer got
lost may have rung somebody. Who asked is told `LinkLost`, and looks for himself.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

from dialer.channels.alive import Alive
from dialer.channels.asterisk.ami import Message, NotAmi, Parser, action
from dialer.channels.port import ChannelDown
from dialer.clock import Clock

log = logging.getLogger(__name__)

Headers = Iterable[tuple[str, str]]
Heard = Callable[[Message], None]


class LinkLost(Exception):
    """Asked, but the answer did not come: it may have been done or not."""


class LoginRefused(Exception):
    """The manager does not take this user or secret; the message is Asterisk's."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where the manager listens and who we are there."""

    host: str
    port: int
    user: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to connect and log in, for an answer, between two pings, and between two
    tries (doubled up to the last)."""

    connect: float = 5.0
    answer: float = 5.0
    ping: float = 5.0
    again: float = 0.2
    again_at_most: float = 5.0


class Wire(asyncio.Protocol):
    """The connection itself. Answers go to who asked, events to `heard`."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._parser = Parser()
        self._asked: dict[str, asyncio.Future[Message]] = {}
        self._lists: dict[str, list[Message]] = {}
        loop = asyncio.get_running_loop()
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none

    def data_received(self, data: bytes) -> None:
        try:
            found = self._parser.feed(data)
        except NotAmi:
            log.warning("ami: the peer speaks something else")
            self.transport.abort()
            return
        if self._parser.greeting and not self.greeted.done():
            self.greeted.set_result(None)
        for message in found:
            if not message.event:
                self._answer(message)
            elif self._lists and (name := message.get("ActionID")) in self._lists:
                self._listed(name, message)
            else:
                self._heard(message)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        self.greeted.cancel()
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(LinkLost())
        self._asked.clear()

    def _answer(self, message: Message) -> None:
        name = message.get("ActionID")
        waiting = self._asked.get(name)
        refused = message.get("Response") == "Error"
        if waiting is None or waiting.done():
            return
        if refused or name not in self._lists:  # else its events follow
            waiting.set_result(message)

    def _listed(self, name: str, message: Message) -> None:
        waiting = self._asked.get(name)
        if message.get("EventList") != "Complete":
            self._lists[name].append(message)
        elif waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def ask(
        self,
        name: str,
        action_id: str,
        headers: Headers = (),
        variables: Headers = (),
        *,
        lists: bool = False,
    ) -> tuple[Message, list[Message]]:
        """The answer (`lists`: the event that ends the list), and what it listed.
        LinkLost. ValueError: see `ami.action`."""
        data = action(name, action_id, headers, variables)
        if self.lost.done():
            raise LinkLost
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._asked[action_id] = waiting
        listed = list[Message]()
        if lists:
            self._lists[action_id] = listed
        self.transport.write(data)
        try:
            return await waiting, listed
        finally:
            self._asked.pop(action_id, None)
            self._lists.pop(action_id, None)


class Link(Alive):
    """Use within `async with`. `heard` is called with each event, in order, on the
    loop; it must not block. `regained` is called each time the link is up (again)."""

    def __init__(
        self,
        login: Login,
        clock: Clock,
        heard: Heard,
        *,
        regained: Callable[[], None] = lambda: None,
        patience: Patience | None = None,
    ) -> None:
        self._login = login
        self._clock = clock
        self._heard = heard
        self._regained = regained
        self._patience = patience or Patience()
        self._prefix = os.urandom(4).hex()
        self._serial = itertools.count(1)
        self._wire: Wire | None = None
        self._up = asyncio.Event()
        self._refused: LoginRefused | None = None
        self._told = asyncio.Event()  # up, or refused: what waiting would not change

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        name = f"ami {self._login.host}:{self._login.port}"
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(self._keep(), name=name)
            yield
            keeper.cancel()

    @property
    def up(self) -> bool:
        return self._up.is_set()

    async def wait_up(self, seconds: float) -> None:
        """ChannelDown: not up by then; it says why."""
        try:
            async with self._clock.timeout(seconds):
                await self._told.wait()
                if self.up:
                    return
        except TimeoutError:
            pass
        where = f"{self._login.host}:{self._login.port}"
        why = f": {self._refused}" if self._refused else ""
        raise ChannelDown(f"no Asterisk manager at {where}{why}")

    async def ask(
        self,
        name: str,
        headers: Headers = (),
        variables: Headers = (),
        *,
        action_id: str = "",
    ) -> Message:
        """Ask once. ChannelDown: the link is down and nothing was sent. LinkLost: sent,
        and no answer came in time."""
        mine = action_id or self._new_id()
        async with self._asking() as wire:
            answer, _ = await wire.ask(name, mine, headers, variables)
            return answer

    async def ask_list(self, name: str, headers: Headers = ()) -> list[Message]:
        """What a listing action lists. Errors as of `ask`."""
        async with self._asking() as wire:
            _, listed = await wire.ask(name, self._new_id(), headers, lists=True)
            return listed

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Wire]:
        wire = self._wire
        if wire is None or not self.up:
            raise ChannelDown("the link to Asterisk is down")
        try:
            async with self._clock.timeout(self._patience.answer):
                yield wire
        except TimeoutError:
            raise LinkLost from None

    def _new_id(self) -> str:
        return f"{self._prefix}-{next(self._serial)}"

    async def _keep(self) -> None:
        """Connect, stay, and connect again, until cancelled."""
        pause = self._patience.again
        while True:
            try:
                await self._session()
                pause = self._patience.again  # it was up: the next try is soon
            except LoginRefused as error:
                self._refused = error
                self._told.set()
                log.error("ami: login refused")
            except (OSError, LinkLost, TimeoutError):
                pass
            await self._clock.sleep(pause)
            pause = min(2 * pause, self._patience.again_at_most)

    async def _session(self) -> None:
        """One connection, from its beginning until it is lost."""
        login, patience, loop = self._login, self._patience, asyncio.get_running_loop()
        async with self._clock.timeout(patience.connect):
            _, wire = await loop.create_connection(
                lambda: Wire(self._heard), login.host, login.port
            )
        try:
            async with self._clock.timeout(patience.connect):
                await asyncio.wait(  # no secret before we know whom we tell it
                    [wire.greeted, wire.lost], return_when=asyncio.FIRST_COMPLETED
                )
                who = [("Username", login.user), ("Secret", login.secret)]
                answer, _ = await wire.ask("Login", self._new_id(), who)
            if answer.get("Response") != "Success":
                raise LoginRefused(answer.get("Message"))
            self._wire, self._refused = wire, None
            self._up.set()
            self._told.set()
            log.info("ami: up")
            self._regained()
            await self._stay(wire)
        finally:
            self._up.clear()
            self._told.clear()
            self._wire = None
            wire.transport.abort()
            wire.connection_lost(None)

    async def _stay(self, wire: Wire) -> None:
        """Until it is lost, or a ping is not answered in time: an Asterisk that is
        frozen keeps its sockets open."""
        there = True
        while there:
            with suppress(TimeoutError):
                async with self._clock.timeout(self._patience.ping):
                    await asyncio.shield(wire.lost)
            there = not wire.lost.done() and await self._pinged(wire)
        log.warning("ami: link lost")

    async def _pinged(self, wire: Wire) -> bool:
        try:
            async with self._clock.timeout(self._patience.answer):
                await wire.ask("Ping", self._new_id())
        except (TimeoutError, LinkLost):
            return False
        return True
