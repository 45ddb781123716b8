"""A node that calls whatever campaigns run, until it is told to leave."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

from dialer import app, meters, sinks
from dialer.campaign.dispatcher import QUIET
from dialer.campaign.file import CampaignError
from dialer.channels.loopback.callees import CalleesError
from dialer.channels.port import ChannelDown
from dialer.clock import Clock
from dialer.engine import ASK_AGAIN, Engine, feeding, reconcile
from dialer.events.metrics import Metrics
from dialer.evidence.log import Log
from dialer.home import alone
from dialer.settings import Settings
from dialer.sharing import EVENTS, EVIDENCE, Member, member
from dialer.store.port import Campaign, StoreDown, StoreError, Stores
from dialer.trunks.model import TrunksError
from speech.port import SpeechError

log = logging.getLogger(__name__)

IDLE = timedelta(seconds=5)  # until one with nothing due is looked at again
AGAIN = timedelta(
    seconds=30
)  # until a campaign that could not be called is tried again
#: What is wrong with one campaign, and no reason to leave the others alone.
ITS_OWN = (
    CalleesError,
    CampaignError,
    ChannelDown,
    OSError,
    SpeechError,
    StoreDown,
    StoreError,
    TrunksError,
)


class Service:
    """All running campaigns, each with its dispatcher; they share speech and trunks."""

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        node: app.Node,
        me: Member,
        kept: Log | None = None,
    ) -> None:
        """`kept`: the evidence log, if this node may keep it."""
        self._settings = settings
        self._stores = stores
        self._node = node
        self._me = me
        self._log = kept
        self._clock = me.clock
        self._engines = dict[str, Engine | None]()  # None: being opened
        self._wake = asyncio.Event()
        self._stopping = False
        self._tell: Callable[[str], None] = log.info

    @property
    def campaigns(self) -> list[str]:
        """Names of those that are being called."""
        return [e.campaign.name for e in self._engines.values() if e is not None]

    def stop(self, why: str = "") -> None:
        """No new calls; those under way may end within the grace."""
        self._stopping = True
        for engine in self._engines.values():
            if engine is not None:
                engine.dispatcher.stop()
        self._wake.set()

    @property
    def lines(self) -> int:
        """Calls that may be up at once, of all campaigns together."""
        engines = (e for e in self._engines.values() if e is not None)
        return sum(engine.lines for engine in engines)

    async def run(self, tell: Callable[[str], None] = log.info) -> None:
        """Until `stop`, or until the database says that this node shall leave."""
        self._tell = tell
        async with asyncio.TaskGroup() as group:
            own = [
                group.create_task(self._me.beat(self.stop, self.reconcile)),
                group.create_task(self._reconciling()),
            ]
            if self._log:
                self._me.wants(EVIDENCE)
                kept = feeding(self._log, self._stores, self._clock, self._keeps)
                own.append(group.create_task(kept))
            async with (
                self._stores.wakes.heard(self.woken),
                asyncio.TaskGroup() as calling,
            ):
                while not self._stopping:
                    await self._look(calling)
                    await self._rest(self._poll())
            for task in own:
                task.cancel()
        if self._log and self._keeps():
            with contextlib.suppress(StoreDown):
                await self._log.append(self._stores.journal)

    def _poll(self) -> float:
        poll = self._settings.engine.poll_seconds
        return max(poll, QUIET) if self._stores.wakes.listening else poll

    def _keeps(self) -> bool:
        return self._me.does(EVIDENCE)

    async def _look(self, calling: asyncio.TaskGroup) -> None:
        try:
            found = await self._stores.campaigns.all()
        except StoreDown:
            log.warning("store down: no campaign is taken up")
            return
        for one in found:
            if one.state == "running" and one.campaign_id not in self._engines:
                self._engines[one.campaign_id] = None
                calling.create_task(self._call(one), name=f"campaign {one.name}")

    async def _call(self, campaign: Campaign) -> None:
        try:
            opened = app.beside(self._settings, self._stores, campaign, self._node)
            async with opened as engine:
                self._engines[campaign.campaign_id] = engine
                self._tell(f"{campaign.name}: taken up")
                await self._calls(engine)
            self._tell(f"{campaign.name}: nothing more to call")
            await self._rest(IDLE.total_seconds())
        except ITS_OWN as error:
            self._tell(f"{campaign.name}: cannot be called now: {error}")
            await self._rest(AGAIN.total_seconds())
        finally:
            del self._engines[campaign.campaign_id]

    async def _calls(self, engine: Engine) -> None:
        """Also while the last calls are other nodes': they may come back."""
        campaign_id = engine.campaign.campaign_id
        while not self._stopping:
            await engine.run(wait=True)
            if (await self._stores.campaigns.get(campaign_id)).state != "running":
                return
            await self._rest(IDLE.total_seconds())

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await self._wake.wait()
        if not self._stopping:
            self._wake.clear()

    def woken(self) -> None:
        """There may be news: everybody looks now."""
        self._wake.set()
        for engine in self._engines.values():
            if engine is not None:
                engine.dispatcher.woken()

    async def _reconciling(self) -> None:
        """Campaigns that are called ask by themselves; these have ended or wait, or
        cannot be called here."""
        while True:
            await self._clock.sleep(ASK_AGAIN)
            with contextlib.suppress(StoreDown):
                for one in await self._stores.campaigns.all():
                    if one.campaign_id not in self._engines:
                        await self._ask_about(one)

    async def _ask_about(self, campaign: Campaign) -> None:
        stores, clock = self._stores, self._clock
        try:
            carrier = app.network(campaign, self._node)
        except CampaignError:
            return
        if carrier:
            await reconcile(stores, campaign.campaign_id, carrier, clock)

    async def reconcile(self) -> None:
        """A node has died: ask the switches what became of its calls."""
        for engine in list(self._engines.values()):
            if engine is not None:
                with contextlib.suppress(StoreDown):
                    await engine.reconcile()


@contextlib.asynccontextmanager
async def service(
    settings: Settings, stores: Stores, clock: Clock, metrics: Metrics | None = None
) -> AsyncIterator[tuple[Service, Member]]:
    """Joined and ready; others are told meanwhile. Refused: a node of this name is up.
    EngineRuns: a process of this home places calls. LogError: the evidence log is kept
    elsewhere."""
    with alone(settings):
        async with AsyncExitStack() as stack:
            me = await stack.enter_async_context(member(stores, settings.engine, clock))
            kept = None
            if settings.engine.evidence:
                kept = Log.open(settings.evidence_folder)
                await kept.must_keep(stores.journal)
            node = await stack.enter_async_context(
                app.node(settings, stores, me, metrics)
            )
            found = Service(settings, stores, node, me, kept)
            meters.watch_node(node.studio, lambda: found.lines, node.routes, metrics)
            if settings.events.mqtt.host:
                me.wants(EVENTS)
            publishes = partial(me.does, EVENTS)
            async with (
                meters.measured(settings, stores, me.clock, metrics),
                sinks.publishing(
                    settings, stores, me.clock, found.stop, metrics, publishes
                ),
            ):
                yield found, me
