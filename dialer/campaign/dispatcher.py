"""Keep the lines busy: claim due attempts, run each in its own task, stop cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from structlog.contextvars import bound_contextvars

from dialer.attempt import IllegalMove
from dialer.clock import Clock
from dialer.model import Judge
from dialer.store.port import Claimed, Refused, StoreDown, Stores

log = logging.getLogger(__name__)

QUIET = 2.0  #: seconds between two looks while news of the store are heard
NOBODY = 15.0  #: seconds between two looks for work that nobody is there for


@dataclass(frozen=True, slots=True)
class Pace:
    """How much at once, and how long to wait for what."""

    lines: int
    ahead: int  # attempts claimed beyond the lines, whose prompts are being rendered
    poll: float = 0.5
    grace: float = 60.0
    lease: timedelta = timedelta(minutes=15)


class Dispatcher:
    """Runs one campaign on one node until nothing is due, or it is told to stop.

    The ledger decides: the campaign's state is read at every poll, so `pause` and
    `stop` from another terminal are seen within one.
    """

    def __init__(
        self,
        campaign_id: str,
        stores: Stores,
        call: Callable[[Claimed], Awaitable[None]],
        clock: Clock,
        *,
        node: str,
        pace: Pace,
        judge: Judge | None = None,
        room: Callable[[], int] | None = None,
    ) -> None:
        """`room`: how many attempts may be in hand, where that is not for the lines to
        say; it changes with the people who talk."""
        self._campaign = campaign_id
        self._stores = stores
        self._call = call
        self._clock = clock
        self._node = node
        self._pace = pace
        self._judge = judge
        self._paced = room is not None
        self._room = room or (lambda: pace.lines + pace.ahead)
        self._looked = float("-inf")
        self._running = dict[str, asyncio.Task[None]]()  # by attempt
        self._wake = asyncio.Event()
        self._stopping = False

    @property
    def running(self) -> int:
        """Attempts in hand, those waiting for a line included."""
        return len(self._running)

    def woken(self) -> None:
        """There may be news: look now."""
        self._wake.set()

    def stop(self) -> None:
        """No new calls; those under way may end within the grace."""
        self._stopping = True
        self._wake.set()

    async def run(self, *, wait: bool = False) -> None:
        """Claim and call until nothing is due now (`wait`: until nothing ever is)."""
        async with asyncio.TaskGroup() as group:
            while not self._stopping and await self._turn(group, wait):
                await self._rest()
            await self._drain()

    async def _turn(self, group: asyncio.TaskGroup, wait: bool) -> bool:
        """One look at the ledger. False: there is nothing more to do."""
        try:
            if await self._fill(group):
                return True
            campaign = await self._stores.campaigns.get(self._campaign)
            if campaign.state != "running":
                return campaign.state == "paused" and (wait or bool(self._running))
            if self._running or not self._time_to_look():
                return True
            status = await self._stores.campaigns.status(self._campaign)
        except StoreDown:
            log.warning("store down: nothing claimed")  # calls under way go on
            return True
        due = status.next_due
        return due is not None and (wait or due <= self._clock.now())

    def _time_to_look(self) -> bool:
        """All attempts are counted then: seldom, while there is nobody to talk."""
        now = self._clock.elapsed()
        if self._room() <= 0 and now - self._looked < NOBODY:
            return False
        self._looked = now
        return True

    async def _fill(self, group: asyncio.TaskGroup) -> int:
        free = self._room() - len(self._running)
        if free <= 0:
            return 0
        claimed = await self._stores.ledger.claim(
            self._campaign,
            free,
            node=self._node,
            now=self._clock.now(),
            lease=self._pace.lease,
            judge=self._judge,
        )
        for one in claimed:
            if one.attempt_id in self._running:  # its lease had lapsed while it waited
                continue  # and is ours again: who waits for it goes on
            task = group.create_task(self._one(one), name=f"call {one.attempt_id}")
            self._running[one.attempt_id] = task
        return len(claimed)

    async def _one(self, claimed: Claimed) -> None:
        try:
            with bound_contextvars(attempt=claimed.attempt_id):  # in all its logs
                await self._call(claimed)
        except StoreDown:
            log.warning("store down: an attempt waits for its lease to lapse")
        except (Refused, IllegalMove):
            log.warning("an attempt is in other hands: its lease lapsed here")
        except Exception:  # one bad call must not end the others
            log.exception("call failed", extra={"attempt": claimed.attempt_id})
        finally:
            del self._running[claimed.attempt_id]
            self._wake.set()

    async def _rest(self) -> None:
        seldom = self._stores.wakes.listening and not self._paced
        poll = max(self._pace.poll, QUIET) if seldom else self._pace.poll
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(poll):
                await self._wake.wait()
        self._wake.clear()

    async def _drain(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(self._pace.grace):
                while self._running:
                    await self._wake.wait()
                    self._wake.clear()
        if self._running:
            log.warning("calls cut", extra={"calls": len(self._running)})
        for task in self._running.values():
            task.cancel()
