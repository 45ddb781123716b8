"""A node that calls whatever campaigns run, until it is told to leave."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from dialer import app
from dialer.campaign.file import CampaignError
from dialer.channels.loopback.callees import CalleesError
from dialer.channels.port import ChannelDown
from dialer.clock import Clock
from dialer.engine import Engine, feeding
from dialer.evidence.log import Log
from dialer.home import alone
from dialer.settings import Settings
from dialer.sharing import Member, member
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
        self, settings: Settings, stores: Stores, node: app.Node, me: Member
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._node = node
        self._me = me
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

    async def run(self, tell: Callable[[str], None] = log.info) -> None:
        """Until `stop`, or until the database says that this node shall leave."""
        self._tell, kept = tell, None
        async with asyncio.TaskGroup() as group:
            own = [group.create_task(self._me.beat(self.stop, self.reconcile))]
            if self._settings.engine.evidence:
                kept = Log.open(self._settings.evidence_folder)
                own.append(group.create_task(feeding(kept, self._stores, self._clock)))
            async with asyncio.TaskGroup() as calling:
                while not self._stopping:
                    await self._look(calling)
                    await self._rest(self._settings.engine.poll_seconds)
            for task in own:
                task.cancel()
        if kept:
            with contextlib.suppress(StoreDown):
                await kept.append(self._stores.journal)

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
                if not self._stopping:
                    await engine.run(wait=True)
                self._tell(f"{campaign.name}: nothing more to call")
            await self._rest(IDLE.total_seconds())
        except ITS_OWN as error:
            self._tell(f"{campaign.name}: cannot be called now: {error}")
            await self._rest(AGAIN.total_seconds())
        finally:
            del self._engines[campaign.campaign_id]

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                while not self._stopping:
                    await self._wake.wait()

    async def reconcile(self) -> None:
        """A node has died: ask the switches what became of its calls."""
        for engine in list(self._engines.values()):
            if engine is not None:
                with contextlib.suppress(StoreDown):
                    await engine.reconcile()


@contextlib.asynccontextmanager
async def service(
    settings: Settings, stores: Stores, clock: Clock
) -> AsyncIterator[tuple[Service, Member]]:
    """Joined and ready. Refused: a node of this name is up. EngineRuns: a process of
    this home places calls."""
    with alone(settings):
        async with (
            member(stores, settings.engine, clock) as me,
            app.node(settings, stores, me.clock) as node,
        ):
            yield Service(settings, stores, node, me), me
