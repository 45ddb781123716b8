"""The drivers of trunks: Asterisks and Twilio accounts opened, their trunks as one
carrier, and watched."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from dialer.channels.alive import Alive
from dialer.channels.asterisk.channel import AsteriskChannel
from dialer.channels.asterisk.contacts import Peer
from dialer.channels.asterisk.link import LinkLost, Login
from dialer.channels.causes import load_causes
from dialer.channels.port import ChannelDown, Order
from dialer.channels.twilio import twiml
from dialer.channels.twilio.bills import Bill
from dialer.channels.twilio.channel import TwilioChannel
from dialer.channels.twilio.door import Address
from dialer.channels.twilio.placing import Ways
from dialer.channels.twilio.record import open_record
from dialer.channels.twilio.rest import Account
from dialer.clock import Clock
from dialer.files import replaced
from dialer.settings import Settings, shipped
from dialer.store.port import Journal, Refused, StoreDown
from dialer.trunks.health import State
from dialer.trunks.model import Asterisk, Trunk, Trunks, TrunksError
from dialer.trunks.routes import Change, Routes

log = logging.getLogger(__name__)

PUBLISH = 2.0  #: seconds between two writings of the figures
WATCH = 5.0  #: seconds between two looks at a carrier
PATIENCE = 10.0  #: seconds that an Asterisk may take to let us in

Opened = AsteriskChannel | TwilioChannel


class News(asyncio.Queue[Change]):
    """Changes of trunks' states, and what calls cost, as they become known."""

    def __init__(self) -> None:
        super().__init__()
        self.bills = asyncio.Queue[Bill]()


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
    found: Trunks, chosen: Mapping[str, Trunk], clock: Clock, *, shared: bool = False
) -> AsyncIterator[tuple[Routes, News]]:
    """The chosen trunks as a carrier, and the news of them as they come. `shared`:
    other nodes call for the same campaigns.
    TrunksError: a secret cannot be read. ChannelDown: an Asterisk does not let us in.
    """
    changes = News()
    async with AsyncExitStack() as stack:
        switches = {
            name: await stack.enter_async_context(
                open_any(found, name, clock, chosen.values(), changes, shared=shared)
            )
            for name in dict.fromkeys(trunk.switch for trunk in chosen.values())
        }
        one = next(iter(switches.values())) if len(switches) == 1 else None
        agents = one if isinstance(one, AsteriskChannel) else None
        routes = Routes(chosen, switches, clock, changes.put_nowait, agents=agents)
        await look_at_all(chosen, switches, routes)
        await stack.enter_async_context(
            Beside(watch(chosen, switches, routes, clock), "trunks")
        )
        yield routes, changes


@asynccontextmanager
async def reported(
    routes: Routes,
    changes: News,
    journal: Journal,
    settings: Settings,
    clock: Clock,
) -> AsyncIterator[None]:
    """Meanwhile journal changes, and keep the figures where other programs see them."""
    figures, node = settings.trunk_figures, settings.engine.node
    for name, found in routes.status().items():
        if found["state"] == State.UP:  # others have told already
            changes.put_nowait(Change(name, State.UP, "the engine starts"))
    async with (
        Beside(herald(changes, journal, node, clock), "trunk events"),
        Beside(keep_bills(changes, journal, clock), "trunk bills"),
        Beside(publish(routes, figures, node, clock), "trunk figures"),
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
async def open_any(
    found: Trunks,
    name: str,
    clock: Clock,
    trunks: Collection[Trunk],
    news: News | None = None,
    *,
    shared: bool = False,
) -> AsyncIterator[Opened]:
    """The switch of trunks that calls will be placed by, as `Trunk.switch` names it.
    Errors as of `open_switch`. Without news it is for a test: it asks for no bills."""
    kind, dot, account = name.partition(".")
    if not dot:
        async with open_switch(found, name, clock, trunks=trunks) as asterisk:
            yield asterisk
    else:
        assert kind == "twilio"
        opened = open_twilio(found, account, clock, news, shared=shared)
        async with opened as twilio:
            yield twilio


@asynccontextmanager
async def open_twilio(
    found: Trunks, name: str, clock: Clock, news: News | None, *, shared: bool
) -> AsyncIterator[TwilioChannel]:
    table, account = found.twilio[name], twilio_account(found, name)
    own = "" if news else ".test"
    try:
        path = found.folder / f"{table.record}{own}"
        record = open_record(path, account.secret.encode(), clock.now())
    except OSError as error:
        raise TrunksError("record", [(f"twilio.{name}.record", str(error))]) from error
    words = shipped("templates") / "lexicon"
    ways = Ways(
        Address(table.public, table.host, table.port),
        twiml.load_apology(words / "apology.toml", table.apology),
        table.people,
        twiml.load_takers(words / "takers.toml"),
        table.machine_detection,
    )
    causes = load_causes(shipped("config") / "causes.toml")
    told = news.bills.put_nowait if news else None
    made = TwilioChannel(account, ways, clock, causes, record, told, shared=shared)
    async with made as channel:
        yield channel


def twilio_account(found: Trunks, name: str) -> Account:
    """TrunksError: a secret cannot be read."""
    table = found.twilio[name]
    token = table.token.read(found.folder)
    secret = table.secret.read(found.folder) if table.secret else token
    key = table.key or table.account
    where = table.region, table.edge, table.api
    return Account(table.account, key, secret, token, *where)


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
    switches: Mapping[str, Opened],
    routes: Routes,
    clock: Clock,
) -> None:
    """Tell the routes which carriers answer, until cancelled."""
    while True:
        await clock.sleep(WATCH)
        await look_at_all(chosen, switches, routes)


async def look_at_all(
    chosen: Mapping[str, Trunk],
    switches: Mapping[str, Opened],
    routes: Routes,
) -> None:
    for name, trunk in chosen.items():
        switch = switches[trunk.switch]
        if isinstance(switch, TwilioChannel):
            there, why = await switch.reachable()
        else:
            there, why = reach(await look(switch, name))
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
    changes: asyncio.Queue[Change], journal: Journal, node: str, clock: Clock
) -> None:
    """One journal entry a change, until cancelled."""
    while True:
        change = await changes.get()
        body = {"state": change.state.value, "why": change.why, "node": node}
        if change.state is State.UP:
            log.info("a trunk is up", extra={"trunk": change.trunk})
        else:
            log.warning(
                "a trunk is in trouble",
                extra={
                    "trunk": change.trunk,
                    "state": change.state.value,
                    "why": change.why,
                },
            )
        try:
            await journal.note(clock.now(), "trunk.state", change.trunk, body)
        except StoreDown:
            log.warning("store down: a trunk's change is not on record")


async def keep_bills(news: News, journal: Journal, clock: Clock) -> None:
    """One journal entry for each price that becomes known, until cancelled."""
    while True:
        bill = await news.bills.get()
        body = {
            "trunk": bill.trunk,
            "seconds": bill.seconds,
            "price": bill.price,
            "unit": bill.unit,
        }
        try:
            await journal.note(clock.now(), "trunk.bill", bill.attempt, body)
        except StoreDown:
            log.warning("store down: a call's price is not on record")


async def publish(routes: Routes, path: Path, node: str, clock: Clock) -> None:
    """Write the figures to a file every few seconds, until cancelled."""
    while True:
        found = {
            "node": node,
            "at": clock.now().isoformat(),
            "trunks": routes.status(),
        }
        await asyncio.to_thread(replaced, path, json.dumps(found, indent=1))
        await clock.sleep(PUBLISH)
