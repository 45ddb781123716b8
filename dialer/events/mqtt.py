"""The journal over MQTT 5: at least once, in order per call, and never in the way.

The cursor moves when the broker has acknowledged (PUBACK) all that lies before it. What
was under way when a connection broke is sent again, so a subscriber may see an event
twice; whoever drops a `seq` that is not above the last one of that call has each once.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiomqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from dialer.clock import Clock
from dialer.events.commands import Commands
from dialer.events.message import BadRow, Message, message, presence, topic
from dialer.store.port import Feed, JournalRow, StoreDown, StoreError

log = logging.getLogger(__name__)

READER = "mqtt"  #: our cursor's name in the journal
WINDOW = 256  #: messages under way before their PUBACKs are waited for
POLL = 0.5  #: seconds between two looks at a journal that had nothing new
ANSWER = 10.0  #: seconds that a broker may take for an answer
KEEPALIVE = 20  #: seconds; a node that vanished is told of after 1.5 times as many
FIRST, LONGEST = 0.5, 30.0  #: seconds before the next try to connect
GOODBYE = 2.0  #: seconds for the last word
FLUSH = 5.0  #: seconds at the end for what is not published yet
REFUSALS = {134, 135, 140}  #: MQTT 5: bad credentials, not authorized, bad method


class BrokerDown(Exception):
    """It cannot be reached now."""


class BrokerRefuses(Exception):
    """It is there and does not want us, or we do not trust it: a matter of settings."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where events go, and as whom. `tls` None: not encrypted."""

    host: str
    port: int
    tenant: str
    node: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None

    @property
    def place(self) -> str:
        return f"mqtt {self.host}:{self.port}"


class Client(aiomqtt.Client):
    """Knows what a PUBACK said, which aiomqtt 2.5 drops, and leaves no socket behind
    when the broker does not answer to CONNECT."""

    denied: ReasonCode | None = None
    window = WINDOW  #: how much may be under way; the broker says so as well

    def _on_connect(
        self,
        client: object,
        userdata: object,
        flags: object,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self.window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        super()._on_connect(client, userdata, flags, reason_code, properties)  # type: ignore[arg-type]

    def _on_disconnect(
        self,
        client: object,
        userdata: object,
        flags: object,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():  # aiomqtt would wait for its whole patience
            self._connected.set_exception(aiomqtt.MqttError("it hung up on us"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)  # type: ignore[arg-type]

    def _on_publish(
        self,
        client: object,
        userdata: object,
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,
    ) -> None:
        if reason_code.is_failure:
            self.denied = reason_code
        super()._on_publish(client, userdata, mid, reason_code, properties)  # type: ignore[arg-type]

    async def send(self, messages: Sequence[Message]) -> None:
        """In this order; returns when all are acknowledged. MqttError: some are not,
        or (BrokerRefuses) are not allowed."""
        try:
            for start in range(0, len(messages), self.window):
                async with asyncio.TaskGroup() as group:
                    for one in messages[start : start + self.window]:
                        sent = self.publish(one.topic, one.payload, 1, one.retain)
                        group.create_task(sent, name="mqtt publish")
        finally:
            if self.denied is not None:  # some brokers hang up as well
                raise BrokerRefuses(f"it does not let us publish: {self.denied}")


@asynccontextmanager
async def connected(
    broker: Broker, identifier: str | None, will: Message | None = None
) -> AsyncIterator[Client]:
    """A session. BrokerDown, BrokerRefuses: there is none; what breaks it later comes
    as MqttError."""
    client = Client(
        broker.host,
        broker.port,
        identifier=identifier,
        username=broker.user or None,
        password=broker.password or None,
        tls_context=broker.tls,
        protocol=aiomqtt.ProtocolVersion.V5,
        will=will and aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
        keepalive=KEEPALIVE,
        timeout=ANSWER,
        max_inflight_messages=WINDOW,
    )
    client.pending_calls_threshold = 2 * WINDOW
    try:
        await client.__aenter__()
    except aiomqtt.MqttError as error:
        client._client.disconnect()
        raise _no_session(broker, error) from None
    try:
        yield client
    finally:
        await client.__aexit__(None, None, None)
        if client._disconnected.done():
            client._disconnected.exception()  # known: nobody else will ask


def _no_session(broker: Broker, error: aiomqtt.MqttError) -> Exception:
    if isinstance(error, aiomqtt.MqttCodeError):
        code = getattr(error.rc, "value", error.rc)
        who = f"user {broker.user!r}" if broker.user else "us without a user"
        text = f"{broker.place}: the broker refuses {who}: {error.rc}"
        if code in REFUSALS:
            return BrokerRefuses(f"{text} (see [events.mqtt] user, password_file)")
        return BrokerDown(text)
    if "certificate" in str(error).lower():
        return BrokerRefuses(f"{broker.place}: {error} (see [events.mqtt] ca)")
    return BrokerDown(f"{broker.place}: {error}")


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
        self._trouble = ""
        self.connected = False
        self.published = 0

    def stop(self) -> None:
        """Publish what is in the journal by now, say goodbye, and return."""
        self._stopping.set()

    async def run(self) -> None:
        wait = FIRST
        while True:
            trouble: BaseException | None = None
            try:
                await self._session()
            except* (aiomqtt.MqttError, BrokerDown, BrokerRefuses, OSError) as group:
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
        async with connected(self._broker, name, will) as client:
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
        self.connected, self._trouble = True, ""
        log.info("events: connected to the broker")

    def _down(self, trouble: BaseException) -> None:
        self.connected = False
        why = str(trouble)
        if why != self._trouble:  # once, not at every try
            log.warning("events: no broker; they wait", extra={"why": why})
        self._trouble = why

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
