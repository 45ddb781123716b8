"""How many attempts a second go through their life in the ledger: SQLite, PostgreSQL
with one node, with two?

claim -> gather, judge, reserved->dialing, durable -> finish, durable, with the next
attempt; each node a process with its own dispatcher. All in one run, for the ratios.
PostgreSQL runs beside the nodes with its own defaults (fsync on). Judged by a gate that
allows all: the packs' own cost is in bench.dispatch.
Run: python -m bench.lifecycles [--attempts N] [--lines N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from bench.dispatch import allow, measure, prepare
from bench.machine import described, machine
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.clock import SystemClock
from dialer.garbage import settle
from dialer.model import Disposition, NextTry, Outcome
from dialer.store.address import Address, Addresses
from dialer.store.keys import new_key
from dialer.store.port import Claimed, Stores
from dialer.store.postgres import open_postgres
from dialer.store.sqlite import open_sqlite
from tests.chaos.storm import with_passwords
from tests.kit import postgres
from tests.kit.stores import KEY, NOW, installation, ready

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Result:
    engine: str
    nodes: int
    attempts: int
    seconds: float
    attempts_per_second: float
    node_cpu_us_per_attempt: float


async def node(stores: Stores, name: str, lines: int) -> int:
    """Call until nothing is due now. -> attempts."""
    clock = SystemClock(NOW + timedelta(hours=1) - datetime.now(UTC))
    line, count = asyncio.Semaphore(lines), 0

    async def call(claimed: Claimed) -> None:
        nonlocal count
        async with line:
            now = clock.now()
            ask = stores.ledger.dialing
            await ask(claimed.attempt_id, node=name, now=now, judge=allow)
            later = NextTry(0, now + timedelta(hours=3), "no_answer")
            ended = Outcome(Disposition.NO_ANSWER, now, "16", next_try=later)
            await stores.ledger.finish(claimed.attempt_id, ended)
            count += 1

    pace = Pace(lines, ahead=lines, poll=0.05)
    await Dispatcher("bench", stores, call, clock, node=name, pace=pace).run()
    return count


async def worker(urls: dict[str, str], name: str, lines: int) -> None:
    found = Addresses(**{who: Address.parse(who, url) for who, url in urls.items()})
    async with open_postgres(found, KEY, node=name) as stores:
        settle()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        before = cpu()
        count = await node(stores, name, lines)
        used = cpu() - before
    print(json.dumps([count, used]), flush=True)


def cpu() -> float:
    """Seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def on_server(server: postgres.Server, count: int, nodes: int, lines: int) -> Result:
    with installation(server) as found:
        uvloop.run(prepared(found, count))
        urls = {
            who: str(getattr(found, who)) for who in ("vault", "ledger", "evidence")
        }
        command = [sys.executable, "-m", "bench.lifecycles", "--lines", str(lines)]
        lives = [
            subprocess.Popen(
                [*command, "--worker", f"node-{i}", "--urls", json.dumps(urls)],
                cwd=ROOT,
                env=os.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for i in range(nodes)
        ]
        for life in lives:
            assert life.stdout is not None
            life.stdout.readline()
        began = time.perf_counter()
        for life in lives:
            assert life.stdin is not None
            life.stdin.write("go\n")
            life.stdin.flush()
        told = [json.loads(life.communicate()[0]) for life in lives]
        seconds = time.perf_counter() - began
    done = sum(each[0] for each in told)
    if done != count:
        raise SystemExit(f"{done} of {count} attempts were dialed")
    used = sum(each[1] for each in told)
    return result("PostgreSQL", nodes, count, seconds, used)


async def prepared(found: Addresses, count: int) -> None:
    async with open_postgres(found, KEY, node="office") as stores:
        await prepare(stores, count, allow)


async def on_files(count: int, lines: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="bench-lifecycles-") as folder:
        files = Path(folder) / "vault.db", Path(folder) / "ledger.db"
        async with open_sqlite(*files, new_key()) as stores:
            await prepare(stores, count, allow)
            settle()
            found = await measure(stores, count, lines, allow)
    used = found.cpu_us_per_attempt * count / 1e6
    return result("SQLite", 1, count, found.seconds, used)


def result(engine: str, nodes: int, count: int, seconds: float, used: float) -> Result:
    rate, each = round(count / seconds, 1), round(1e6 * used / count, 1)
    return Result(engine, nodes, count, round(seconds, 2), rate, each)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=256)
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--urls", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        uvloop.run(worker(json.loads(asked.urls), asked.worker, asked.lines))
        return
    with_passwords()
    results = [uvloop.run(on_files(asked.attempts, asked.lines))]
    with postgres.running(()) as server:
        ready(server)
        results += [
            on_server(server, asked.attempts, nodes, asked.lines) for nodes in (1, 2)
        ]
    one, two = results[1].attempts_per_second, results[2].attempts_per_second
    if asked.as_json:
        told = {"results": [asdict(r) for r in results], "two_to_one": two / one}
        print(json.dumps({**told, "machine": machine()}))
        return
    print(described())
    for found in results:
        print(
            f"{found.engine:10} {found.nodes} node(s): {found.attempts_per_second:8.0f}"
            f" attempts/s, {found.node_cpu_us_per_attempt:.0f} us of nodes' CPU each"
        )
    print(f"two nodes to one: {two / one:.2f}")


if __name__ == "__main__":
    main()
