"""What the lines of all drivers share: what was heard, and the 20 ms they move by."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from dialer.channels.alive import Alive
from dialer.channels.port import About, Heard
from dialer.clock import Clock
from speech.port import FRAME_SECONDS

UNREAD = 1500  #: items waiting for a reader (30 s); then the oldest are dropped
SLOTS = 5  #: bursts of 4 ms that the 20 ms are divided into
LATE = 1e-4  #: seconds not worth sleeping for
KEYS = frozenset("0123456789*#")
MUTE = 5  #: ticks without sound after which silence stands for it; less is jitter


class BadFrame(Exception):
    """What came is not what was agreed; `what` says how it showed."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Inbox:
    """What came and was not heard yet. One reader; see `port.Line.hear`."""

    def __init__(self) -> None:
        self._items: deque[Heard] = deque(maxlen=UNREAD)
        self._over = False
        self._news: asyncio.Future[None] | None = None

    def put(self, heard: Heard) -> None:
        self._items.append(heard)
        self._tell()

    def end(self) -> None:
        """Nothing comes any more."""
        self._over = True
        self._tell()

    async def hear(self) -> AsyncIterator[Heard]:
        while True:
            while self._items:
                yield self._items.popleft()
            if self._over:
                return
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


def whole(pcm: bytes) -> bytes:
    """The same. ValueError: not whole samples, which is our bug."""
    if len(pcm) % 2:
        raise ValueError("pcm: expected whole 16-bit samples")
    return pcm


class Ticking(Protocol):
    def tick(self) -> None:
        """20 ms pass."""
        ...


T = TypeVar("T", bound=Ticking)


class Ticker(Alive, Generic[T]):
    """Moves all that is in it on every 20 ms of the clock; what was late is made up
    for, so that sound keeps the clock's pace. Not all at once: hundreds of calls in one
    burst would keep each other, and an Asterisk beside us, waiting. Use within
    `async with`."""

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self._name = name
        self._slots: list[dict[T, None]] = [{} for _ in range(SLOTS)]
        self._busy = asyncio.Event()

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._run(), name=self._name)
            yield
            task.cancel()

    def add(self, one: T) -> None:
        min(self._slots, key=len)[one] = None
        self._busy.set()

    def remove(self, one: T) -> None:
        for slot in self._slots:
            slot.pop(one, None)

    def all(self) -> tuple[T, ...]:
        return tuple(one for slot in self._slots for one in slot)

    async def _run(self) -> None:
        while True:
            await self._busy.wait()
            start, turns = self._clock.elapsed(), 0
            while any(self._slots):
                turns += 1
                slot = self._slots[turns % SLOTS]
                if not slot:
                    continue
                ahead = start + turns * FRAME_SECONDS / SLOTS - self._clock.elapsed()
                await self._clock.sleep(ahead if ahead > LATE else 0)
                for one in tuple(slot):
                    one.tick()
            self._busy.clear()


class Leg(Protocol):
    """The sound of a call, as long as the switch sends it to us. See `port.Line`."""

    @property
    def over(self) -> bool: ...

    def hear(self) -> AsyncIterator[Heard]: ...

    def say(self, pcm: bytes) -> None: ...

    def clear(self) -> None: ...

    def queued(self) -> float: ...


L = TypeVar("L", bound=Leg)


class Transferable(Generic[L]):
    """A `channels.port.Line` whose sound may go to people, and come back by another
    leg. hand_over: True: people took it. False: it stayed, or is gone. Or that leg."""

    def __init__(
        self, leg: L, hand_over: Callable[[str, About], Awaitable[L | bool]]
    ) -> None:
        self._leg = leg
        self._hand_over = hand_over
        self._away: asyncio.Event | None = None  # with people, perhaps to come back

    async def hear(self) -> AsyncIterator[Heard]:
        while True:
            leg = self._leg
            async for heard in leg.hear():
                yield heard
            if self._away is not None:
                await self._away.wait()
            if leg is self._leg:
                return

    def say(self, pcm: bytes) -> None:
        self._leg.say(pcm)

    def clear(self) -> None:
        self._leg.clear()

    def queued(self) -> float:
        return self._leg.queued()

    async def transfer(self, to: str, about: About) -> bool:
        if self._leg.over:
            return False
        self._away = asyncio.Event()
        try:
            found = await self._hand_over(to, about)
            if not isinstance(found, bool):
                self._leg = found
            return found is True
        finally:
            self._away.set()
            self._away = None
