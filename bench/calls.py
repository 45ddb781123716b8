"""How many calls a second go through one Asterisk, and what does the engine cost?

Half of the calls are answered and hung up by us (after `--hold`), half get a 486.
`bare`: an AMI loop that only places them (bench/bare.py), before and after the engine's
turn. `engine`: claim, gate, durable `dialing`, Originate, events, sound connected,
durable `finish`, as a campaign does it. Both keep `--lines` calls under way. `paced`:
both at 0.8 of what the engine reached. Set-up is from the Originate to the answer or
refusal. Asterisk, SIPp (Debian's sip-tester) and this process share all cores;
`--apart`: the first two have one core and we another, as on two machines.
Run: python -m bench.calls [--calls N] [--lines N] [--hold SECONDS] [--apart] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from bench.bare import bare
from bench.dispatch import NODE, NOW, gate, prepare
from bench.machine import described, machine
from bench.network import SHIPPED, login, network
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.channels.asterisk.channel import AsteriskChannel
from dialer.channels.causes import load_causes
from dialer.channels.port import ChannelDown, NotAnswered, Order, Unsure
from dialer.clock import SystemClock
from dialer.garbage import settle
from dialer.model import Disposition, Judge, NextTry, Outcome
from dialer.store.keys import new_key
from dialer.store.port import Claimed, Stores
from dialer.store.sqlite import open_sqlite
from tests.kit.asterisk import Asterisk

NUMBER = "+8617000000001"
TRUNKS = ("answers", "busy")
ENDS = {"16": "answers", "486": "busy"}  # as the bare loop sees them
ENDED = {
    "answers": Disposition.SILENT,
    "busy": Disposition.BUSY,
    "unknown": Disposition.UNKNOWN,
}
EASE = 0.8  #: of the ceiling, where set-up is measured


@dataclass
class Turn:
    """Calls of one client, from the first to the last."""

    setups: list[float] = field(default_factory=list)
    dialings: list[float] = field(default_factory=list)
    wrong: int = 0
    seconds: float = 0.0
    worked: float = 0.0

    @asynccontextmanager
    async def timed(self) -> AsyncIterator[None]:
        began, worked = time.perf_counter(), time.process_time()
        yield
        self.seconds = time.perf_counter() - began
        self.worked = time.process_time() - worked

    def ended(self, wanted: str, found: str, setup: float) -> None:
        self.setups.append(setup)
        self.wrong += wanted != found

    @property
    def rate(self) -> float:
        return len(self.setups) / self.seconds

    def told(self) -> dict[str, float]:
        return {
            "calls": len(self.setups),
            "calls_per_second": round(self.rate, 1),
            "setup_p50_ms": quantile(self.setups, 0.5),
            "setup_p99_ms": quantile(self.setups, 0.99),
            "cpu_ms_per_call": round(1000 * self.worked / len(self.setups), 2),
            "wrong_outcomes": self.wrong,
        }


def quantile(values: list[float], part: float) -> float:
    """In milliseconds."""
    return round(1000 * sorted(values)[int(part * (len(values) - 1))], 1)


@dataclass(frozen=True, slots=True)
class Result:
    lines: int
    apart: bool
    bare_before: dict[str, float]
    engine: dict[str, float]
    bare_after: dict[str, float]
    paced: dict[str, float]
    bare_paced: dict[str, float]
    ratio: float
    right_percent: float


async def by_bare(
    there: Asterisk, calls: int, lines: int, hold: float, *, rate: float = 0.0
) -> Turn:
    turn, line, wait = Turn(), asyncio.Semaphore(lines), paced(rate)
    async with bare(login(there), hold) as client:

        async def one(trunk: str) -> None:
            await wait()
            async with line:
                cause, setup = await client.call(NUMBER, trunk)
                turn.ended(trunk, ENDS.get(cause, cause), setup)

        async with turn.timed(), asyncio.TaskGroup() as group:
            for n in range(calls):
                group.create_task(one(TRUNKS[n % 2]))
    return turn


def paced(rate: float) -> Callable[[], Awaitable[None]]:
    """Each call of it waits for the next of `rate` moments a second; 0: for nothing."""
    begun: list[float] = []

    async def wait() -> None:
        if rate:
            begun.append(time.perf_counter())
            at = begun[0] + (len(begun) - 1) / rate
            await asyncio.sleep(max(0.0, at - time.perf_counter()))

    return wait


class Engine:
    """A campaign's calls, as `dialer.call` makes them, without a conversation."""

    def __init__(
        self, stores: Stores, channel: AsteriskChannel, judge: Judge, hold: float
    ) -> None:
        self._stores = stores
        self._hold = hold
        self._channel = channel
        self._judge = judge
        self._clock = SystemClock(NOW - datetime.now(UTC))
        self.turn = Turn()

    async def run(self, lines: int, rate: float) -> None:
        line, wait = asyncio.Semaphore(lines), paced(rate)

        async def call(claimed: Claimed) -> None:
            await wait()
            async with line:
                await self._call(claimed)

        pace = Pace(lines, ahead=lines)
        dispatcher = Dispatcher(
            "bench", self._stores, call, self._clock, node=NODE, pace=pace
        )
        async with self.turn.timed():
            await dispatcher.run()

    async def _call(self, claimed: Claimed) -> None:
        ledger, attempt = self._stores.ledger, claimed.attempt_id
        began = time.perf_counter()
        verdict = await ledger.dialing(
            attempt, node=NODE, now=self._clock.now(), judge=self._judge
        )
        self.turn.dialings.append(time.perf_counter() - began)
        if not verdict.allowed:
            raise SystemExit(f"the gate refused: {verdict.reasons}")
        trunk = TRUNKS[int(claimed.contact.contact_id[-1], 16) % 2]
        found, setup = await self._place(Order(attempt, NUMBER, trunk=trunk))
        self.turn.ended(trunk, found, setup)
        now = self._clock.now()
        again = NextTry(0, now + timedelta(hours=3), "busy")
        disposition = ENDED.get(found, Disposition.FAILED)
        await ledger.finish(attempt, Outcome(disposition, now, next_try=again))

    async def _place(self, order: Order) -> tuple[str, float]:
        """How it ended, in the words of the trunks, and its set-up."""
        began = time.perf_counter()
        try:
            async with self._channel.place(order):
                setup = time.perf_counter() - began
                now = self._clock.now()
                await self._stores.ledger.answered(order.attempt_id, now)
                await asyncio.sleep(self._hold)
                return "answers", setup
        except NotAnswered as no:
            return no.cause.value, time.perf_counter() - began
        except ChannelDown:
            return "not_dialed", time.perf_counter() - began
        except Unsure:
            return "unknown", time.perf_counter() - began


