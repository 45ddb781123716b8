"""The far end of many media streams, for bench.twilio: speaks on each every 20 ms,
plays what comes back at its own pace, and sends webhooks meanwhile.

Run by the bench: python -m bench.twilio_far PORT CALLS SECONDS
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import quantiles
from typing import TypeVar

import aiohttp
import uvloop
from twilio.request_validator import RequestValidator

from dialer.channels.line import Ticker
from dialer.clock import SystemClock
from speech.port import FRAME_BYTES
from tests.kit.twilio import ACCOUNT, CLOSE, TOKEN
from tests.kit.twilio_leg import Leg

WARM = 2.0  #: seconds after the last stream is up that are not counted
CONNECT = 0.02  #: seconds from one connection to the next
LATE = 2  #: ticks with nothing to play: a gap of more than 40 ms
WEBHOOKS = 20.0  #: a second
LOUD = bytes(range(1, 161)) * 2


L = TypeVar("L", bound=Leg)


class Far(Leg):
    """`counting`: of all."""

    counting = False
    frames = 0
    late = 0
    ticks = 0

    def __init__(self, n: int) -> None:
        super().__init__(f"MZ{n}")
        self._empty = 0

    def tick(self) -> None:
        self.sound = LOUD
        self.heard.clear()
        super().tick()
        if not Far.counting:
            return
        Far.ticks += 1
        if len(self.heard) == FRAME_BYTES:
            Far.frames += 1
            self._empty = 0
            return
        self._empty += 1
        Far.late += self._empty == LATE


async def stream(
    http: aiohttp.ClientSession, far: L, where: str, n: int, ticker: Ticker[L]
) -> None:
    sign = RequestValidator(TOKEN).compute_signature(f"ws{where}/stream", {})
    heads = {"X-Twilio-Signature": sign}
    async with http.ws_connect(
        f"ws{where}/stream", headers=heads, timeout=CLOSE
    ) as socket:
        far.start(ACCOUNT, str(n), {"token": str(n)})
        ticker.add(far)
        await far.run(socket)


async def webhooks(http: aiohttp.ClientSession, where: str, took: list[float]) -> None:
    url = f"http{where}/call/0/status"
    for number in range(100_000):
        told = {
            "AccountSid": ACCOUNT,
            "CallSid": "0",
            "CallStatus": "ringing",
            "SequenceNumber": str(number),
        }
        sign = RequestValidator(TOKEN).compute_signature(url, told)
        began = time.perf_counter()
        async with http.post(
            url, data=told, headers={"X-Twilio-Signature": sign}
        ) as answer:
            assert answer.status == 204
        if Far.counting:
            took.append(time.perf_counter() - began)
        await asyncio.sleep(1 / WEBHOOKS)


async def run(port: int, calls: int, seconds: float) -> dict[str, float]:
    where, took = f"://127.0.0.1:{port}", list[float]()
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        Ticker[Far](SystemClock(), "far") as ticker,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(webhooks(http, where, took))]
        for n in range(calls):
            far = Far(n)
            tasks.append(group.create_task(stream(http, far, where, n, ticker)))
            await asyncio.sleep(CONNECT)
        await asyncio.sleep(WARM)
        Far.counting = True
        began = time.process_time()
        await asyncio.sleep(seconds)
        Far.counting = False
        cores = (time.process_time() - began) / seconds
        for task in tasks:
            task.cancel()
    return {
        "frames": Far.frames,
        "late": Far.late,
        "ticks": Far.ticks,
        "webhook_p50_ms": 1000 * quantiles(took, n=100)[49],
        "webhook_p99_ms": 1000 * quantiles(took, n=100)[98],
        "cores": cores,
    }


def main() -> None:
    port, calls, seconds = sys.argv[1:]
    print(json.dumps(uvloop.run(run(int(port), int(calls), float(seconds)))))


if __name__ == "__main__":
    main()
