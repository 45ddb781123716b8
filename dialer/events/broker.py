"""A session with an MQTT 5 broker: let in or not, and what its answers say."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from dialer.events.message import Message

quiet = logging.getLogger(f"{__name__}.library")
quiet.setLevel(logging.CRITICAL)  # what breaks is told by us, once

WINDOW = 256  #: messages under way before their PUBACKs are waited for
ANSWER = 10.0  #: seconds that a broker may take for an answer
KEEPALIVE = 20  #: seconds; a node that vanished is told of after 1.5 times as many
REFUSALS = {134, 135, 140}  #: MQTT 5: bad credentials, not authorized, bad method


class BrokerError(Exception):
    """No session with the broker; the text is for the user."""


class BrokerDown(BrokerError):
    """It cannot be reached now."""


class BrokerRefuses(BrokerError):
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

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self._waiting = set[int]()  # PUBACKs
        self._acknowledged = asyncio.Event()

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
        self._waiting.discard(mid)
        if not self._waiting:
            self._acknowledged.set()
        super()._on_publish(client, userdata, mid, reason_code, properties)  # type: ignore[arg-type]

    async def send(self, messages: Sequence[Message]) -> None:
        """In this order; returns when all are acknowledged. MqttError: some are not,
        or (BrokerRefuses) are not allowed."""
        try:
            for start in range(0, len(messages), self.window):
                await self._send(messages[start : start + self.window])
        finally:
            if self.denied is not None:  # some brokers hang up as well
                raise BrokerRefuses(f"it does not let us publish: {self.denied}")

    async def _send(self, messages: Sequence[Message]) -> None:
        """One window. aiomqtt's own `publish` costs a task and a timer each."""
        self._acknowledged.clear()
        for one in messages:
            info = self._client.publish(one.topic, one.payload, 1, one.retain)
            if info.rc != MQTT_ERR_SUCCESS:
                raise aiomqtt.MqttCodeError(info.rc, "not sent")
            self._waiting.add(info.mid)
        if self._waiting:
            await self._wait_for(self._acknowledged.wait(), None)


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
        logger=quiet,
        protocol=aiomqtt.ProtocolVersion.V5,
        will=will and aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
        keepalive=KEEPALIVE,
        timeout=ANSWER,
        max_inflight_messages=0,  # our windows bound it; paho's way of it costs more
    )
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


def _no_session(broker: Broker, error: aiomqtt.MqttError) -> BrokerError:
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
