"""What calls cost: Twilio knows some minutes after they are over."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dialer.channels.alive import Alive
from dialer.channels.port import ChannelDown
from dialer.channels.twilio.record import Record
from dialer.channels.twilio.rest import Lost, Refused, Rest, reason
from dialer.clock import Clock

log = logging.getLogger(__name__)

PAUSES = (10.0, 60.0, 300.0, 1800.0, 7200.0)  #: seconds until it is asked again


@dataclass(frozen=True, slots=True)
class Bill:
    """price: as Twilio writes it, in `unit`, below zero for what it takes; empty: it
    did not tell within some hours."""

    attempt: str
    trunk: str
    seconds: int
    price: str
    unit: str


class Bills(Alive):
    """Asks for what every answered call cost; use within `async with`. What an engine
    did not learn the next one asks for."""

    def __init__(
        self, rest: Rest, record: Record, clock: Clock, told: Callable[[Bill], None]
    ) -> None:
        self._rest = rest
        self._record = record
        self._clock = clock
        self._due: list[tuple[float, int, str]] = []  # when, how often asked, call
        self._news = asyncio.Event()
        self._told = told

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        for call in self._record.noted:
            self.of(call)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._run(), name="twilio-bills")
            yield
            task.cancel()

    def of(self, call: str) -> None:
        """It is over: ask for its price, if anybody answered."""
        noted = self._record.noted.get(call)
        if noted and noted.sid and noted.answered and not noted.billed:
            self._later(call, 0)

    def _later(self, call: str, turn: int) -> None:
        at = self._clock.elapsed() + PAUSES[turn]
        heapq.heappush(self._due, (at, turn, call))
        self._news.set()

    async def _run(self) -> None:
        while True:
            if not self._due:
                self._news.clear()
                await self._news.wait()
            wait = self._due[0][0] - self._clock.elapsed()
            if wait > 0:
                await self._clock.sleep(min(wait, PAUSES[0]))
                continue
            _, turn, call = heapq.heappop(self._due)
            await self._ask(call, turn)

    async def _ask(self, call: str, turn: int) -> None:
        noted = self._record.noted.get(call)
        if noted is None or noted.billed:
            return
        try:
            seen = await self._rest.fetch(noted.sid)
        except (Refused, Lost, ChannelDown) as no:
            log.warning("a call's price cannot be asked", extra={"why": reason(no)})
            seen = None
        last = turn + 1 == len(PAUSES)
        if seen and (seen.price or last):
            self._record.add(call, billed=True)
            self._told(
                Bill(noted.attempt, noted.trunk, seen.seconds, seen.price, seen.unit)
            )
        elif not last:
            self._later(call, turn + 1)
