"""How many calls' sound can one process carry, 50 frames a second each way?

`alone`: our server on one core; the far end of all calls is another process on another
core (bench/generator.py). What either end gets is counted. `through`: calls placed
through a real Asterisk, to SIPp that sends back the sound it gets, all on the cores of
this machine; what comes back to us has gone both ways. A set-up is clean when under
0.1 % of the gaps between two frames are over 40 ms and 99 % of the frames came; one
that is not is tried once more. Lines are read and talked to; nothing is recognised.
Run: python -m bench.audiosocket [--calls N] [--through N] [--seconds S] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

import uvloop

from bench.generator import Gaps, call_id
from bench.machine import described, machine
from bench.network import SHIPPED, login, network
from dialer.channels.asterisk.audiosocket import AudioSocket
from dialer.channels.asterisk.channel import AsteriskChannel
from dialer.channels.asterisk.media import Sound
from dialer.channels.causes import load_causes
from dialer.channels.port import Audio, Line, NotAnswered, Order
from dialer.clock import SystemClock
from dialer.garbage import settle
from speech.port import FRAME_BYTES
from tests.kit.asterisk import Asterisk

TONE = bytes(range(256)) * 63  # a second of something
NOTHING = Audio(bytes(FRAME_BYTES))
SOON = 0.1  #: seconds of sound left when more is said
LATE_PERCENT, CAME_PERCENT = 0.1, 99.0
CORES = os.sched_getaffinity(0)
PLACED = 40.0  #: calls placed a second


@dataclass(frozen=True, slots=True)
class Step:
    """A number of calls. `late`: percent of gaps over 40 ms; `came`: percent of the
    frames that should have; cores: processor seconds a second."""

    calls: int
    late: float
    came: float
    longest_ms: float
    our_cores: float
    asterisk_cores: float = 0.0

    @property
    def clean(self) -> bool:
        return self.late < LATE_PERCENT and self.came >= CAME_PERCENT


@dataclass(frozen=True, slots=True)
class Result:
    alone_clean: int
    through_clean: int
    alone: list[Step]
    through: list[Step]


async def talk(line: Line | Sound, gaps: Gaps, over: asyncio.Event) -> None:
    """Hear and be heard until it is over. Silence is not counted: the far end sends
    none, it is what the connection puts where nothing comes."""
    last = time.perf_counter()
    async for heard in line.hear():
        if heard != NOTHING:
            now = time.perf_counter()
            gaps.between(last, now, 1)
            last = now
        if line.queued() < SOON:
            line.say(TONE)
        if over.is_set():
            return


def step(calls: int, seconds: float, heard: Iterable[Gaps], cores: float) -> Step:
    found = list(heard)
    frames = sum(gaps.frames for gaps in found)
    return Step(
        calls,
        late=round(100 * sum(gaps.late for gaps in found) / max(1, frames), 4),
        came=round(100 * frames / (len(found) * calls * 50 * seconds), 2),
        longest_ms=round(1000 * max(gaps.longest for gaps in found), 1),
        our_cores=round(cores / seconds, 2),
    )


# --- alone


async def alone(calls: int, seconds: float) -> Step:
    gaps, over = Gaps(), asyncio.Event()
    with ExitStack() as stack:
        async with AudioSocket(SystemClock()) as server, asyncio.TaskGroup() as group:
            coming = {
                n: stack.enter_context(server.awaited(call_id(n))) for n in range(calls)
            }
            host, port = server.address
            far = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.generator"),
                *(host, str(port), str(calls), str(seconds)),
                stdout=asyncio.subprocess.PIPE,
                preexec_fn=lambda: pin(-1),
            )
            lines = [await one for one in coming.values()]
            for line in lines:
                group.create_task(talk(line, gaps, over))
            cores = await counted(gaps, seconds)
            await asyncio.sleep(1)  # theirs is over by then
            over.set()
            for line in lines:
                line.end()
            told, _ = await far.communicate()
    return step(calls, seconds, (gaps, Gaps(*json.loads(told))), cores)


async def counted(gaps: Gaps, seconds: float) -> float:
    """-> the seconds of processor it took, the second before it included"""
    began = time.process_time()
    await gaps.count(seconds)
    return (time.process_time() - began) * seconds / (seconds + 1)


def pin(which: int) -> None:
    """This process on one core, the first or the last; there may be one only."""
    os.sched_setaffinity(0, {sorted(CORES)[which]})


# --- through an Asterisk


async def through(there: Asterisk, calls: int, seconds: float) -> Step:
    gaps, over, up = Gaps(), asyncio.Event(), asyncio.Semaphore(0)
    causes = load_causes(SHIPPED / "causes.toml")

    async def one(channel: AsteriskChannel, n: int) -> None:
        await asyncio.sleep(n / PLACED)
        order = Order(str(UUID(int=n)), "+8617000000001", trunk="answers")
        try:
            async with channel.place(order) as line:
                up.release()
                await talk(line, gaps, over)
        except NotAnswered as no:
            up.release()
            print(f"a call was not answered: {no.cause}", file=sys.stderr)

    clock = SystemClock()
    async with AsteriskChannel(login(there), clock, causes, dial) as channel:
        await channel.ready(10)
        async with asyncio.TaskGroup() as group:
            for n in range(calls):
                group.create_task(one(channel, n))
            for _ in range(calls):
                await up.acquire()
            began, worked = time.perf_counter(), cpu(there)
            cores = await counted(gaps, seconds)
            worked = (cpu(there) - worked) / (time.perf_counter() - began)
            over.set()
    found = asdict(step(calls, seconds, [gaps], cores))
    return Step(**found | {"asterisk_cores": round(worked, 2)})


def dial(order: Order) -> str:
    return f"PJSIP/{order.number}@{order.trunk}"


def cpu(there: Asterisk) -> float:
    """Processor seconds of an Asterisk so far. (proc(5): utime, stime.)"""
    fields = Path(f"/proc/{there.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- both


async def climbed(
    numbers: Iterable[int], measure: Callable[[int], Awaitable[Step]]
) -> list[Step]:
    """Up to the first number of calls that is not clean, twice."""
    found = list[Step]()
    for calls in numbers:
        for _ in range(2):
            found.append(await measure(calls))
            print(found[-1], file=sys.stderr, flush=True)
            if found[-1].clean:
                break
        else:
            break
    return found


def most(steps: list[Step]) -> int:
    return max((one.calls for one in steps if one.clean), default=0)


async def run(calls: int, through_calls: int, seconds: float) -> Result:
    settle()
    pin(0)
    steps = await climbed(
        range(200, calls + 1, 100), lambda number: alone(number, seconds)
    )
    os.sched_setaffinity(0, CORES)
    with network(through_calls) as there:
        other = await climbed(
            range(100, through_calls + 1, 50),
            lambda number: through(there, number, seconds),
        )
    return Result(most(steps), most(other), steps, other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="alone, at most")
    parser.add_argument("--through", type=int, default=400, help="at most")
    parser.add_argument("--seconds", type=float, default=5.0, help="each")
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args()
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    result = uvloop.run(run(asked.calls, asked.through, asked.seconds))
    if asked.as_json:
        print(json.dumps({**asdict(result), "machine": machine()}))
        return
    print(described())
    print(f"alone    {result.alone_clean} calls")
    print(f"through  {result.through_clean} calls")


if __name__ == "__main__":
    main()
