"""Who is told over MQTT: from settings to something that runs beside an engine."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import (
    asynccontextmanager,
    contextmanager,
    suppress,
)
from importlib.metadata import version
from pathlib import Path
from typing import IO

from dialer.channels.alive import Alive
from dialer.clock import Clock
from dialer.events import commands
from dialer.events.broker import Broker
from dialer.events.commands import Command, Commands, Nonces, NotTaken
from dialer.events.metrics import Metrics
from dialer.events.mqtt import FLUSH, Publisher
from dialer.settings import Settings
from dialer.store.port import Campaign, Refused, StoreDown, StoreError, Stores

log = logging.getLogger(__name__)

PASSWORD = "ACCORD_MQTT_PASSWORD"
STATES = {"pause": "paused", "resume": "running"}


def broker(
    settings: Settings, environ: Mapping[str, str] = os.environ
) -> Broker | None:
    """None: there is none in the settings. Refused: a file of it cannot be used."""
    own = settings.events.mqtt
    if not own.host:
        return None
    return Broker(
        own.host,
        own.port,
        own.tenant,
        settings.engine.node,
        own.user,
        _password(settings, environ),
        _tls(settings) if own.tls else None,
    )


def _password(settings: Settings, environ: Mapping[str, str]) -> str:
    own = settings.events.mqtt
    if found := environ.get(PASSWORD):
        return found
    if not own.password_file:
        return ""
    path = Path(own.password_file).expanduser()
    if not path.is_file():
        raise Refused(f"events.mqtt.password_file: {path}: no such file")
    if path.stat().st_mode & 0o077:
        raise Refused(f"{path}: others may read it; chmod 600")
    return path.read_text("utf-8").strip()


def _tls(settings: Settings) -> ssl.SSLContext:
    own = settings.events.mqtt
    try:
        context = ssl.create_default_context(cafile=_file(own.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if own.certificate:
            context.load_cert_chain(own.certificate, _file(own.key))
    except (OSError, ssl.SSLError) as error:
        raise Refused(f"events.mqtt: ca, certificate or key: {error}") from error
    return context


def _file(name: str) -> str | None:
    return str(Path(name).expanduser()) if name else None


class Turn:
    """Which process of this home publishes: the one that holds the lock. The system
    frees it however that process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: IO[str] | None = None

    def mine(self) -> bool:
        """Take it, if nobody has it."""
        if self._held is None:
            file = self._path.open("w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            self._held = file
        return True

    def give_back(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None


@contextmanager
def turn(settings: Settings) -> Iterator[Turn]:
    found = Turn(settings.home / "mqtt.lock")
    try:
        yield found
    finally:
        found.give_back()


@asynccontextmanager
async def publishing(
    settings: Settings,
    stores: Stores,
    clock: Clock,
    drain: Callable[[], None],
    metrics: Metrics | None = None,
    mine: Callable[[], bool] = lambda: True,
) -> AsyncIterator[None]:
    """Meanwhile events go out and, where that is on, commands come in. At the end what
    is in the journal by then is published, if the broker takes it soon. `mine`: whether
    this node publishes for all, where there are others."""
    there = broker(settings)
    if there is None:
        yield
        return
    taken = take_commands(settings, stores, clock, drain)
    with turn(settings) as lock:
        publisher = Publisher(
            there,
            stores.journal,
            clock,
            mine=lambda: mine() and lock.mine(),
            commands=taken,
        )
        if metrics:
            metrics.watch_publisher(publisher)
        async with Kept(publisher.run(), clock, publisher.stop):
            yield


@contextmanager
def apart(
    settings: Settings, stores: Stores, there: Broker, clock: Clock
) -> Iterator[Publisher]:
    """A publisher without an engine: it does not say that the node is online, and takes
    no commands."""
    with turn(settings) as lock:
        yield Publisher(there, stores.journal, clock, mine=lock.mine, present=False)


class Kept(Alive):
    """Work beside calls: its faults are logged, and end nothing else. At the end it is
    asked to stop, where it can be, and has a little time for it."""

    def __init__(
        self,
        work: Coroutine[None, None, None],
        clock: Clock,
        stop: Callable[[], None] | None = None,
    ) -> None:
        self._work = work
        self._clock = clock
        self._stop = stop

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._guarded(), name="beside the calls")
            try:
                yield
            finally:
                await self._ended(task)
                task.cancel()

    async def _ended(self, task: asyncio.Task[None]) -> None:
        if self._stop is None:
            return
        self._stop()
        with suppress(TimeoutError):
            async with self._clock.timeout(FLUSH):
                await asyncio.wait({task})

    async def _guarded(self) -> None:
        try:
            await self._work
        except Exception:  # a fault of ours in telling must not end calls
            log.exception("what others are told has ended by a fault")


def take_commands(
    settings: Settings, stores: Stores, clock: Clock, drain: Callable[[], None]
) -> Commands | None:
    """None: they are off. CommandsError."""
    own = settings.events.mqtt
    if not own.commands:
        return None

    async def do(command: Command) -> None:
        try:
            await carry_out(command, stores, clock, drain)
        except (StoreError, StoreDown):
            raise NotTaken("the campaign's state does not let it") from None

    return Commands(
        commands.load(Path(own.commands).expanduser()),
        Nonces(settings.home / "commands.json"),
        do,
        clock,
        tenant=own.tenant,
        node=settings.engine.node,
    )


async def carry_out(
    command: Command, stores: Stores, clock: Clock, drain: Callable[[], None]
) -> None:
    """On record first. Nothing here dials or judges: who may be called is decided as
    ever."""
    campaign = command.campaign
    if command.command != "drain":
        campaign = (await stores.campaigns.get(campaign)).campaign_id
    said = {"command": command.command, "campaign": campaign, "node": command.node}
    await stores.journal.note(clock.now(), "command.taken", command.by, said)
    if command.command == "drain":
        drain()
        return
    state = STATES[command.command]
    await stores.campaigns.set_state(campaign, state, clock.now())


@asynccontextmanager
async def on_record(
    settings: Settings, stores: Stores, found: Campaign, clock: Clock, lines: int
) -> AsyncIterator[None]:
    """A node's start and its end in order, in the journal."""
    node = settings.engine.node
    about = {"campaign": found.campaign_id}
    told = {**about, "lines": lines, "version": version("accord-dialer")}
    await stores.journal.note(clock.now(), "node.started", node, told)
    try:
        yield
    finally:
        with suppress(StoreDown):
            await stores.journal.note(clock.now(), "node.stopped", node, about)
