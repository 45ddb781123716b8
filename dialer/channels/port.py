"""What the engine asks of the telephone network, and nothing more."""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol


class Cause(StrEnum):
    """Why a call was not answered, in the network's words made plain."""

    BUSY = "busy"  # Q.850 17, SIP 486
    NO_ANSWER = "no_answer"  # Q.850 19, SIP 480, or our own ring time
    DECLINED = "declined"  # Q.850 21, SIP 603
    UNALLOCATED = "unallocated"  # Q.850 1, SIP 404/604
    CONGESTION = "congestion"  # Q.850 34/42, SIP 503
    FAILED = "failed"  # anything else of the network
    NOT_DIALED = "not_dialed"  # the trunk refused before sending: not an attempt


async def anyhow(trunk: str) -> None:
    """Nothing speaks against it."""


@dataclass(frozen=True, slots=True)
class Order:
    """One call to place. `number` is E.164 and personal: never log it."""

    attempt_id: str  # a UUID: the correlation id at the switch
    number: str
    ring_seconds: float = 30.0
    caller_id: str = ""
    trunk: str = ""
    people_seconds: float = 60.0  # that people may take to answer a hand-over
    #: Awaited with a trunk's name right before a try goes out by it: it may wait.
    #: ChannelDown: it must not go out.
    before: Callable[[str], Awaitable[None]] = field(default=anyhow, compare=False)
    #: Called when the far end rings; a call may be answered without.
    ringing: Callable[[], None] = field(default=lambda: None, compare=False)


@dataclass(frozen=True, slots=True)
class Audio:
    """20 ms of 8 kHz signed 16-bit little-endian mono: 320 bytes."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Digit:
    """A key the callee pressed: 0-9 * #."""

    key: str


@dataclass(frozen=True, slots=True)
class Machine:
    """The network found out that a recording has answered: it plays, or it is over."""

    over: bool


Heard = Audio | Digit | Machine


@dataclass(frozen=True, slots=True)
class About:
    """What people who take a call over are told, and by which attempt it is. Nothing
    personal: that they look up."""

    reason: str  # why they were asked for, as scripts name it
    stage: int
    language: str


class Line(Protocol):
    """An answered call; sound flows both ways every 20 ms until it ends."""

    def hear(self) -> AsyncIterator[Heard]:
        """What the callee sends, as it comes, silence included; ends when they
        hang up. One reader only."""
        ...

    def say(self, pcm: bytes) -> None:
        """Queue sound (any whole number of samples). The driver sends 20 ms at a
        time and feeds silence when the queue is empty. Never blocks."""
        ...

    def clear(self) -> None:
        """Drop what is queued: heard to stop within one frame (barge-in)."""
        ...

    def queued(self) -> float:
        """Seconds of sound still to be played."""
        ...

    async def transfer(self, to: str, about: About) -> bool:
        """Hand the callee to a queue or number; True once somebody took it."""
        ...


class Channel(Protocol):
    """A way to reach the telephone network.

    `place` raises NotAnswered, or yields a line and hangs up when the block is
    left, however it is left. It never places one order twice.
    """

    @property
    def trunk(self) -> str:
        """By which the last order went out, for the record; empty: there are none."""
        ...

    def place(self, order: Order) -> AbstractAsyncContextManager[Line]: ...


class Switch(Channel, Protocol):
    """A channel that outlives its engine, and knows what calls are up."""

    async def left(self, orders: Sequence[Order]) -> Mapping[str, bool]:
        """As `Carrier.left`, by attempt; `orders` are all tries that may have come
        here. ChannelDown: it cannot be told now."""
        ...


class Carrier(Protocol):
    """All ways out together: whoever has a seat may place one call at once.

    `seat` waits for room on a way that takes the number (E.164) under the caller ID
    (empty: any we own). It raises NoSeat, and gives the room back when the block is
    left.
    """

    def seat(
        self, number: str, caller_id: str
    ) -> AbstractAsyncContextManager[Channel]: ...

    async def left(self, attempts: Collection[str]) -> Mapping[str, bool]:
        """Of attempts whose engine died: whether people have the callee now. False: no
        call of it is up any more; one that was has been ended. Not in it: nobody can
        tell yet."""
        ...


class Doing(StrEnum):
    """What somebody who takes calls is doing, as their switch sees it."""

    IDLE = "idle"
    RINGING = "ringing"  # their phone
    TALKING = "talking"
    WRAPPING = "wrapping"  # after a call: the switch sends them none yet
    AWAY = "away"  # paused, or their phone cannot be reached


@dataclass(frozen=True, slots=True)
class Agent:
    """One who takes calls of a queue. `name`: as the queue knows them."""

    name: str
    doing: Doing


@dataclass(frozen=True, slots=True)
class Queue:
    """Who is signed in to a queue, and how many callers wait in it who are not ours."""

    agents: tuple[Agent, ...]
    others: int = 0


class Agents(Protocol):
    """People who take calls over, as a switch knows them."""

    async def queue(self, name: str) -> Queue:
        """As it stands. ChannelDown: it cannot be told now."""
        ...


class NoSeat(Exception):
    """No way out now: nothing was dialed. `after`: when to ask again."""

    def __init__(self, why: str, after: timedelta) -> None:
        super().__init__(why)
        self.why = why
        self.after = after


class NotAnswered(Exception):
    """The call reached no one. `early` is what was heard before it failed."""

    def __init__(self, cause: Cause, early: bytes = b"") -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.early = early


class ChannelDown(Exception):
    """The switch cannot be reached now; nothing was dialed."""


class Unsure(Exception):
    """The switch was lost while a call was placed: it may have rung, and how it ended
    cannot be learned. Never to be placed again."""
