"""The disk is full for the ledger, the vault and the evidence log in turn, while calls
go out: nothing is called twice, nothing is lost, and all of it is in evidence once.

A limit on the size of files stands in for the disk: what would grow beyond it fails as
on a full disk, and goes on once the limit is lifted.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.attempt import Phase
from dialer.clock import SystemClock
from dialer.evidence.log import Log, check
from dialer.store.port import StoreDown, Stores
from tests.kit.busy import called
from tests.kit.stores import NOW, contact, opened, personal, running

pytestmark = [pytest.mark.live, pytest.mark.slow]
PEOPLE = range(1, 61)


@contextmanager
def full(size: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Desks:
    """Calls everybody of a campaign, as often as it is told to."""

    def __init__(self, home: Path, stores: Stores, clock: SystemClock) -> None:
        self.home, self.stores, self.clock = home, stores, clock

    def placed(self) -> list[str]:
        record = self.home / "carrier.jsonl"
        lines = record.read_text().splitlines() if record.exists() else []
        return [json.loads(line)["attempt"] for line in lines]

    async def until(self, so: Callable[[], object]) -> None:
        async with self.clock.timeout(60):
            while not so():
                await self.clock.sleep(0.02)

    async def call_all(self, group: asyncio.TaskGroup) -> None:
        calls = called(
            self.home,
            self.stores,
            self.clock,
            PEOPLE,
            lines=3,
            ahead=3,
            ring_seconds=0.1,
        )
        group.create_task(calls, name="calls")


async def until_it_fails(stores: Stores) -> None:
    while True:
        await stores.journal.note(NOW, "list.exported", "x", {})


async def test_a_disk_that_is_full_costs_no_call_and_repeats_none(
    tmp_path: Path,
) -> None:
    clock = SystemClock(NOW - SystemClock().now())

    async with opened(tmp_path) as stores:
        await stores.vault.put({f"c_{i:06d}": personal(i) for i in PEOPLE})
        await running(stores, [contact(i) for i in PEOPLE])
        log = Log.open(tmp_path / "evidence")
        await log.append(stores.journal)
        desks = Desks(tmp_path, stores, clock)
        async with asyncio.TaskGroup() as group:
            await desks.call_all(group)
            await desks.until(lambda: len(desks.placed()) >= 5)
            ledger = (tmp_path / "ledger.db-wal").stat().st_size
            with full(ledger):
                with pytest.raises(StoreDown):
                    await until_it_fails(stores)
                before = desks.placed()
                await clock.sleep(1.0)
                assert len(desks.placed()) - len(before) <= 3, "those it was let to"
        assert len(desks.placed()) >= len(before) + 5, "it went on"
        with full(700):  # an entries' tile is more
            with pytest.raises(OSError, match="too large"):
                await log.append(stores.journal)
            with pytest.raises(StoreDown):
                await stores.vault.put({"c_x": personal(999)})
        await stores.ledger.rescue(clock.now() + timedelta(hours=1))
        async with asyncio.TaskGroup() as group:
            await desks.call_all(group)
        await stores.vault.put({"c_x": personal(999)})
        await log.append(stores.journal)
        report = await check(tmp_path / "evidence", stores.journal, vkey=log.vkey)
        rows = [row async for row in stores.calls.list() if row.n == 1]
        journal = await stores.journal.after(0, 100_000)
    rings = Counter(desks.placed())
    assert max(rings.values()) == 1
    assert {row.phase for row in rows} == {Phase.DONE}
    assert {row.attempt_id for row in rows} == set(rings)
    ends = Counter(row.subject for row in journal if row.kind == "attempt.ended")
    assert {ends[row.attempt_id] for row in rows} == {1}
    assert report.problems == ()
    assert log.size == len(journal) == journal[-1].seq
