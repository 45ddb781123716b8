"""How many attempts a second can the embedded ledger take through their life?

claim -> gather the case and judge it -> reserved->dialing, durable -> finish, durable,
with the next attempt: by the dispatcher, on SQLite with synchronous=FULL, no sound. 256
calls are under way at once (`--lines`): at thousands of attempts a second there are no
fewer, and the more they are, the more of them share a commit.
Run: python -m bench.dispatch [--lines N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from bench.machine import described, machine
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.clock import SystemClock
from dialer.compliance import packs
from dialer.compliance.gate import make_judge
from dialer.garbage import settle
from dialer.model import Case, Contact, Disposition, Judge, NextTry, Outcome, Verdict
from dialer.settings import shipped
from dialer.store.keys import new_key
from dialer.store.port import Batch, Campaign, Claimed, Review, Stores
from dialer.store.sqlite import open_sqlite

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
NODE = "bench"


@dataclass(frozen=True, slots=True)
class Result:
    attempts: int
    lines: int
    seconds: float
    attempts_per_second: float
    cpu_us_per_attempt: float
    dialing_p50_ms: float
    dialing_p95_ms: float
    journal_entries: int


def contact(i: int) -> Contact:
    tail = hashlib.sha256(str(i).encode()).hexdigest()[:24]  # as the vault's tokens
    return Contact(
        contact_id=f"c_{tail}",
        person=f"p_{tail}",
        account=f"a_{tail}",
        numbers=(f"n_{tail}",),
        masked=("+86 138****8000",),
        zones=(("Asia/Shanghai",),),
        locations=("CN-32",),
        language="zh",
        creditor="bench",
        sources=("court_document", "filed_contract", "public_register"),
    )


def allow(case: Case, now: datetime) -> Verdict:
    return Verdict(True)


def gate(name: str) -> Judge:
    """`packs`: the gate with all rule packs; `open`: everything is allowed."""
    if name == "open":
        return allow
    return make_judge(packs.load(shipped("config"), today=NOW.date()))


async def prepare(stores: Stores, count: int, judge: Judge) -> None:
    await stores.contacts.open_batch(Batch("b", "b.csv", "importer", NOW, "importing"))
    for start in range(0, count, 1000):
        chunk = [contact(i) for i in range(start, min(start + 1000, count))]
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
    await stores.campaigns.create(Campaign("bench", "bench", "created", "{}", NOW))
    await stores.campaigns.set_state("bench", "running", NOW)
    async for _ in stores.campaigns.plan(
        "bench", [], judge=judge, now=NOW, commit=True
    ):
        pass


async def measure(stores: Stores, count: int, lines: int, judge: Judge) -> Result:
    waits = list[float]()
    ledger = stores.ledger
    clock = SystemClock(NOW - datetime.now(UTC))

    line = asyncio.Semaphore(lines)

    async def call(claimed: Claimed) -> None:
        async with line:
            began = time.perf_counter()
            verdict = await ledger.dialing(
                claimed.attempt_id, node=NODE, now=clock.now(), judge=judge
            )
            waits.append(time.perf_counter() - began)
            if not verdict.allowed:
                raise SystemExit(f"the gate refused: {verdict.reasons}")
            now = clock.now()
            again = NextTry(0, now + timedelta(hours=3), "no_answer")
            ended = Outcome(Disposition.NO_ANSWER, now, "16", next_try=again)
            await ledger.finish(claimed.attempt_id, ended)

    pace = Pace(lines, ahead=lines)  # as `dialer campaign launch` has it
    dispatcher = Dispatcher("bench", stores, call, clock, node=NODE, pace=pace)
    began, worked = time.perf_counter(), time.process_time()
    await dispatcher.run()
    seconds = time.perf_counter() - began
    worked = time.process_time() - worked
    if len(waits) != count:
        raise SystemExit(f"{len(waits)} of {count} attempts were dialed")
    waits.sort()
    return Result(
        attempts=count,
        lines=lines,
        seconds=round(seconds, 3),
        attempts_per_second=round(count / seconds, 1),
        cpu_us_per_attempt=round(1e6 * worked / count, 1),
        dialing_p50_ms=round(1000 * waits[len(waits) // 2], 2),
        dialing_p95_ms=round(1000 * waits[int(len(waits) * 0.95)], 2),
        journal_entries=await entries(stores),
    )


async def entries(stores: Stores) -> int:
    seq = 0
    while found := await stores.journal.after(seq, 10_000):
        seq = found[-1].seq
    return seq


async def run(count: int, lines: int, judge: Judge) -> Result:
    with tempfile.TemporaryDirectory(prefix="bench-dispatch-") as folder:
        home = Path(folder)
        files = home / "vault.db", home / "ledger.db"
        async with open_sqlite(*files, new_key()) as stores:
            await prepare(stores, count, judge)
            settle()
            return await measure(stores, count, lines, judge)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=256)
    parser.add_argument("--gate", choices=("packs", "open"), default="packs")
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args()
    result = uvloop.run(run(asked.attempts, asked.lines, gate(asked.gate)))
    if asked.as_json:
        print(json.dumps({**asdict(result), "machine": machine()}))
        return
    print(described())
    for name, value in asdict(result).items():
        print(f"{name:22} {value}")


if __name__ == "__main__":
    main()
