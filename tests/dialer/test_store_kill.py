"""kill -9 at any moment: what was `dialing` when the caller heard of it stays so.

The victim is a real process (`python -m tests.dialer.test_store_kill HOME`) that
claims, dials and finishes as fast as it can, and prints an id once `dialing` returned.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlcipher3.dbapi2 as sqlite

from dialer.attempt import Phase
from dialer.model import Disposition, NextTry, Outcome
from dialer.store.port import Claimed, Stores
from tests.kit.stores import (
    LEASE,
    NODE,
    NOW,
    allow,
    claimed,
    contact,
    opened,
    running,
)

ROOT = Path(__file__).parents[2]
KILLS = 50
PEOPLE = 10_000
AGAIN = Outcome(Disposition.SILENT, NOW, next_try=NextTry(0, NOW, "never idle"))
RUNG = {Phase.DIALING, Phase.TALKING, Phase.UNKNOWN, Phase.DONE}


# --- the victim


async def dial(stores: Stores, one: Claimed) -> None:
    await stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=allow)
    sys.stdout.write(f"{one.attempt_id}\n")
    sys.stdout.flush()
    last = int(one.attempt_id, 16) % 8  # one in four stays where it is
    if last > 0:
        await stores.ledger.answered(one.attempt_id, NOW)
    if last > 1:
        await stores.ledger.finish(one.attempt_id, AGAIN)


async def victim(home: Path) -> None:
    async with opened(home) as stores:
        await stores.ledger.rescue(NOW, NODE)
        while found := await claimed(stores, 16):
            async with asyncio.TaskGroup() as group:
                for one in found:
                    group.create_task(dial(stores, one))


# --- the test


def run_and_kill(home: Path, after: float) -> list[str]:
    """Run a victim, kill it some seconds after its first word. -> ids it told"""
    command = [sys.executable, "-m", "tests.dialer.test_store_kill", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as it:
        assert it.stdout is not None
        told = [it.stdout.readline()]
        killer = threading.Timer(after, it.send_signal, [signal.SIGKILL])
        killer.start()
        told += it.stdout.readlines()
        killer.join()
    assert it.returncode == -signal.SIGKILL
    return [line.strip() for line in told if line.endswith("\n")]


def phases(home: Path) -> dict[str, str]:
    with closing(sqlite.connect(str(home / "ledger.db"))) as connection:
        return dict(connection.execute("SELECT attempt_id, phase FROM attempts"))


@pytest.mark.slow
async def test_killed_fifty_times_nobody_is_dialed_twice(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    async with opened(tmp_path) as stores:
        await running(stores, [contact(i) for i in range(1, PEOPLE + 1)])
    told = list[str]()
    for _ in range(KILLS):
        fresh = await asyncio.to_thread(
            run_and_kill, tmp_path, chance.expovariate(1 / 0.15)
        )
        assert not set(fresh) & set(told), "an attempt was dialed twice"
        told += fresh
        found = phases(tmp_path)
        assert {found[attempt] for attempt in told} <= RUNG
    async with opened(tmp_path) as stores:
        await stores.ledger.rescue(NOW + LEASE)
        rows = await stores.journal.after(0, 1_000_000)
    found = phases(tmp_path)
    assert {found[attempt] for attempt in told} <= {Phase.UNKNOWN, Phase.DONE}
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    dialings = [row.subject for row in rows if row.kind == "attempt.dialing"]
    assert len(dialings) == len(set(dialings))
    assert set(told) <= set(dialings)
    assert len(told) >= KILLS


if __name__ == "__main__":
    asyncio.run(victim(Path(sys.argv[1])))
