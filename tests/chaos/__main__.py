"""`make chaos`: three nodes share a campaign while nodes and the server are killed,
frozen and started again at random; then the carrier's own record is compared with the
ledger, and the evidence log with the journal.

Run: python -m tests.chaos [--kills N] [--people N] [--seed N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dialer.evidence.log import Log
from dialer.store.port import StoreDown, Stores
from tests.chaos.check import check, worst_second
from tests.chaos.storm import NODES, Storm, pause, with_passwords
from tests.kit import postgres
from tests.kit.cutting import cutting
from tests.kit.stores import installation, ready, served


async def storm(home: Path, *, people: int, kills: int, seed: int) -> dict[str, Any]:
    with_passwords()
    with postgres.running(()) as server:  # durable: it is killed
        ready(server)
        with installation(server) as found:
            storm = Storm(home, server, seed)
            await storm.fill(found, people)
            ways = AsyncExitStack()
            try:
                way = await ways.enter_async_context(cutting(server.port, storm.cut))
                storm.by_another_way("north", way.port)
                for name in NODES:
                    storm.start(name)
                await asyncio.to_thread(storm.await_calls, 5, 60.0)
                async with served(found, node="office") as stores:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(opt_outs(storm, stores, people))
                        raging = asyncio.to_thread(storm.rage, kills)
                        group.create_task(raging)
                    await asyncio.to_thread(storm.a_second_of_that_name)
                    await asyncio.to_thread(storm.calm_down, 240.0 + people / 10)
                    logged = await completed(home, stores)
                with server.connect(database=found.ledger.database) as db:
                    findings = check(home, db)
                    row = db.execute("SELECT count(*) FROM journal").fetchone()
            finally:
                storm.end()
                await ways.aclose()
    assert row is not None
    return {
        **asdict(findings),
        "faults": findings.faults,
        "problems": storm.faults,
        "happened": dict(storm.happened),
        "worst_second": worst_second(home),
        "journal": row[0],
        "evidence": logged,
        "seed": seed,
    }


async def opt_outs(storm: Storm, stores: Stores, people: int) -> None:
    """While calls go out; each waits for the server where it must."""
    chance = random.Random(storm.chance.random())
    for person in range(0, people, 4):
        told = False
        while not told:
            try:
                await storm.opt_out(stores, person)
                told = True
            except StoreDown:
                await asyncio.to_thread(pause, 0.2)
        await asyncio.to_thread(pause, chance.uniform(0, 0.2))


async def completed(home: Path, stores: Stores) -> int:
    """Entries of the evidence log, which holds each of the journal once: it compares
    what it has with what it is given."""
    log = Log.open(home / "evidence")
    await log.append(stores.journal)
    return log.size


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        report = asyncio.run(
            storm(Path(folder), people=asked.people, kills=asked.kills, seed=asked.seed)
        )
    print(json.dumps(report, indent=1))
    return int(bool(report["faults"] or report["problems"]))


if __name__ == "__main__":
    sys.exit(main())
