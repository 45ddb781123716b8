"""A clock that moves only when a test moves it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

MONDAY_NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
ROUNDS = 20  # of the event loop: enough for what an alarm wakes to settle again


class FakeClock:
    def __init__(self, now: datetime = MONDAY_NINE) -> None:
        self._now = now
        self._turn = itertools.count()
        self._alarms: dict[int, tuple[datetime, Callable[[], None]]] = {}
        self._arrivals = asyncio.Semaphore(0)

    def now(self) -> datetime:
        return self._now

    def elapsed(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        with self._alarm(seconds, woken.set):
            await woken.wait()

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        real_now = asyncio.get_running_loop().time
        async with asyncio.timeout(None) as limit:
            with self._alarm(seconds, lambda: limit.reschedule(real_now())):
                yield

    async def waiter(self) -> None:
        """Return once the code under test waits on this clock; once per wait."""
        async with asyncio.timeout(5):
            await self._arrivals.acquire()

    async def advance(self, seconds: float) -> None:
        """Move on, ringing each alarm at its own moment, in order."""
        end = self._now + timedelta(seconds=seconds)
        while due := sorted(
            (at, k) for k, (at, _) in self._alarms.items() if at <= end
        ):
            self._now, key = due[0]
            _, ring = self._alarms.pop(key)
            ring()
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
        self._now = end

    @contextmanager
    def _alarm(self, seconds: float, ring: Callable[[], None]) -> Iterator[None]:
        key = next(self._turn)
        self._alarms[key] = (self._now + timedelta(seconds=seconds), ring)
        self._arrivals.release()
        try:
            yield
        finally:
            self._alarms.pop(key, None)
