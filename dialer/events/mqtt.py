"""The journal over MQTT 5: at least once, in order per call, and never in the way.

The cursor moves when the broker has acknowledged (PUBACK) all that lies before it. What
was under way when a connection broke is sent again, so a subscriber may see an event
twice; whoever drops a `seq` that is not above the last one of that call has each once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import aiomqtt

from dialer.clock import Clock
from dialer.events.broker import WINDOW, Broker, BrokerError, BrokerRefuses, Client
from dialer.events.broker import connected as session
from dialer.events.commands import Commands
from dialer.events.message import BadRow, Message, message, presence, topic
from dialer.store.port import Feed, JournalRow, StoreDown, StoreError

log = logging.getLogger(__name__)

READER = "mqtt"  #: our cursor's name in the journal
POLL = 0.5  #: seconds between two looks at a journal that had nothing new
FIRST, LONGEST = 0.5, 30.0  #: seconds before the next try to connect
GOODBYE = 2.0  #: seconds for the last word
FLUSH = 5.0  #: seconds at the end for what is not published yet


class Publisher:
    """Publishes the journal while `run` runs; what goes wrong is logged once and tried
    again.

    mine: whether this process is the one that publishes; asked before each look.
    present: say on `node/NODE/state` that this node is online, with a last will.
    """

    def __init__(
        self,
        broker: Broker,
        feed: Feed,
        clock: Clock,
        *,
        mine: Callable[[], bool] = lambda: True,
        present: bool = True,
        commands: Commands | None = None,
    ) -> None:
        self._broker = broker
        self._feed = feed
        self._clock = clock
        self._mine = mine
        self._present = present
        self._commands = commands
        self._stopping = asyncio.Event()
        self._seq: int | None = None
        self._most = 1  # entries at once: grows with each success of a session
        self._kept = dict[str, Message]()  # what is retained, for a broker that forgot
        self.trouble = ""  # why there is no broker now
        self.connected = False
        self.published = 0

    def stop(self) -> None:
        """Publish what is in the journal by now, say goodbye, and return."""
        self._stopping.set()

    def answers(self) -> dict[str, int]:
        """How many commands were taken and how many refused."""
        found = self._commands
        return {"taken": found.taken, "refused": found.refused} if found else {}

    async def run(self) -> None:
        wait = FIRST
        while True:
            if not self._present and not self._mine():  # another does; its name is ours
                if self._stopping.is_set():
                    return
                await self._rest(POLL)
                continue
            trouble: BaseException | None = None
            try:
                await self._session()
            except* (aiomqtt.MqttError, BrokerError, OSError) as group:
                trouble = first(group)
            if trouble is None:
                return  # it was to stop
            if self.connected:
                wait = FIRST
            self._down(trouble)
            if self._stopping.is_set():
                return  # it is down: the next run goes on from the cursor
            await self._rest(wait)
            wait = min(2 * wait, LONGEST)

    # --- one session

    async def _session(self) -> None:
        will = self._said("offline", "lost") if self._present else None
        role = "" if self._present else "-publisher"
        name = f"accord-{self._broker.tenant}-{self._broker.node}{role}"
        async with session(self._broker, name, will) as client:
            self._up()
            try:
                await self._live(client)
            finally:
                if self._present:
                    await self._say(client, self._said("offline", "stopped"))

    async def _live(self, client: Client) -> None:
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen(client), name="mqtt in")
            if self._present:
                await client.send([self._said("online", "connected")])
            if self._mine():
                await client.send(list(self._kept.values()))
            await self._journal(client)
            listening.cancel()

    async def _listen(self, client: Client) -> None:
        """Commands, where they are taken; also how the end of a session is noticed."""
        if self._commands:
            there = topic(self._broker.tenant, "node", self._broker.node, "command")
            await client.subscribe(there, qos=1)
        async for one in client.messages:
            if self._commands and not one.retain:
                await self._commands.take(bytes(one.payload))

    async def _journal(self, client: Client) -> None:
        while True:
            last = self._stopping.is_set()
            if await self._some(client):
                continue
            if last:
                return
            await self._rest(POLL)

    async def _some(self, client: Client) -> int:
        """Publish the next window. -> how many entries it was"""
        if not self._mine():
            self._seq = None
            return 0
        try:
            if self._seq is None:
                self._seq = await self._feed.cursor(READER)
            rows = await self._feed.after(self._seq, self._most)
        except (StoreDown, StoreError):
            log.warning("events: the journal cannot be read now")
            return 0
        if not rows:
            return 0
        messages = [one for row in rows if (one := self._message(row))]
        await client.send(messages)
        self._seq = rows[-1].seq
        self._most = min(2 * self._most, WINDOW)
        self.published += len(messages)
        self._kept |= {one.topic: one for one in messages if one.retain}
        try:
            await self._feed.move(READER, self._seq)
        except (StoreDown, StoreError):
            log.warning("events: the cursor could not be moved")
        return len(rows)

    def _message(self, row: JournalRow) -> Message | None:
        try:
            return message(row, self._broker.tenant)
        except BadRow:  # it would stand in the way for ever
            log.exception("events: an entry is no event", extra={"seq": row.seq})
            return None

    # --- around it

    def _said(self, state: str, why: str) -> Message:
        at = self._clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        return presence(self._broker.tenant, self._broker.node, state, why, at)

    async def _say(self, client: Client, one: Message) -> None:
        with suppress(aiomqtt.MqttError):
            await client.publish(
                one.topic, one.payload, qos=1, retain=True, timeout=GOODBYE
            )

    def _up(self) -> None:
        self._most = 1  # what the broker will not have is then found alone
        self.connected, self.trouble = True, ""
        log.info("events: connected to the broker")

    def _down(self, trouble: BaseException) -> None:
        self.connected = False
        why = str(trouble)
        if why != self.trouble:  # once, not at every try
            log.warning("events: no broker; they wait", extra={"why": why})
        self.trouble = why

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await self._stopping.wait()


def first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """One that is not a group; a refusal before what came of it."""
    refused = group.subgroup(BrokerRefuses)
    found: BaseException = refused or group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
