"""Media streams and webhooks of Twilio: what one core carries, and what a turn costs.

`streams`: our server on one core, the far end of all streams on another
(bench/twilio_far.py, by the stand-in's code; webhooks come beside). Counted: frames
that came over 40 ms after the one before, and moments of over 40 ms in which the far
end had nothing of ours to play. `turns`: from the callee's first sound to our first
sound in the callee's ear, where we answer at once: over a media stream and over the
carrier in memory.
Run: python -m bench.twilio [--streams N] [--seconds S] [--turns N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any

import aiohttp
import uvloop

from bench.audiosocket import CORES, pin, talk
from bench.generator import Gaps
from bench.machine import described, machine
from bench.twilio_far import stream
from dialer.channels.line import Ticker
from dialer.channels.loopback.actor import Act
from dialer.channels.loopback.callee import Callee
from dialer.channels.loopback.line import Leg as Wired
from dialer.channels.loopback.line import LoopbackLine, People, Wire
from dialer.channels.port import Audio, Line
from dialer.channels.twilio.door import Address, Door
from dialer.channels.twilio.pending import Bucket
from dialer.channels.twilio.rest import Account
from dialer.channels.twilio.stream import Stream
from dialer.clock import SystemClock
from dialer.garbage import settle
from speech.port import FRAME_BYTES
from tests.contract.rig import tone
from tests.contract.twilio_rig import free_port
from tests.kit.twilio import ACCOUNT, TOKEN
from tests.kit.twilio_leg import Leg

EVERY = 50  #: ticks (1 s) between two turns of the callee
SAID = tone(0.2)
CLOCK = SystemClock()


class Desk:
    """Every stream is awaited."""

    def __init__(self) -> None:
        self.streams = asyncio.Queue[Stream]()
        self._bucket = Bucket(CLOCK, 1e9, 1e9)

    def bucket(self, call: str) -> Bucket | None:
        return self._bucket

    def told(self, call: str, kind: str, said: Mapping[str, str]) -> str:
        return ""

    def claim(self, stream: Stream, call_sid: str, token: str) -> bool:
        self.streams.put_nowait(stream)
        return True


def opened(desk: Desk) -> tuple[Door, int]:
    port = free_port()
    address = Address(f"http://127.0.0.1:{port}", "127.0.0.1", port)
    account = Account(ACCOUNT, ACCOUNT, TOKEN, TOKEN)
    return Door(address, account, desk, CLOCK), port


@dataclass(frozen=True, slots=True)
class Streams:
    """in_late, out_late: percent of frames. cores: processor seconds a second."""

    streams: int
    in_late: float
    in_came: float
    out_late: float
    out_came: float
    longest_ms: float
    our_cores: float
    far_cores: float
    webhook_p50_ms: float
    webhook_p99_ms: float


async def streams(count: int, seconds: float) -> Streams:
    desk, gaps, over = Desk(), Gaps(), asyncio.Event()
    door, port = opened(desk)
    async with door, asyncio.TaskGroup() as group:
        far = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.twilio_far"),
            *(str(port), str(count), str(seconds + 2)),
            stdout=asyncio.subprocess.PIPE,
            preexec_fn=lambda: pin(-1),
        )
        lines = [await desk.streams.get() for _ in range(count)]
        for line in lines:
            group.create_task(talk(line, gaps, over))  # type: ignore[arg-type]
        began = time.process_time()
        await asyncio.sleep(1)
        await gaps.count(seconds)
        cores = (time.process_time() - began) / (seconds + 2)
        told, _ = await far.communicate()
        over.set()
        for line in lines:
            line.end()
    found: dict[str, Any] = json.loads(told)
    return Streams(
        count,
        in_late=round(100 * gaps.late / max(1, gaps.frames), 4),
        in_came=round(100 * gaps.frames / (count * 50 * seconds), 2),
        out_late=round(100 * found["late"] / max(1, found["ticks"]), 4),
        out_came=round(100 * found["frames"] / max(1, found["ticks"]), 2),
        longest_ms=round(1000 * gaps.longest, 1),
        our_cores=round(cores, 2),
        far_cores=round(found["cores"], 2),
        webhook_p50_ms=round(found["webhook_p50_ms"], 1),
        webhook_p99_ms=round(found["webhook_p99_ms"], 1),
    )


# --- turns


class Ear:
    """A callee who speaks every second, and notes when an answer is heard."""

    def __init__(self) -> None:
        self.took = list[float]()
        self._tick = 0
        self._spoke = 0.0

    def speaks(self) -> bytes:
        self._tick += 1
        if self._tick % EVERY:
            return b""
        self._spoke = time.perf_counter()
        return SAID[:FRAME_BYTES]

    def hears(self, pcm: bytes) -> None:
        if self._spoke and any(pcm):
            self.took.append(1000 * (time.perf_counter() - self._spoke))
            self._spoke = 0.0


class Streamed(Leg):
    def __init__(self, ear: Ear) -> None:
        super().__init__("MZ")
        self._ear = ear

    def tick(self) -> None:
        self.sound = self._ear.speaks()
        self.heard.clear()
        super().tick()
        self._ear.hears(bytes(self.heard))


class Person:
    """As a loopback callee's actor."""

    def __init__(self, ear: Ear) -> None:
        self._ear = ear

    def step(self, sent: bytes) -> Act:
        self._ear.hears(sent)
        return Act(self._ear.speaks().ljust(FRAME_BYTES, b"\0"))


