"""Inference off the event loop: a few threads, a short queue, and a plain no."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from speech.port import PoolFull

T = TypeVar("T")


class Pool:
    """Runs blocking work on `workers` threads while at most `waiting` jobs queue.

        async with Pool(workers=2, waiting=32) as pool:
            utterance = await pool.run(hearing.finish)

    A job whose caller was cancelled before it began is never run; one that has
    begun runs on, and keeps its thread until it is done.
    """

    def __init__(self, workers: int, waiting: int) -> None:
        if workers < 1 or waiting < 0:
            raise ValueError("a pool has at least one worker and no negative queue")
        self._limit = waiting
        self._waiting = 0
        self._slots = asyncio.Semaphore(workers)
        self._closed = False
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="speech")

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return self._waiting

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let what has begun end; what has not is refused."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        """`fn(*args)` on a thread. PoolFull at once when the queue is full or the
        pool is closed; what `fn` raises comes through."""
        if self._closed:
            raise PoolFull("the speech pool is closed")
        if self._slots.locked() and self._waiting >= self._limit:
            raise PoolFull(f"{self._waiting} recognitions are waiting already")
        await self._begin()
        return await self._work(fn, args)

    async def _begin(self) -> None:
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        if self._closed:
            self._slots.release()
            raise PoolFull("the speech pool is closed")

    async def _work(self, fn: Callable[..., T], args: tuple[object, ...]) -> T:
        loop = asyncio.get_running_loop()

        def job() -> T:
            try:
                return fn(*args)
            finally:  # only when the thread is free, whoever still waits for it
                loop.call_soon_threadsafe(self._slots.release)

        started = self._threads.submit(job)
        try:
            return await asyncio.wrap_future(started)
        except asyncio.CancelledError:
            if started.cancel():  # it never began, so nobody else gives the slot back
                self._slots.release()
            raise
