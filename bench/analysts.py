"""How long do questions over the analysts' store take, and how fast does it follow?

Questions: a synthetic store of so many attempts (20 campaigns of 50 days, one file each
day), asked as `dialer calls query` asks. Following: attempts in a real ledger, three of
ten with twelve turns, taken over from its journal.
Run: python -m bench.analysts [--rows N] [--json]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import uvloop

from bench.dispatch import allow, prepare
from bench.machine import described, machine
from dialer.model import Disposition, NextTry, Outcome, Turn
from dialer.reports import manifest, parquet
from dialer.reports.columns import TABLES
from dialer.reports.manifest import Manifest, Piece
from dialer.reports.query import Limits, Only, asked
from dialer.reports.questions import questions
from dialer.reports.sync import sync
from dialer.settings import shipped
from dialer.store.keys import new_key
from dialer.store.port import Stores
from dialer.store.sqlite import open_sqlite

CAMPAIGNS, DAYS = 20, 50
BEGAN = date(2026, 9, 1)
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
ENDS = {
    "no_answer": 0.42,
    "busy": 0.08,
    "voicemail": 0.12,
    "unallocated": 0.05,
    "hung_up": 0.12,
    "promised": 0.05,
    "agreed_plan": 0.04,
    "refused": 0.06,
    "opted_out": 0.01,
    "abandoned": 0.01,
    "callback": 0.04,
}
CROSS = (
    """SELECT campaign, disposition, count(*) FROM attempts GROUP BY ALL ORDER BY ALL"""
)
ASKED = {
    "campaign_x_outcome": CROSS,
    "funnel": questions(shipped("config") / "queries")["funnel"].sql,
    "abandoned": questions(shipped("config") / "queries")["abandoned"].sql,
    "hours": questions(shipped("config") / "queries")["hours"].sql,
    "one_campaign": CROSS.replace("GROUP", "WHERE campaign = 'c07' GROUP"),
    "distinct_contacts": "SELECT count(DISTINCT contact_id) FROM attempts",
}


def day_of(chance: np.random.Generator, count: int, name: str, day: date) -> pa.Table:
    """One campaign's day, in columns drawn by chance."""
    how = chance.choice(list(ENDS), count, p=list(ENDS.values()))
    spoke = np.isin(
        how, ["hung_up", "promised", "agreed_plan", "opted_out", "callback"]
    )
    dialed = how != "refused"
    answered = spoke | (how == "voicemail") | (how == "abandoned")
    start = np.datetime64(day, "ms") + chance.integers(0, 12 * 3_600_000, count)
    picked = start + chance.integers(3_000, 30_000, count)
    ended = np.where(answered, picked + chance.integers(1_000, 300_000, count), picked)
    seconds = (ended - picked) / np.timedelta64(1, "s")
    ids = chance.bytes(count * 10).hex()
    people = chance.integers(0, 10_000_000, count)
    local = np.timedelta64(8, "h")
    nodes = np.where(spoke, chance.integers(0, 5, count), 0).astype(float)
    trunk = chance.choice(["east", "west", "north"], count)
    maps = {
        "facts": [[("trunk", t)] for t in trunk],
        "measures": [
            [("seconds", s)] if a else []
            for s, a in zip(seconds, answered, strict=True)
        ],
        "refusals": [[] if d else ["cn.consent"] for d in dialed],
        "confirmed": [[]] * count,
    }

    def where(mask: Any, values: Any) -> pa.Array:
        return pa.array(values, mask=~mask)

    found = {
        "attempt_id": [ids[i : i + 20] for i in range(0, len(ids), 20)],
        "campaign_id": np.full(count, f"id-of-{name}"),
        "contact_id": [f"c_{person:026}" for person in people],
        "n": chance.integers(1, 4, count),
        "phone": [f"+86 138****{person % 10000:04}" for person in people],
        "language": np.full(count, "zh"),
        "phase": np.full(count, "done"),
        "disposition": how,
        "cause": np.where(answered, "", how),
        "stage": np.where(spoke, chance.integers(1, 6, count), 1),
        "not_before": start - np.timedelta64(60, "s"),
        "dialing_at": where(dialed, start),
        "answered_at": where(answered, picked),
        "ended_at": ended,
        "seconds": where(answered, seconds),
        "confirmations": where(spoke, nodes),
        "rights_explained": where(spoke, nodes),
        "silence_seconds": where(spoke, chance.random(count) * 20),
        "units_per_minute": where(spoke, 190 + chance.random(count) * 40),
        "barge_ins": where(spoke, nodes),
        "turns": where(spoke, nodes * 3),
        "turn_latency_p50": where(spoke, chance.random(count)),
        "turn_latency_max": where(spoke, chance.random(count) * 2),
        **maps,
        "campaign": np.full(count, name),
        "zone": np.full(count, "Asia/Shanghai"),
        "date": np.full(count, np.datetime64(day)),
        "dialing_local": where(dialed, start + local),
        "answered_local": where(answered, picked + local),
        "ended_local": ended + local,
        "trunk": trunk,
        "spoke": spoke,
        "agreement_id": pa.nulls(count),
    }
    schema = parquet.schema(TABLES["attempts"])
    arrays = [
        pa.array(found[f.name], f.type)
        if f.name in maps
        else pa.array(found[f.name]).cast(f.type)
        for f in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def later(base: pa.Table, days: int, chance: np.random.Generator) -> pa.Table:
    """The same calls so many days later, as other attempts to other people."""
    ids, count = chance.bytes(base.num_rows * 10).hex(), base.num_rows
    people = chance.integers(0, 10_000_000, count)
    fresh: dict[str, Any] = {
        "attempt_id": [ids[i : i + 20] for i in range(0, len(ids), 20)],
        "contact_id": [f"c_{person:026}" for person in people],
    }
    step = pa.scalar(days * 86_400_000, pa.int64())
    arrays = []
    for field in base.schema:
        column = base[field.name].combine_chunks()
        if field.name in fresh:
            column = pa.array(fresh[field.name], field.type)
        elif pa.types.is_timestamp(field.type):
            moved = pc.add(column.cast(pa.int64()), step)
            column = moved.cast(field.type)
        elif field.name == "date":
            column = pa.array([BEGAN + timedelta(days=days)] * count)
        arrays.append(column)
    return pa.Table.from_arrays(arrays, schema=base.schema)


def made(folder: Path, rows: int) -> int:
    """A store of so many attempts. -> bytes"""
    chance, pieces = np.random.default_rng(7), list[Piece]()
    count = rows // (CAMPAIGNS * DAYS)
    for c in range(CAMPAIGNS):
        name = f"c{c:02}"
        base = day_of(chance, count, name, BEGAN)
        for d in range(DAYS):
            day = BEGAN + timedelta(days=d)
            path = f"attempts/campaign={name}/date={day}/0000000001.parquet"
            (folder / path).parent.mkdir(parents=True)
            with parquet.new_file(folder / path, TABLES["attempts"]) as file:
                file.write_table(later(base, d, chance))
            size = (folder / path).stat().st_size
            pieces.append(Piece("attempts", path, count, size))
    (folder / "readers").touch()
    manifest.save(folder, Manifest(1, 0, "", tuple(pieces)))
    return sum(piece.bytes for piece in pieces)


def timed(folder: Path, sql: str, rounds: int) -> tuple[float, float, float]:
    """Seconds: the first time, and the median; all of it, from opening on. And seconds
    of CPU, over all threads, the median."""
    took, worked = [], []
    for _ in range(rounds):
        began, before = time.perf_counter(), time.process_time()
        with asked(folder, sql, Only(), Limits("2GB")) as answer:
            assert list(answer.rows)
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - before)
    return took[0], median(took), median(worked)


