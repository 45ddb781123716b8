"""Settings in, an engine out. With `home`, `switches` and `sinks` the only file that
names drivers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from dialer import meters, sinks, switches
from dialer.call.call import Desk, call
from dialer.call.conversation import Studio
from dialer.campaign import retry
from dialer.campaign.account import Account, ceilings
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.campaign.file import CampaignFile, Pacing, parse
from dialer.campaign.paced import Paced, Rules
from dialer.campaign.pacing.pacer import Mode
from dialer.campaign.preview import Previewed
from dialer.channels.loopback.callee import Callee
from dialer.channels.loopback.callees import load_callees
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.channels.loopback.queue import Office, Worker
from dialer.channels.port import Agents, Carrier
from dialer.clock import Clock
from dialer.compliance.gate import make_judge
from dialer.contacts import importer
from dialer.contacts.rules import load_rules
from dialer.engine import Engine
from dialer.events.metrics import Metrics
from dialer.evidence.log import Log
from dialer.garbage import settle
from dialer.home import alone
from dialer.planning import best_hour, book, closed_in, offers, terms
from dialer.settings import Settings, shipped
from dialer.sharing import Cap, Member, SharedTrunks, pacing
from dialer.speaking import studio
from dialer.store.port import (
    Campaign,
    Claimed,
    Reached,
    Refused,
    Stores,
)
from dialer.trunks import model as trunks
from dialer.trunks.routes import Routes, Some
from speech.prompts import Recall


async def import_contacts(
    settings: Settings, stores: Stores, path: Path, who: str, clock: Clock
) -> importer.Report:
    """Import a file under its own column names, without progress."""
    order = importer.Order(path, who, settings.home / "import", {})
    rules = load_rules(shipped("config") / "import.toml")
    return await importer.import_file(
        order, stores, rules, now=clock.now(), progress=lambda done, total: None
    )


# --- the engine


@asynccontextmanager
async def engine(
    settings: Settings,
    stores: Stores,
    found: Campaign,
    clock: Clock,
    *,
    lines: int | None = None,
    callees: Mapping[str, Callee] | None = None,
    witness: Path | None = None,
    metrics: Metrics | None = None,
    workers: Sequence[Worker] | None = None,
) -> AsyncIterator[Engine]:
    """Open all that one campaign's calls need, and hold this home's engine lock.

    `callees` stand in for the campaign's own folder of them; `witness` is where the
    carrier in memory keeps its own record of calls placed; `metrics` has the
    store's figures already; `workers` stand in for the agents in memory that the
    campaign asks for.
    """
    if settings.store.ledger:
        raise Refused("storage is on a server: campaigns are called by `dialer serve`")
    wanted = parse(found.settings)
    metrics = metrics or meters.made(settings)
    world: World
    if wanted.channel == "trunks":
        world = _trunks(settings, wanted, stores)
    else:
        there = _callees(wanted, settings) if callees is None else callees
        office = _office(wanted.pacing, clock, workers)
        world = _memory(there, witness, office if wanted.pacing.people else None)
    recall = Recall()
    with alone(settings):
        async with (
            studio(settings, clock, recall) as shared,
            world(shared, recall) as (carrier, agents),
        ):
            count = lines or wanted.lines
            people = _paced(stores, found, wanted, agents, clock, count, settings)
            desk = await _desk(
                settings,
                meters.counted(stores, metrics, clock),
                found,
                meters.heard(shared, metrics),
                carrier,
                lines=count,
                people=people,
            )
            log = Log.open(settings.evidence_folder)
            calls = _dispatcher(desk, found, settings, count)
            made = Engine(calls, desk, log, found, settings.pacing_figures)
            meters.watch(made, count, metrics)
            async with (
                meters.measured(settings, stores, clock, metrics),
                sinks.publishing(
                    settings, stores, clock, made.dispatcher.stop, metrics
                ),
                sinks.on_record(settings, stores, found, clock, count),
            ):
                settle()
                yield made


@asynccontextmanager
async def beside(
    settings: Settings, stores: Stores, found: Campaign, node: Node
) -> AsyncIterator[Engine]:
    """One of the campaigns that a node serves. Refused: it needs trunks, and the node
    has none."""
    wanted, clock = parse(found.settings), node.studio.clock
    async with AsyncExitStack() as stack:
        carrier: Carrier
        agents: Agents
        if wanted.channel == "trunks":
            if node.routes is None or node.trunks is None:
                raise Refused("it calls over trunks, and this node has no trunks file")
            chosen = switches.choose(node.trunks, wanted.trunks, wanted.caller_id)
            carrier = SharedTrunks(
                Some(node.routes, chosen),
                stores.lines,
                {n: Cap(t.channels, t.calls_per_second) for n, t in chosen.items()},
                settings.engine.node,
                clock,
            )
            agents = node.routes
        else:
            office = _office(wanted.pacing, clock) if wanted.pacing.people else None
            world = _memory(_callees(wanted, settings), None, office)
            opened = world(node.studio, node.recall)
            carrier, agents = await stack.enter_async_context(opened)
        people = _paced(stores, found, wanted, agents, clock, wanted.lines, settings)
        desk = await _desk(
            settings,
            node.stores,
            found,
            meters.heard(node.studio, node.metrics),
            carrier,
            lines=wanted.lines,
            people=people,
        )
        desk = replace(desk, alive=lambda: node.me.alive)
        if people:
            duty = pacing(found.campaign_id)
            node.me.wants(duty)
            stack.callback(node.me.gives_up, duty)
            desk = replace(desk, alive=lambda: node.me.does(duty))
        dispatcher = _dispatcher(desk, found, settings, wanted.lines)
        told = sinks.on_record(settings, stores, found, clock, wanted.lines)
        await stack.enter_async_context(told)
        board = settings.pacing_figures
        yield Engine(dispatcher, desk, None, found, board, True, wanted.lines)


def network(found: Campaign, node: Node) -> Carrier | None:
    """Who knows what became of a campaign's calls. None: nobody here."""
    if parse(found.settings).channel == "trunks":
        return node.routes
    return LoopbackChannel({}, node.studio.clock)


