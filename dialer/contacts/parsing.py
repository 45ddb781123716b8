"""Rows read by other processes, in order, a few chunks ahead of who stores them.

To read a row costs more than to store it, and needs nothing but the row. What is read
goes through a pipe between processes of one user, never over a disk.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import suppress
from datetime import date
from functools import lru_cache
from multiprocessing import get_context

from dialer.contacts.columns import Columns
from dialer.contacts.row import Parsed, RowReader
from dialer.contacts.rules import Rules
from dialer.contacts.table import Row

FEW = 20_000  # rows that are read before another process has started
MOST = 4  # processes: whoever stores keeps up with no more
AHEAD = 2  # chunks for each process

Found = asyncio.Future[list[Parsed]]
Way = tuple[Columns, Rules, date]  # how rows of one file are read
_way: list[Way] = []  # of a process that reads


async def read_all(
    way: Way, chunks: Iterator[list[Row]], rows: int
) -> AsyncGenerator[tuple[list[Row], list[Parsed]], None]:
    """Each chunk with what its rows hold; `rows`: how many there are in all."""
    processes = min(MOST, len(os.sched_getaffinity(0)))
    if rows < FEW or processes < 2:
        reader = RowReader(*way)
        for chunk in chunks:
            yield chunk, [reader.read(row) for row in chunk]
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), _start, (way,)) as pool:
        others = _Others(pool, RowReader(*way))
        waiting = deque[tuple[list[Row], Found | None]]()
        for chunk in chunks:
            waiting.append((chunk, others.ask(chunk)))
            if len(waiting) > AHEAD * processes:
                yield await others.answer(*waiting.popleft())
        while waiting:
            yield await others.answer(*waiting.popleft())


class _Others:
    """The other processes. Should one be killed, its chunks are read here."""

    def __init__(self, pool: ProcessPoolExecutor, reader: RowReader) -> None:
        self._pool = pool
        self._reader = reader

    def ask(self, chunk: list[Row]) -> Found | None:
        try:
            return asyncio.wrap_future(self._pool.submit(_read, chunk))
        except BrokenExecutor:
            return None

    async def answer(
        self, chunk: list[Row], found: Found | None
    ) -> tuple[list[Row], list[Parsed]]:
        with suppress(BrokenExecutor):
            if found is not None:
                return chunk, await found
        return chunk, [self._reader.read(row) for row in chunk]


def _start(way: Way) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever stores decides when to end
    _way.append(way)


def _read(chunk: list[Row]) -> list[Parsed]:
    read = _reader().read
    return [read(row) for row in chunk]


@lru_cache(1)
def _reader() -> RowReader:
    return RowReader(*_way[0])
