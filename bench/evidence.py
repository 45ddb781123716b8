"""How fast is evidence: masking a turn, logging the journal, verifying the archive?

Rows are synthetic and come from memory; the log is written and synced to disk as in
production, in checkpoints of 4,096 entries. Run: python -m bench.evidence [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.machine import described, machine
from dialer.evidence.entry import canonical
from dialer.evidence.log import Log
from dialer.evidence.mask import load_mask
from dialer.evidence.verify import verify
from dialer.settings import shipped
from dialer.store.port import JournalRow

SAID = (
    "好的我知道了，那我先跟家里人商量一下再给你们回电话吧",
    "您好，请问是张伟先生吗",
    "我每个月最多能还五百，下个月五号可以吗",
    "你们打错了，这里没有这个人",
    "我的电话是一三八零零一三八零零零，你记一下",
    "别再给我打电话了",
    "okay I understand but I need to talk to my family before I can call you back",
    "yes this is John Smith speaking",
    "I can pay two hundred dollars a month starting on the fifth",
    "you have the wrong number, there is nobody here by that name",
)
KNOWN = ("张伟", "John Smith", "32010219900101123X", "AC-2025-0001", "+8613800138000")


class Made:
    """A journal of so many rows, made when they are read."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._cursor = 0

    async def after(self, seq: int, limit: int = 1000) -> list[JournalRow]:
        return list(self.rows(seq, min(seq + limit, self.count)))

    async def cursor(self, reader: str) -> int:
        return self._cursor

    async def last(self) -> int:
        return self.count

    async def kept_by(self, reader: str, owner: str, *, anew: bool = False) -> str:
        return owner

    async def move(self, reader: str, seq: int) -> None:
        self._cursor = seq

    def rows(self, start: int, end: int) -> Iterator[JournalRow]:
        for seq in range(start + 1, end + 1):
            body = canonical({"n": seq, "text": "[姓名]，[金额]", "rule": "cn.hours"})
            salt = seq.to_bytes(16)
            at = f"2026-11-24T06:00:00.{seq % 1_000_000:06}Z"
            yield JournalRow(seq, at, "attempt.ended", f"{seq:032x}", body, salt)


def masking(rounds: int) -> tuple[float, float]:
    """Microseconds to mask one turn: median and slowest of the sentences."""
    mask = load_mask(shipped("config") / "masks.toml")
    for said in SAID:
        mask.text(said, KNOWN)  # the case's patterns are made once a call
    return _spread([_micros(mask.text, said, rounds) for said in SAID])


def _micros(work: object, said: str, rounds: int) -> float:
    assert callable(work)
    start = time.perf_counter()
    for _ in range(rounds):
        work(said, KNOWN)
    return (time.perf_counter() - start) / rounds * 1e6


def _spread(values: Sequence[float]) -> tuple[float, float]:
    return median(values), max(values)


def logging(folder: Path, count: int) -> dict[str, float]:
    """Entries a second into the log, out of it again, and what a small append costs."""
    journal, log = Made(count), Log.open(folder)
    start = time.perf_counter()
    asyncio.run(log.append(journal))
    append = time.perf_counter() - start
    journal.count += 50
    start = time.perf_counter()
    asyncio.run(log.append(journal))
    small = time.perf_counter() - start
    start = time.perf_counter()
    report = verify(folder, log.vkey, journal.rows(0, journal.count))
    check = time.perf_counter() - start
    assert not report.problems
    assert report.opened == journal.count
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    return {
        "append_entries_per_second": round(count / append),
        "append_of_50_ms": round(small * 1000, 1),
        "verify_entries_per_second": round(journal.count / check),
        "bytes_per_entry": round(size / journal.count, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--entries", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=300)
    asked = parser.parse_args()
    middle, slowest = masking(asked.rounds)
    with tempfile.TemporaryDirectory() as folder:
        figures = logging(Path(folder), asked.entries)
    result = {
        "entries": asked.entries,
        **figures,
        "mask_us_median": round(middle, 1),
        "mask_us_slowest_sentence": round(slowest, 1),
        "machine": machine(),
    }
    if asked.json:
        print(json.dumps(result, ensure_ascii=False))
        return
    print(described())
    for name, value in result.items():
        if name != "machine":
            print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
