"""One campaign being called by this process: the lock it holds, what runs beside the
calls, how it ends."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dialer import repayment
from dialer.attempt import IllegalMove
from dialer.call.call import Desk
from dialer.campaign.dispatcher import Dispatcher
from dialer.campaign.paced import Paced
from dialer.channels.port import Carrier
from dialer.clock import Clock
from dialer.evidence.log import Log
from dialer.files import replaced
from dialer.model import Disposition, Outcome
from dialer.store.port import Campaign, Refused, StoreDown, StoreError, Stores

log = logging.getLogger(__name__)

ASK_AGAIN = 15.0  #: seconds until a switch that was away is asked again
DIED = "engine died"  #: the cause of what it left


@dataclass
class Engine:
    """One campaign being called by this process."""

    dispatcher: Dispatcher
    desk: Desk
    log: Log | None  # None: another keeps the evidence log
    campaign: Campaign
    board: Path  # where the pacing is shown to other programs
    joined: bool = False  # of a node that serves many campaigns: it has been rescued
    lines: int = 0
    _paused: bool = False

    @property
    def rendering(self) -> int:
        """Prompts still to be rendered."""
        return self.desk.studio.prompts.waiting

    def pause(self) -> None:
        """No new calls; the campaign will be left `paused`. Callable from a signal."""
        self._paused = True
        self.dispatcher.stop()

    async def run(self, *, wait: bool = False) -> None:
        """Call until nothing is due; the evidence log is fed on the way."""
        stores, clock = self.desk.stores, self.desk.studio.clock
        if not self.joined:
            await stores.ledger.rescue(clock.now(), self.desk.node)
        await self.reconcile()
        today = repayment.earliest_day(clock.now())
        await repayment.settle(stores, today, clock.now())
        try:
            async with asyncio.TaskGroup() as group:
                beside = list[asyncio.Task[None]]()
                if self.log:
                    kept = feeding(self.log, stores, clock)
                    beside.append(group.create_task(kept, name="evidence"))
                asking = self._asking()
                beside.append(group.create_task(asking, name="reconciling"))
                if people := self.desk.people:
                    beside.append(group.create_task(people.run(), name="pacing"))
                    shown = self._show(people)
                    beside.append(group.create_task(shown, name="pacing board"))
                await self.dispatcher.run(wait=wait)
                for task in beside:
                    task.cancel()
        finally:
            await self._settle(stores, clock)

    async def _asking(self) -> None:
        """What could not be told yet is asked again, until cancelled."""
        while True:
            await self.desk.studio.clock.sleep(ASK_AGAIN)
            with suppress(StoreDown):
                await self.reconcile()

    async def reconcile(self) -> None:
        """End attempts that an engine died in, once the network says how they are."""
        stores, clock = self.desk.stores, self.desk.studio.clock
        await reconcile(stores, self.campaign.campaign_id, self.desk.carrier, clock)

    async def _show(self, people: Paced) -> None:
        """Where the pacing stands, in a file, until cancelled."""
        clock = self.desk.studio.clock
        while True:
            name, at = self.campaign.name, clock.now().isoformat()
            if not self.desk.alive():  # another node paces it
                await clock.sleep(2.0)
                continue
            found = {"campaign": name, "node": self.desk.node, "at": at}
            text = json.dumps(found | people.as_dict(), indent=1)
            await asyncio.to_thread(replaced, self.board, text)
            await clock.sleep(2.0)

    async def _settle(self, stores: Stores, clock: Clock) -> None:
        await self.reconcile()
        found = await stores.campaigns.status(self.campaign.campaign_id)
        running = found.campaign.state == "running"
        if running and self._paused:
            await stores.campaigns.set_state(
                self.campaign.campaign_id, "paused", clock.now()
            )
        elif running and not set(found.phases) - {"done"}:
            with suppress(Refused):  # another node said so
                await stores.campaigns.set_state(
                    self.campaign.campaign_id, "done", clock.now()
                )
        if self.log:
            await self.log.append(stores.journal)


async def reconcile(
    stores: Stores, campaign_id: str, carrier: Carrier, clock: Clock
) -> None:
    """End a campaign's attempts whose engine died, as far as the network can tell."""
    lost = await stores.ledger.lost(campaign_id)
    if not lost:
        return
    for attempt, taken in (await carrier.left(lost)).items():
        ended = Disposition.HANDED_OVER if taken else Disposition.UNKNOWN
        with suppress(IllegalMove):  # another node was quicker, or it has woken up
            await stores.ledger.finish(attempt, Outcome(ended, clock.now(), DIED))


async def feeding(
    into: Log, stores: Stores, clock: Clock, mine: Callable[[], bool] = lambda: True
) -> None:
    """Keep the evidence log up with the journal while it is this node's to do, until
    cancelled."""
    while True:
        try:
            if mine():
                await into.append(stores.journal)
        except (StoreDown, StoreError, OSError):
            log.exception("evidence log: not appended")  # calls go on
        await clock.sleep(2.0)
