"""The far end of many AudioSocket calls, for bench.audiosocket: sends each call's sound
every 20 ms, spread evenly as calls are, and watches what comes back.

Run by the bench: python -m bench.generator HOST PORT CALLS SECONDS
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import socket
import sys
import time
from dataclasses import dataclass
from uuid import UUID

from dialer.channels.asterisk.audiosocket import HEADER, IDENTITY
from speech.port import FRAME_BYTES

LATE = 0.04  #: seconds between two frames after which the gap can be heard
WARM = 1.0  #: seconds after the last call is up that are not counted
SLOTS = 10  #: groups of calls within 20 ms
CONNECT = 0.002  #: seconds from one connection to the next
FRAME = HEADER + bytes(range(256)) + bytes(FRAME_BYTES - 256)


@dataclass
class Gaps:
    """Of all calls, while `counting`."""

    frames: int = 0
    late: int = 0
    longest: float = 0.0
    counting: bool = False

    def between(self, last: float, now: float, frames: int) -> None:
        """So many frames came now, after one that came at `last`."""
        if self.counting:
            self.frames += frames
            if now - last > LATE:
                self.late += 1
                self.longest = max(self.longest, now - last)

    async def count(self, seconds: float) -> None:
        """Call it when all calls are up."""
        await asyncio.sleep(WARM)
        self.counting = True
        await asyncio.sleep(seconds)
        self.counting = False


def call_id(n: int) -> UUID:
    return UUID(int=n + 1)


class Far:
    """One call's socket; bare, so that this end costs less than the one measured."""

    def __init__(self, n: int, where: tuple[str, int]) -> None:
        self.end = socket.create_connection(where)
        self.end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.end.sendall(bytes((IDENTITY, 0, 16)) + call_id(n).bytes)
        self._rest = 0
        self._last = time.perf_counter()

    def receive(self, gaps: Gaps) -> bool:
        """False: the other side has ended it."""
        came = len(self.end.recv(65536))
        frames, self._rest = divmod(self._rest + came, len(FRAME))
        if frames:
            now = time.perf_counter()
            gaps.between(self._last, now, frames)
            self._last = now
        return came > 0


class Generator:
    """All calls of one process, and their 20 ms."""

    def __init__(self, gaps: Gaps) -> None:
        self._gaps = gaps
        self._calls: dict[int, Far] = {}
        self._slots: list[list[Far]] = [[] for _ in range(SLOTS)]
        self._poll = select.epoll()
        self._began, self._turn = time.perf_counter(), 0

    def add(self, far: Far) -> None:
        self._calls[far.end.fileno()] = far
        self._slots[len(self._calls) % SLOTS].append(far)
        self._poll.register(far.end, select.EPOLLIN)

    def run(self, seconds: float) -> bool:
        """Send and receive meanwhile. False: all calls are over."""
        until = time.perf_counter() + seconds
        while self._calls and time.perf_counter() < until:
            self._turn += 1
            self._receive(self._began + self._turn * 0.02 / SLOTS)
            for far in self._slots[self._turn % SLOTS]:
                with contextlib.suppress(OSError):  # it is over: read so soon
                    far.end.send(FRAME)
        return bool(self._calls)

    def _receive(self, until: float) -> None:
        waiting = True
        while waiting:
            left = until - time.perf_counter()
            waiting = left > 0
            for number, _ in self._poll.poll(max(0.0, left)):
                try:
                    there = self._calls[number].receive(self._gaps)
                except ConnectionError:
                    there = False
                if not there:
                    self._drop(number)

    def _drop(self, number: int) -> None:
        self._poll.unregister(number)
        self._calls.pop(number).end.close()


def run(where: tuple[str, int], calls: int, seconds: float) -> Gaps:
    """Until the other side has ended every call."""
    gaps = Gaps()
    generator = Generator(gaps)
    for n in range(calls):
        generator.add(Far(n, where))
        generator.run(CONNECT)
    generator.run(WARM)
    gaps.counting = True
    generator.run(seconds)
    gaps.counting = False
    while generator.run(WARM):
        pass
    return gaps


def main() -> None:
    host, port, calls, seconds = sys.argv[1:]
    gaps = run((host, int(port)), int(calls), float(seconds))
    print(json.dumps([gaps.frames, gaps.late, gaps.longest]))


if __name__ == "__main__":
    main()
