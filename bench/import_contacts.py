"""How fast is an import, and how much memory does it take?

    python -m bench.import_contacts [--rows 100000] [--json]

Synthetic rows go the whole way: survey, parse, seal into the vault, ledger, journal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import machine
from dialer.contacts.importer import Order, Report, import_file
from dialer.contacts.rules import load_rules
from dialer.garbage import settle
from dialer.settings import shipped
from dialer.store.keys import new_key
from dialer.store.sqlite import open_sqlite

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
HEADER = "姓名,电话,语言,所在地,账号,债权人,欠款金额,币种,到期日,来源,同意\n"
SIGNS = "安文明思远清和雨晨宇佳欣子涵一诺梓萱俊杰"
SOURCES = "court_document|判-{n}|2026-03-02; filed_contract|备-{n}|2024-06-18"


def name(n: int) -> str:
    """A different name for each number below 160,000."""
    return "测" + "".join(SIGNS[n // 20**k % 20] for k in range(4))


def rows(count: int, seed: int) -> Iterator[str]:
    """One in fifty is bad, one in a hundred stands twice."""
    chance = random.Random(seed)
    for n in range(count):
        k = n - 7 if n % 100 == 99 else n
        amount = "1.234,50" if n % 50 == 0 else f"{chance.randint(100, 99999)}.50"
        given = f"{SOURCES.format(n=k)}; given_by_person|申-{k}|2024-06-18"
        consent = "any|2026-01-01|2027-01-01"
        yield (
            f"{name(k)},170{k % 10**8:08d},zh,CN-32,A-{k},明河消费金融,{amount},CNY,"
            f"2026-05-20,{given},{consent}\n"
        )


def write(path: Path, count: int, seed: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        file.writelines(rows(count, seed))


async def run(path: Path, home: Path) -> Report:
    rules = load_rules(shipped("config") / "import.toml")
    order = Order(path, "bench", home / "import", {})
    databases = home / "vault.db", home / "ledger.db"
    async with open_sqlite(*databases, new_key()) as stores:
        settle()
        return await import_file(
            order, stores, rules, now=NOW, progress=lambda done, total: None
        )


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu() -> float:
    """Seconds of this process, and of those it started that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def measure(count: int, seed: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "people.csv")
        write(path, count, seed)
        before = peak_mib()
        began, worked = time.perf_counter(), cpu()
        report = asyncio.run(run(path, Path(folder)))
        seconds, worked = time.perf_counter() - began, cpu() - worked
    batch = report.batch
    return {
        "rows": batch.rows_read,
        "accepted": batch.accepted,
        "rejected": batch.rejected,
        "duplicates": batch.duplicates,
        "seconds": round(seconds, 2),
        "rows_per_second": round(batch.rows_read / seconds),
        "cpu_us_per_row": round(1e6 * worked / batch.rows_read, 1),
        "peak_rss_mib": round(peak_mib(), 1),
        "rss_before_mib": round(before, 1),
        "seed": seed,
        "machine": machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.rows, asked.seed)
    if asked.json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for name, value in found.items():
        print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