def asking(folder: Path, rows: int, rounds: int) -> Iterator[tuple[str, float]]:
    began = time.perf_counter()
    size = made(folder, rows)
    yield "made_in_seconds", time.perf_counter() - began
    yield "rows", manifest.load(folder).rows("attempts")
    yield "files", len(manifest.load(folder).pieces)
    yield "megabytes", size / 1e6
    yield "bytes_per_attempt", size / rows
    for name, sql in ASKED.items():
        first, usual, cpu = timed(folder, sql, rounds)
        yield f"{name}_first_s", first
        yield f"{name}_median_s", usual
        yield f"{name}_cpu_s", cpu


# --- following the journal


def ended(i: int) -> Outcome:
    """Three of ten calls are conversations of twelve turns."""
    if i % 10 > 2:
        again = NextTry(0, NOW + timedelta(days=3), "no_answer")
        facts = {"trunk": "east"}
        return Outcome(
            Disposition.NO_ANSWER, NOW, "no_answer", facts=facts, next_try=again
        )
    said = tuple(
        Turn(
            "us" if t % 2 else "them",
            t * 4.0,
            3.5,
            "您好，请问是[姓名]先生吗" * 2,
            1 + t // 3,
        )
        for t in range(12)
    )
    measures = {"seconds": 60.0 + i % 50, "confirmations": 3.0, "rights_explained": 4.0}
    facts = {"trunk": "east"}
    return Outcome(Disposition.PROMISED, NOW, "", said, 5, facts, measures)


async def called(stores: Stores, count: int) -> None:
    await prepare(stores, count, allow)
    ledger, i = stores.ledger, 0
    while some := await ledger.claim(
        "bench", 500, node="bench", now=NOW, lease=timedelta(hours=1)
    ):
        for one in some:
            name = one.attempt_id
            await ledger.dialing(name, node="bench", now=NOW, judge=allow)
            if i % 10 <= 2:
                await ledger.answered(name, NOW)
            await ledger.finish(name, ended(i))
            i += 1


async def following(home: Path, count: int) -> dict[str, float]:
    files = home / "vault.db", home / "ledger.db"
    async with open_sqlite(*files, new_key()) as stores:
        await called(stores, count)
        began, worked = time.perf_counter(), time.process_time()
        done = await sync(home / "analysts", stores, NOW)
        took, worked = time.perf_counter() - began, time.process_time() - worked
        assert done.attempts == count
        began = time.perf_counter()
        await sync(home / "analysts", stores, NOW)
        idle = time.perf_counter() - began
    found = manifest.load(home / "analysts")
    sizes = {t: sum(p.bytes for p in found.pieces if p.table == t) for t in TABLES}
    return {
        "appended": count,
        "appended_per_second": count / took,
        "cpu_us_per_attempt": 1e6 * worked / count,
        "bytes_per_attempt": sizes["attempts"] / count,
        "bytes_per_turn": sizes["turns"] / max(found.rows("turns"), 1),
        "nothing_new_ms": 1000 * idle,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--appended", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", dest="as_json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-analysts-") as folder:
        asked_ = dict(asking(Path(folder), given.rows, given.rounds))
    with tempfile.TemporaryDirectory(prefix="bench-analysts-") as folder:
        follows = uvloop.run(following(Path(folder), given.appended))
    result = {
        "asking": {name: round(value, 3) for name, value in asked_.items()},
        "following": {name: round(value, 1) for name, value in follows.items()},
    }
    if given.as_json:
        print(json.dumps({**result, "machine": machine()}))
        return
    print(described())
    for part in result.values():
        for name, value in part.items():
            print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