@dataclass(frozen=True, slots=True)
class Node:
    """What all campaigns of a node share."""

    me: Member
    stores: Stores  # counted
    studio: Studio
    recall: Recall
    trunks: trunks.Trunks | None  # None: this machine has no file of them
    routes: Routes | None
    metrics: Metrics | None


@asynccontextmanager
async def node(
    settings: Settings, stores: Stores, me: Member, metrics: Metrics | None = None
) -> AsyncIterator[Node]:
    """Speech, and the trunks of this machine if it has a file of them."""
    recall, clock = Recall(), me.clock
    counted = meters.counted(stores, metrics, clock)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        shared = await enter(studio(settings, clock, recall))
        found, routes = None, None
        if settings.trunks_file.exists():
            found = trunks.load(settings.trunks_file, secrets=True)
            chosen = switches.choose(found, [])
            many = bool(settings.store.ledger)
            opened = switches.open_routes(found, chosen, clock, shared=many)
            routes, changes = await enter(opened)
            told = switches.reported(routes, changes, stores.journal, settings, clock)
            await enter(told)
        settle()
        yield Node(me, counted, shared, recall, found, routes, metrics)


async def _desk(
    settings: Settings,
    stores: Stores,
    found: Campaign,
    shared: Studio,
    carrier: Carrier,
    *,
    lines: int,
    people: Paced | None,
) -> Desk:
    wanted, clock = parse(found.settings), shared.clock
    rules = book(settings, clock.now().date())
    return Desk(
        stores=stores,
        carrier=carrier,
        studio=replace(shared, hand_over_to=wanted.hand_over_to),
        judge=make_judge(rules),
        terms=terms(wanted, offers(settings), closed_in(rules.calendars)),
        policy=retry.load_policy(shipped("config") / "retry.toml", _retries(wanted)),
        node=settings.engine.node,
        ring_seconds=people.rules.ring_seconds
        if people
        else settings.engine.ring_seconds,
        line=asyncio.Semaphore(lines),
        best=await best_hour(stores, found, clock),
        people_seconds=wanted.pacing.agent_seconds if people else 60.0,
        people=people,
    )


