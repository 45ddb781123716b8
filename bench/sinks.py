"""What does telling cost: figures a call, a scrape, a log line, an event over MQTT?

Processor time of this process, not of the broker (Mosquitto, `tests/kit/mosquitto.py`).
The ledger is the real one; runs with and without figures take turns.
Run: python -m bench.sinks [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import uvloop

from bench.machine import described, machine
from dialer import logs
from dialer.clock import SystemClock
from dialer.events.broker import Broker
from dialer.events.counted import Counted
from dialer.events.endpoint import answer
from dialer.events.metrics import Metrics
from dialer.events.mqtt import Publisher
from dialer.model import Disposition, Outcome, Verdict
from dialer.store.port import Claimed, Ledger, Stores
from tests.kit.mosquitto import HOST, PASSWORD, USER, running
from tests.kit.stores import LEASE, NODE, NOW, allow, contact, opened
from tests.kit.stores import running as campaign

CLOCK = SystemClock()
CALLS = 2_000  # lifecycles a run
RUNS = 5
BARE = 20_000
LINES = 20_000
END = Outcome(Disposition.BUSY, NOW, facts={"trunk": "north"})


@dataclass(frozen=True, slots=True)
class Result:
    counting_us_a_call: float  # around a ledger that does nothing
    call_us: float  # the ledger's own, a lifecycle
    call_counted_us: float
    scrape_ms: float
    scrape_bytes: int
    log_line_us: float
    event_us: float
    events_per_second: float
    events: int


class Nothing:
    """A ledger that agrees to everything."""

    async def claim(self, *_: object, **__: object) -> list[Claimed]:
        return []

    async def dialing(self, *_: object, **__: object) -> Verdict:
        return Verdict(True)

    async def answered(self, *_: object) -> None:
        pass

    async def finish(self, *_: object) -> None:
        pass

    async def rescue(self, *_: object) -> tuple[int, int]:
        return 0, 0

    async def lost(self, *_: object) -> list[str]:
        return []


async def lives(ledger: Ledger, ids: list[str]) -> None:
    async def one(name: str) -> None:
        await ledger.dialing(name, node=NODE, now=NOW, judge=allow)
        await ledger.answered(name, NOW)
        await ledger.finish(name, END)

    for start in range(0, len(ids), 256):
        async with asyncio.TaskGroup() as group:
            for name in ids[start : start + 256]:
                group.create_task(one(name))


async def counting() -> float:
    """Microseconds a call: with figures less without, around nothing."""

    async def took(ledger: Ledger) -> float:
        began = time.process_time()
        await lives(ledger, [f"{i:020x}" for i in range(BARE)])
        return (time.process_time() - began) / BARE * 1e6

    counted = Counted(Nothing(), Metrics("bench"), CLOCK)
    pairs = [(await took(counted), await took(Nothing())) for _ in range(RUNS)]
    return median(a for a, _ in pairs) - median(b for _, b in pairs)


async def calling(folder: Path) -> tuple[float, float, Metrics]:
    """-> microseconds a lifecycle without and with figures; the figures"""
    metrics = Metrics("bench")
    plain, counted = list[float](), list[float]()
    async with opened(folder, told=metrics.committed) as stores:
        await campaign(stores, [contact(i) for i in range(2 * RUNS * CALLS)])
        for run in range(2 * RUNS):
            ledger: Ledger = stores.ledger
            if run % 2:
                ledger = Counted(ledger, metrics, CLOCK)
            found = await ledger.claim("spring", CALLS, node=NODE, now=NOW, lease=LEASE)
            began = time.process_time()
            await lives(ledger, [one.attempt_id for one in found])
            took = (time.process_time() - began) / CALLS * 1e6
            (counted if run % 2 else plain).append(took)
    return median(plain), median(counted), metrics


async def published(stores: Stores) -> tuple[int, float, float]:
    """Publish the whole journal. -> events, seconds, processor seconds"""
    with running() as there:
        broker = Broker(HOST, there.port, "bench", NODE, USER, PASSWORD)
        publisher = Publisher(broker, stores.journal, CLOCK)
        publisher.stop()  # when all is published
        began, cpu = time.perf_counter(), time.process_time()
        await publisher.run()
        seconds = time.perf_counter() - began
        return publisher.published, seconds, time.process_time() - cpu


def scrape(metrics: Metrics) -> tuple[float, int]:
    head, took, size = b"GET /metrics HTTP/1.1", list[float](), 0
    for _ in range(50):
        began = time.process_time()
        size = len(answer(head, metrics.registry))
        took.append(time.process_time() - began)
    return median(took) * 1e3, size


def log_line(folder: Path) -> float:
    handler = logs.to_file(folder / "x.jsonl")
    log = logging.getLogger("dialer.bench")
    began = time.process_time()
    for i in range(LINES):
        log.warning("calls cut", extra={"calls": i, "attempt": "0" * 20})
    took = time.process_time() - began
    logging.getLogger().removeHandler(handler)
    handler.close()
    return took / LINES * 1e6


async def measured(folder: Path) -> Result:
    bare = await counting()
    plain, counted, metrics = await calling(folder)
    async with opened(folder) as stores:
        await stores.journal.move("mqtt", 0)
        events, seconds, cpu = await published(stores)
    took, size = scrape(metrics)
    return Result(
        counting_us_a_call=round(bare, 1),
        call_us=round(plain, 1),
        call_counted_us=round(counted, 1),
        scrape_ms=round(took, 2),
        scrape_bytes=size,
        log_line_us=round(log_line(folder), 1),
        event_us=round(cpu / events * 1e6, 1),
        events_per_second=round(events / seconds),
        events=events,
    )


def main() -> None:
    """Print the figures, as JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = uvloop.run(measured(Path(folder)))
    if given.json:
        print(json.dumps({**asdict(result), "machine": machine()}))
        return
    for name, found in asdict(result).items():
        print(f"{name:22} {found}")
    print(described())


if __name__ == "__main__":
    main()
