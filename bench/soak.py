"""Does the engine hold for half an hour: is an outcome lost, does its memory grow?

20 calls a second through a real Asterisk with the full engine path (as bench/calls.py):
half are answered and last `--hold` seconds with sound both ways, half get a 486. Our
own resident memory is read every ten seconds; `growth` is the slope after the first
third, the warm-up, over the rest. SQLite's page cache (64 MiB a connection as the
engine has it) is set to 2 MiB: filling up for hours, it would hide what else grows.
An Asterisk that dies by itself is begun anew, as a service manager does; calls it had
are then `wrong` here, and the ledger has the truth of them. It ends by itself.
Run: make soak, or python -m bench.soak [--minutes N] [--rate N] [--hold S] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import uvloop

from bench.calls import Engine, dial, quantile
from bench.dispatch import gate, prepare
from bench.machine import described, machine
from bench.network import SHIPPED, login, network
from dialer.channels.asterisk.channel import AsteriskChannel
from dialer.channels.causes import load_causes
from dialer.clock import SystemClock
from dialer.garbage import settle
from dialer.store import sqlite
from dialer.store.keys import new_key
from dialer.store.port import Stores
from dialer.store.sqlite import open_sqlite

CACHE = 2048  #: KiB of SQLite's pages for each connection
EVERY = 10.0  #: seconds between two looks at our memory
PAGE = 4096


@dataclass(frozen=True, slots=True)
class Result:
    calls: int
    calls_per_second: float
    wrong_outcomes: int
    asterisk_died_of: list[int]  # signals
    ended: dict[str, int]  # attempts of the ledger, by disposition
    not_ended: int
    channels_left: int
    setup_p50_ms: float
    setup_p99_ms: float
    memory_warm_mib: float
    memory_end_mib: float
    growth_mib_per_hour: float


def resident() -> float:
    """Of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * PAGE / 2**20


async def watched(seen: list[float], calls: int, engine: Engine) -> None:
    """Look at the memory, and tell how far it is, until cancelled."""
    while True:
        await asyncio.sleep(EVERY)
        seen.append(resident())
        done = len(engine.turn.setups)
        told = f"{done} of {calls} calls, {seen[-1]:.1f} MiB"
        print(told, file=sys.stderr, flush=True)


def growth(seen: list[float]) -> tuple[float, float, float]:
    """-> MiB after the first third, MiB at the end, MiB an hour between (least
    squares)."""
    warm = seen[len(seen) // 3 :]
    if len(warm) < 3:
        raise SystemExit("too short to tell: --minutes")
    hours = np.arange(len(warm)) * EVERY / 3600
    slope = float(np.polyfit(hours, warm, 1)[0])
    return warm[0], warm[-1], slope


async def ended(stores: Stores) -> tuple[Counter[str], int]:
    """First attempts by disposition, and how many have none."""
    found, open_ = Counter[str](), 0
    async for row in stores.calls.list("bench"):
        if row.n == 1 and row.disposition:
            found[row.disposition.value] += 1
        elif row.n == 1:
            open_ += 1
    return found, open_


async def run(minutes: float, rate: float, hold: float) -> Result:
    sqlite.PRAGMAS = (*sqlite.PRAGMAS, f"cache_size = -{CACHE}")
    calls, lines = round(60 * minutes * rate), round(2 * rate * (hold + 1))
    judge, causes = gate("packs"), load_causes(SHIPPED / "causes.toml")
    seen, deaths = list[float](), list[int]()
    with network(2 * lines, deaths) as there, tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "vault.db", Path(folder) / "ledger.db"
        async with open_sqlite(*files, new_key()) as stores:
            await prepare(stores, calls, judge)
            settle()
            channel = AsteriskChannel(login(there), SystemClock(), causes, dial)
            async with channel:
                await channel.ready(10)
                engine = Engine(stores, channel, judge, hold)
                async with asyncio.TaskGroup() as group:
                    look = group.create_task(watched(seen, calls, engine))
                    await engine.run(lines, rate)
                    look.cancel()
            found, open_ = await ended(stores)
        left = there.channels()
    turn = engine.turn
    warm, end, slope = growth(seen)
    return Result(
        calls=len(turn.setups),
        calls_per_second=round(turn.rate, 2),
        wrong_outcomes=turn.wrong,
        asterisk_died_of=deaths,
        ended=dict(found),
        not_ended=open_,
        channels_left=left,
        setup_p50_ms=quantile(turn.setups, 0.5),
        setup_p99_ms=quantile(turn.setups, 0.99),
        memory_warm_mib=round(warm, 1),
        memory_end_mib=round(end, 1),
        growth_mib_per_hour=round(slope, 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=20, help="calls a second")
    parser.add_argument("--hold", type=float, default=3, help="seconds of a call")
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args()
    result = uvloop.run(run(asked.minutes, asked.rate, asked.hold))
    if asked.as_json:
        print(json.dumps({**asdict(result), "machine": machine()}))
        return
    print(described())
    for name, value in asdict(result).items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