Network = tuple[Carrier, Agents]
World = Callable[[Studio, Recall], AbstractAsyncContextManager[Network]]


def _office(
    wanted: Pacing, clock: Clock, workers: Sequence[Worker] | None = None
) -> Office:
    """Agents in memory: those given, else what the campaign rehearses with."""
    asked = wanted.rehearsal
    made = [
        Worker(f"agent-{n + 1}", asked.picks_up_seconds, asked.talk_seconds)
        for n in range(asked.agents)
    ]
    seats = made if workers is None else workers
    return Office(wanted.queue, clock, seats, wanted.agent_seconds)


def _paced(
    stores: Stores,
    found: Campaign,
    wanted: CampaignFile,
    agents: Agents,
    clock: Clock,
    lines: int,
    settings: Settings,
) -> Paced | None:
    """How calls are paced for people; None: bots talk."""
    if not wanted.pacing.people:
        return None
    mode = Mode(wanted.pacing.mode)
    rules = Rules(
        mode,
        wanted.pacing.queue,
        lines,
        wanted.pacing.ring_seconds,
        wanted.pacing.wrap_seconds,
        wanted.pacing.number or wanted.caller_id,
    )

    async def reached() -> Iterable[Reached]:
        return await stores.calls.reached(found.campaign_id, found.created_at)

    account = Account(reached, ceilings(wanted.pacing.at_most))
    choice = Previewed(stores.previews, found.campaign_id, clock)
    asked = choice if mode is Mode.PREVIEW else None
    return Paced(rules, agents, account, clock, choice=asked)


def _memory(
    callees: Mapping[str, Callee], witness: Path | None, office: Office | None
) -> World:
    @asynccontextmanager
    async def opened(shared: Studio, recall: Recall) -> AsyncIterator[Network]:
        async with LoopbackChannel(
            callees,
            shared.clock,
            people=office,
            understands=recall.text,
            record=witness,
        ) as channel:
            await channel.prepare(shared.prompts)
            yield channel, office or Office("", shared.clock, ())

    return opened


def _trunks(settings: Settings, wanted: CampaignFile, stores: Stores) -> World:
    found = trunks.load(settings.trunks_file, secrets=True)
    chosen = switches.choose(found, wanted.trunks, wanted.caller_id)

    @asynccontextmanager
    async def opened(shared: Studio, recall: Recall) -> AsyncIterator[Network]:
        async with (
            switches.open_routes(found, chosen, shared.clock) as (routes, changes),
            switches.reported(routes, changes, stores.journal, settings, shared.clock),
        ):
            yield routes, routes

    return opened


def _dispatcher(
    desk: Desk, found: Campaign, settings: Settings, lines: int
) -> Dispatcher:
    async def one(claimed: Claimed) -> None:
        await call(claimed, desk)

    own = settings.engine
    pace = Pace(
        lines=lines,
        ahead=lines,
        poll=own.poll_seconds,
        grace=own.grace_seconds,
        lease=timedelta(seconds=own.lease_seconds),
    )
    return Dispatcher(
        found.campaign_id,
        desk.stores,
        one,
        desk.studio.clock,
        node=own.node,
        pace=pace,
        judge=desk.judge,
        room=_room(desk),
    )


def _room(desk: Desk) -> Callable[[], int] | None:
    """None: the lines alone say how much may be in hand."""
    people = desk.people
    return (lambda: people.room() if desk.alive() else 0) if people else None


def _retries(wanted: CampaignFile) -> Mapping[str, tuple[float, int]]:
    return {k: (r.after_minutes, r.times) for k, r in wanted.retry.items()}


def _callees(wanted: CampaignFile, settings: Settings) -> Mapping[str, Callee]:
    if not wanted.callees:
        raise Refused(
            'channel = "loopback" needs `callees`, a folder of callees, in the '
            "campaign file: there is no other end in memory to call"
        )
    return load_callees(
        Path(wanted.callees), engine_voices=settings.speech.voices.values()
    )
