"""The only file that reads the time."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time (aware, UTC), waiting, and a monotonic stopwatch in seconds."""

    def now(self) -> datetime: ...

    def elapsed(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]: ...


class SystemClock:
    """The machine's clock; `offset` moves the calendar, never the pace.

    The demo uses the offset to stand at a lawful hour, and says so.
    """

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self._offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def elapsed(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> asyncio.Timeout:
        return asyncio.timeout(seconds)


class FollowedClock(SystemClock):
    """Another machine's calendar at this one's pace: it is told the time now and then
    (`follow`), and does not care what this machine's clock says."""

    def __init__(self, now: datetime) -> None:
        self.follow(now)

    def follow(self, now: datetime) -> None:
        self._base = now - timedelta(seconds=self.elapsed())

    def now(self) -> datetime:
        return self._base + timedelta(seconds=self.elapsed())