def dial(order: Order) -> str:
    return f"PJSIP/{order.number}@{order.trunk}"


async def by_engine(
    there: Asterisk, calls: int, lines: int, hold: float, *, rate: float = 0.0
) -> Turn:
    judge, causes = gate("packs"), load_causes(SHIPPED / "causes.toml")
    with tempfile.TemporaryDirectory(prefix="bench-calls-") as folder:
        files = Path(folder) / "vault.db", Path(folder) / "ledger.db"
        async with open_sqlite(*files, new_key()) as stores:
            await prepare(stores, calls, judge)
            channel = AsteriskChannel(login(there), SystemClock(), causes, dial)
            async with channel:
                await channel.ready(10)
                engine = Engine(stores, channel, judge, hold)
                await engine.run(lines, rate)
    if len(engine.turn.setups) != calls:
        raise SystemExit(f"{len(engine.turn.setups)} of {calls} calls were placed")
    return engine.turn


async def run(calls: int, lines: int, hold: float, *, apart: bool) -> Result:
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        if apart:
            os.sched_setaffinity(0, cores[:1])  # theirs: processes begun now stay there
        there = stack.enter_context(network(2 * lines))
        if apart:
            os.sched_setaffinity(0, cores[-1:])
        settle()
        await by_bare(there, min(calls, 200), lines, hold)  # warm
        before = await by_bare(there, calls, lines, hold)
        engine = await by_engine(there, calls, lines, hold)
        after = await by_bare(there, calls, lines, hold)
        ease = EASE * engine.rate
        eased = await by_engine(there, calls, lines, hold, rate=ease)
        bare_eased = await by_bare(there, calls, lines, hold, rate=ease)
    turns = before, engine, after, eased, bare_eased
    wrong, all_calls = sum(t.wrong for t in turns), sum(len(t.setups) for t in turns)
    told = eased.told() | {"dialing_p99_ms": quantile(eased.dialings, 0.99)}
    return Result(
        lines=lines,
        apart=apart,
        bare_before=before.told(),
        engine=engine.told(),
        bare_after=after.told(),
        paced=told,
        bare_paced=bare_eased.told(),
        ratio=round(2 * engine.rate / (before.rate + after.rate), 3),
        right_percent=round(100 * (1 - wrong / all_calls), 4),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3000, help="of each turn")
    parser.add_argument("--lines", type=int, default=64)
    parser.add_argument("--hold", type=float, default=0.0, help="seconds of a call")
    parser.add_argument("--apart", action="store_true", help="Asterisk's core, ours")
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args()
    result = uvloop.run(run(asked.calls, asked.lines, asked.hold, apart=asked.apart))
    if asked.as_json:
        print(json.dumps({**asdict(result), "machine": machine()}))
        return
    print(described())
    for name, value in asdict(result).items():
        print(f"{name:14} {value}")


if __name__ == "__main__":
    main()
