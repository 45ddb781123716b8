"""The drivers of trunks: Asterisks opened, their trunks as one carrier, and watched."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from dialer.channels.alive import Alive
from dialer.channels.asterisk.causes import load_causes
from dialer.channels.asterisk.channel import AsteriskChannel
from dialer.channels.asterisk.contacts import Peer
from dialer.channels.asterisk.link import LinkLost, Login
from dialer.channels.port import ChannelDown, Order
from dialer.clock import Clock
from dialer.settings import Settings, shipped
from dialer.store.port import Journal, Refused, StoreDown
from dialer.trunks.model import Asterisk, Trunk, Trunks
from dialer.trunks.routes import Change, Routes

log = logging.getLogger(__name__)

PUBLISH = 2.0  #: seconds between two writings of the figures
WATCH = 5.0  #: seconds between two looks at a carrier
PATIENCE = 10.0  #: seconds that an Asterisk may take to let us in


def choose(
    found: Trunks, names: Sequence[str], caller_id: str = ""
) -> dict[str, Trunk]:
    """The trunks a campaign asks for (no names: all that are enabled). Refused: one is
    not there or is off, or none of them owns the caller ID."""
    for name in names:
        if name not in found.trunk:
            known = ", ".join(found.trunk)
            raise Refused(f"there is no trunk {name!r} (there is {known})")
        if not found.trunk[name].enabled:
            raise Refused(f"trunk {name!r} is not enabled in its table")
    chosen = {
        name: trunk
        for name, trunk in found.trunk.items()
        if (name in names if names else trunk.enabled)
    }
    if not chosen:
        raise Refused("no trunk is enabled")
    if caller_id and not any(caller_id in t.caller_ids for t in chosen.values()):
        raise Refused(f"none of {', '.join(chosen)} owns the caller ID {caller_id}")
    return chosen


@asynccontextmanager
async def open_routes(
    found: Trunks, chosen: Mapping[str, Trunk], clock: Clock
) -> AsyncIterator[tuple[Routes, asyncio.Queue[Change]]]:
    """The chosen trunks as a carrier, and the changes of their states as they come.
    TrunksError: a secret cannot be read. ChannelDown: an Asterisk does not let us in.
    """
    changes = asyncio.Queue[Change]()
    async with AsyncExitStack() as stack:
        switches = {
            name: await stack.enter_async_context(
                open_switch(found, name, clock, trunks=chosen.values())
            )
            for name in dict.fromkeys(trunk.asterisk for trunk in chosen.values())
        }
        only = next(iter(switches.values())) if len(switches) == 1 else None
        routes = Routes(chosen, switches, clock, changes.put_nowait, agents=only)
        await look_at_all(chosen, switches, routes)
        await stack.enter_async_context(
            Beside(watch(chosen, switches, routes, clock), "trunks")
        )
        yield routes, changes


@asynccontextmanager
async def reported(
    routes: Routes,
    changes: asyncio.Queue[Change],
    journal: Journal,
    settings: Settings,
    clock: Clock,
) -> AsyncIterator[None]:
    """Meanwhile journal changes, and keep the figures where other programs see them."""
    figures = settings.trunk_figures
    async with (
        Beside(herald(changes, journal, clock), "trunk events"),
        Beside(publish(routes, figures, settings.engine.node, clock), "trunk figures"),
    ):
        yield


class Beside(Alive):
    """Work that runs for as long as the block lasts."""

    def __init__(self, work: Coroutine[None, None, None], name: str) -> None:
        self._work = work
        self._name = name

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._work, name=self._name)
            try:
                yield
            finally:
                task.cancel()


@asynccontextmanager
async def open_switch(
    found: Trunks, name: str, clock: Clock, *, trunks: Collection[Trunk] = ()
) -> AsyncIterator[AsteriskChannel]:
    """`trunks`: those that calls will be placed by. Who places none takes no port that
    an engine may have."""
    asterisk = found.asterisk[name]

    def dial(order: Order) -> str:
        number = found.trunk[order.trunk].dialed(order.number)
        return f"PJSIP/{number}@{order.trunk}"

    def by(order: Order) -> str:
        return found.trunk[order.trunk].media

    mine = (trunk.media for trunk in trunks if trunk.asterisk == name)
    websocket = (asterisk.media_host, asterisk.websocket_port)
    channel = AsteriskChannel(
        login(asterisk, found),
        clock,
        load_causes(shipped("config") / "causes.toml"),
        dial,
        media=(asterisk.media_host, asterisk.media_port if trunks else 0),
        websocket=websocket if "websocket" in mine else None,
        by=by,
    )
    async with channel:
        try:
            await channel.ready(PATIENCE)
        except ChannelDown as down:
            raise ChannelDown(f"asterisk.{name}: {down}") from down
        yield channel


def login(asterisk: Asterisk, found: Trunks) -> Login:
    secret = asterisk.secret.read(found.folder)
    return Login(asterisk.host, asterisk.port, asterisk.user, secret)


async def watch(
    chosen: Mapping[str, Trunk],
    switches: Mapping[str, AsteriskChannel],
    routes: Routes,
    clock: Clock,
) -> None:
    """Tell the routes which carriers answer, until cancelled."""
    while True:
        await clock.sleep(WATCH)
        await look_at_all(chosen, switches, routes)


async def look_at_all(
    chosen: Mapping[str, Trunk],
    switches: Mapping[str, AsteriskChannel],
    routes: Routes,
) -> None:
    for name, trunk in chosen.items():
        there, why = reach(await look(switches[trunk.asterisk], name))
        routes.reachable(name, there=there, why=why)


async def look(switch: AsteriskChannel, trunk: str) -> list[Peer] | None:
    """None: the Asterisk itself does not answer."""
    try:
        return await switch.peers(trunk)
    except (ChannelDown, LinkLost):
        return None


def reach(peers: list[Peer] | None) -> tuple[bool, str]:
    """Whether calls can go there, and why (not)."""
    if peers is None:
        return False, "the Asterisk does not answer"
    if not peers:
        return False, "the Asterisk does not know this trunk: `dialer trunks render`"
    if not any(peer.there for peer in peers):
        return False, "the carrier does not answer OPTIONS"
    return True, "the carrier answers OPTIONS"


async def herald(
    changes: asyncio.Queue[Change], journal: Journal, clock: Clock
) -> None:
    """One journal entry a change, until cancelled."""
    while True:
        change = await changes.get()
        body = {"state": change.state.value, "why": change.why}
        log.warning("trunk %s: %s (%s)", change.trunk, change.state, change.why)
        try:
            await journal.note(clock.now(), "trunk.state", change.trunk, body)
        except StoreDown:
            log.warning("store down: a trunk's change is not on record")


async def publish(routes: Routes, path: Path, node: str, clock: Clock) -> None:
    """Write the figures to a file every few seconds, until cancelled."""
    while True:
        found = {
            "node": node,
            "at": clock.now().isoformat(),
            "trunks": routes.status(),
        }
        await asyncio.to_thread(replace_file, path, json.dumps(found, indent=1))
        await clock.sleep(PUBLISH)


def replace_file(path: Path, text: str) -> None:
    """Whole or not at all."""
    made = path.with_name(f".{path.name}.new")
    made.write_text(text, "utf-8")
    made.replace(path)