async def answers(line: Line | Stream, ear: Ear, turns: int) -> None:
    async for heard in line.hear():
        if isinstance(heard, Audio) and any(heard.pcm):
            line.say(SAID)
        if len(ear.took) >= turns:
            return


async def by_stream(turns: int) -> list[float]:
    desk, ear = Desk(), Ear()
    door, port = opened(desk)
    async with (
        door,
        aiohttp.ClientSession() as http,
        Ticker[Leg](CLOCK, "far") as ticker,
        asyncio.TaskGroup() as group,
    ):
        far = Streamed(ear)
        work = stream(http, far, f"://127.0.0.1:{port}", 0, ticker)
        task = group.create_task(work)
        await answers(await desk.streams.get(), ear, turns)
        task.cancel()
    return ear.took


async def in_memory(turns: int) -> list[float]:
    ear, wire = Ear(), Wire()
    callee = Callee("+8617000000001")
    async with Ticker[Wired](CLOCK, "memory") as ticker:
        leg = Wired(wire, Person(ear), callee, People())
        ticker.add(leg)
        await answers(LoopbackLine(wire), ear, turns)
    return ear.took


@dataclass(frozen=True, slots=True)
class Turns:
    turns: int
    stream_p50_ms: float
    stream_p95_ms: float
    memory_p50_ms: float
    memory_p95_ms: float
    more_p50_ms: float
    more_p95_ms: float


async def turns(count: int) -> Turns:
    found = [await by_stream(count), await in_memory(count)]
    p50 = [round(median(took), 1) for took in found]
    p95 = [round(quantiles(took, n=20)[18], 1) for took in found]
    return Turns(
        count,
        *(p50[0], p95[0], p50[1], p95[1]),
        *(round(p50[0] - p50[1], 1), round(p95[0] - p95[1], 1)),
    )


async def run(asked: argparse.Namespace) -> dict[str, Any]:
    settle()
    took = await turns(asked.turns)
    pin(0)
    carried = await streams(asked.streams, asked.seconds)
    os.sched_setaffinity(0, CORES)
    return {**asdict(took), **asdict(carried)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args()
    result = uvloop.run(run(asked))
    if asked.as_json:
        print(json.dumps({**result, "machine": machine()}))
        return
    print(described())
    for name, value in result.items():
        print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
