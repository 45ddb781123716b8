"""How long does a campaign's plan take, and the choice of the next 100 lawful contacts?

A store on SQLite is filled with contacts and with their earlier calls (`--calls` each,
of the last 34 days), then measured: the dry run, the plan that is written, and, 200
times, choosing 100: due, judged lawful with all their history, leased, committed. What
each call then does, being judged again and committing `dialing`, is told apart.
Run: python -m bench.plan [--contacts N] [--calls N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import uvloop

from bench.dispatch import NODE, NOW, contact, gate
from bench.machine import described, machine
from dialer.campaign.plan import Summary
from dialer.garbage import settle
from dialer.model import Judge
from dialer.store.keys import new_key
from dialer.store.port import Batch, Campaign, Review, Stores
from dialer.store.sqlite import open_sqlite
from dialer.store.tables import stamp

SEED = 11
ROUNDS, LIMIT = 200, 100
LEASE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Result:
    contacts: int
    calls_each: int
    dry_run_seconds: float
    dry_run_cpu_us: float  # of each contact
    plan_seconds: float
    plan_cpu_us: float
    contacts_per_second: float
    callable_now: int
    choose_p50_ms: float
    choose_p99_ms: float
    choose_cpu_ms: float
    choose_cpu_p99_ms: float
    dialing_p50_ms: float
    dialing_p99_ms: float


async def fill(stores: Stores, count: int) -> None:
    await stores.contacts.open_batch(Batch("b", "b.csv", "importer", NOW, "importing"))
    for start in range(0, count, 5000):
        chunk = [contact(i) for i in range(start, min(start + 5000, count))]
        read = start + len(chunk)
        await stores.contacts.add(
            "b",
            chunk,
            rows_read=read,
            rejected=0,
            duplicates=0,
            at=NOW,
            finished=read == count,
        )
    for reviewer in ("one", "two"):
        await stores.contacts.review("b", Review(reviewer, True, NOW))
    for name in ("old", "bench"):
        await stores.campaigns.create(Campaign(name, name, "created", "{}", NOW))
        await stores.campaigns.set_state(name, "running", NOW)


def past(count: int, calls: int) -> Iterator[tuple[object, ...]]:
    """Ended attempts of the last 34 days, the last hour left out. For every ninth
    contact with four of them the gate has a call to count; none is one too many."""
    chance = random.Random(SEED)
    for i in range(count):
        who = contact(i)
        for n in range(1, calls + 1):
            at = NOW - timedelta(minutes=chance.randrange(60, 34 * 1440))
            rang = stamp(at)
            yield (
                *(f"{i}-{n}", "old", who.contact_id, n, 0, who.numbers[0]),
                *(who.account, "done", rang, rang, rang, "no_answer", 1, "{}", ""),
            )


def remember(ledger: Path, count: int, calls: int) -> None:
    """Straight into the table: through the ledger it would take an hour."""
    columns = (
        "attempt_id, campaign_id, contact_id, n, position, number, account, phase, "
        "not_before, dialing_at, ended_at, disposition, stage, verdict, rules"
    )
    marks = ", ".join("?" * len(columns.split(",")))
    with sqlite3.connect(ledger) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -1000000")  # the indexes of millions of rows
        made = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index'"
            " AND tbl_name = 'attempts' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in made:
            db.execute(f"DROP INDEX {name}")
        db.executemany(
            f"INSERT INTO attempts ({columns}) VALUES ({marks})", past(count, calls)
        )
        for _, sql in made:
            db.execute(sql)
        db.execute("ANALYZE")
    db.close()


async def planned(
    stores: Stores, judge: Judge, *, commit: bool
) -> tuple[float, float, Summary]:
    """-> seconds, of CPU, what was planned"""
    summary = Summary()
    began, worked = time.perf_counter(), time.process_time()
    async for chunk in stores.campaigns.plan(
        "bench", [], judge=judge, now=NOW, commit=commit
    ):
        summary.add(chunk)
    return time.perf_counter() - began, time.process_time() - worked, summary


async def choose(stores: Stores, judge: Judge) -> tuple[float, float, float]:
    """-> seconds until 100 are chosen, of CPU for it, and until all are dialing."""
    ledger = stores.ledger
    began, worked = time.perf_counter(), time.process_time()
    found = await ledger.claim(
        "bench", LIMIT, node=NODE, now=NOW, lease=LEASE, judge=judge
    )
    chosen, worked = time.perf_counter() - began, time.process_time() - worked
    if len(found) < LIMIT:
        raise SystemExit(f"{len(found)} of {LIMIT} were chosen")
    began = time.perf_counter()
    asked = (
        ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=judge) for one in found
    )
    verdicts = await asyncio.gather(*asked)
    if not all(verdict.allowed for verdict in verdicts):
        raise SystemExit("the gate refused what the plan allowed")
    return chosen, worked, time.perf_counter() - began


async def measure(stores: Stores, count: int, calls: int, judge: Judge) -> Result:
    settle()
    dry, tried, _ = await planned(stores, judge, commit=False)
    written, worked_out, summary = await planned(stores, judge, commit=True)
    if summary.contacts != count:
        raise SystemExit(f"{summary.contacts} of {count} contacts were planned")
    rounds = min(ROUNDS, summary.now // LIMIT)
    took = [await choose(stores, judge) for _ in range(rounds)]
    chosen, worked, dialing = (
        sorted(1000 * t for t in times) for times in zip(*took, strict=True)
    )
    half, last = rounds // 2, int(rounds * 0.99)
    return Result(
        contacts=count,
        calls_each=calls,
        dry_run_seconds=round(dry, 2),
        dry_run_cpu_us=round(1e6 * tried / count, 1),
        plan_seconds=round(written, 2),
        plan_cpu_us=round(1e6 * worked_out / count, 1),
        contacts_per_second=round(count / written),
        callable_now=summary.now,
        choose_p50_ms=round(chosen[half], 2),
        choose_p99_ms=round(chosen[last], 2),
        choose_cpu_ms=round(worked[half], 2),
        choose_cpu_p99_ms=round(worked[last], 2),
        dialing_p50_ms=round(dialing[half], 2),
        dialing_p99_ms=round(dialing[last], 2),
    )


async def run(count: int, calls: int, judge: Judge) -> Result:
    with tempfile.TemporaryDirectory(prefix="bench-plan-") as folder:
        files = Path(folder) / "vault.db", Path(folder) / "ledger.db"
        key = new_key()
        async with open_sqlite(*files, key) as stores:
            await fill(stores, count)
        remember(files[1], count, calls)
        async with open_sqlite(*files, key) as stores:
            return await measure(stores, count, calls, judge)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args()
    result = uvloop.run(run(asked.contacts, asked.calls, gate("packs")))
    if asked.as_json:
        print(json.dumps({**asdict(result), "machine": machine()}))
        return
    print(described())
    for name, value in asdict(result).items():
        print(f"{name:22} {value}")


if __name__ == "__main__":
    main()
