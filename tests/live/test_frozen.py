"""A whole process frozen right after `dialing` was committed: awake again, it must not
place what it was let to place then.

The frozen one is `python -m tests.live.test_frozen HOME`: the real store, dispatcher
and `call` over the carrier in memory, which keeps its own record. Nobody answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.attempt import Phase
from dialer.call.fresh import FRESH
from dialer.clock import SystemClock
from dialer.store.port import Ledger
from tests.kit.busy import called
from tests.kit.stores import NOW, contact, opened, personal, running

pytestmark = [pytest.mark.live, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
PEOPLE = 6


class Freezing:
    """A ledger whose process stops in the moment that the third call may be placed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._let = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)

    async def dialing(self, attempt_id: str, **asked: object) -> object:
        verdict = await self._ledger.dialing(attempt_id, **asked)  # type: ignore[arg-type]
        self._let += 1
        if self._let == 3:
            print(attempt_id, flush=True)  # noqa: T201 - the test waits for it
            os.kill(os.getpid(), signal.SIGSTOP)
        return verdict


async def frozen(home: Path) -> None:
    clock = SystemClock(NOW - SystemClock().now())
    async with opened(home) as found:
        stores = replace(found, ledger=Freezing(found.ledger))  # type: ignore[arg-type]
        people = range(1, PEOPLE + 1)
        await called(home, stores, clock, people, lines=1, ahead=8, ring_seconds=0.05)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def wait_until(there: Callable[[], bool]) -> None:
    for _ in range(3000):
        if there():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it does not come")


def freeze_and_thaw(home: Path) -> str:
    """-> the attempt that it froze over"""
    command = [sys.executable, "-m", "tests.live.test_frozen", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as it:
        assert it.stdout is not None
        attempt = it.stdout.readline().strip()
        wait_until(lambda: state(it.pid) == "T")
        threading.Event().wait(FRESH + 0.2)
        it.send_signal(signal.SIGCONT)
        assert it.wait(60) == 0
    return attempt


async def test_what_was_let_before_the_freeze_is_not_placed_after_it(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as stores:
        some = range(1, PEOPLE + 1)
        await stores.vault.put({f"c_{i:06d}": personal(i) for i in some})
        await running(stores, [contact(i) for i in some])
    attempt = await asyncio.to_thread(freeze_and_thaw, tmp_path)
    async with opened(tmp_path) as stores:
        rows = {row.attempt_id: row async for row in stores.calls.list() if row.n == 1}
    lines = (tmp_path / "carrier.jsonl").read_text().splitlines()
    placed = [json.loads(line)["attempt"] for line in lines]
    late = rows.pop(attempt)
    assert (late.phase, late.cause) == (Phase.DONE, "not_dialed")
    assert attempt not in placed
    assert sorted(placed) == sorted(rows), "all others were called"


if __name__ == "__main__":
    asyncio.run(frozen(Path(sys.argv[1])))
