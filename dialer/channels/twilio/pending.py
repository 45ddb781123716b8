"""What is known of one call under way, from whatever told it: REST, webhooks in any
order and any number, the stream."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from dialer.channels.port import About, Machine, Order
from dialer.channels.twilio.stream import Stream
from dialer.clock import Clock

RANKS = {
    **{"queued": 0, "initiated": 1, "ringing": 2, "in-progress": 3, "answered": 3},
    **dict.fromkeys(("completed", "busy", "failed", "no-answer", "canceled"), 4),
}
ANSWERED, FINAL = 3, 4
BURST, PER_SECOND = 40.0, 5.0  #: webhooks of one call; Twilio sends about six
RETOLD = 64  #: sequence numbers that are kept

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """A word on how far a call is. number: of the webhook; None: we asked."""

    sid: str
    status: str
    sip: str = ""
    number: int | None = None

    @property
    def rang(self) -> bool:
        """Whether the phone may have rung before this last word. Twilio's numbers begin
        with 0 for `initiated`; the last word comes next if nothing was between them."""
        return self.number is None or self.number > 1


class Ended(NamedTuple):
    status: str
    sip: str


class Bucket:
    """At most so many at once, and so many a second in the long run."""

    def __init__(self, clock: Clock, burst: float, per_second: float) -> None:
        self._clock = clock
        self._burst = self._left = burst
        self._per_second = per_second
        self._at = clock.elapsed()

    def take(self) -> bool:
        now = self._clock.elapsed()
        self._left += (now - self._at) * self._per_second
        self._left = min(self._left, self._burst)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Pending:
    """A call from the moment that it is ordered."""

    def __init__(self, call: str, order: Order, clock: Clock) -> None:
        self.call = call
        self.order = order
        self.bucket = Bucket(clock, BURST, PER_SECOND)
        loop = asyncio.get_running_loop()
        self.sid: asyncio.Future[str] = loop.create_future()  # or why there is none
        self.up: asyncio.Future[None] = loop.create_future()  # somebody answered
        self.ended: asyncio.Future[Ended | None] = loop.create_future()
        self.taken: asyncio.Future[None] = loop.create_future()  # by people
        self.coming: asyncio.Future[Stream] = loop.create_future()
        self.asked = False  # Twilio was, or is about to be
        self.token = ""
        self.about: About | None = None  # what who takes it over is to hear
        self.turn = 0  # times that it was sent to people
        self.before: tuple[str, asyncio.Future[Stream]] | None = None
        self._rank = -1
        self._rang = False
        self._told = set[int]()
        self._machine: Machine | None = None
        self._streams = list[Stream]()

    @property
    def known(self) -> str:
        """Its sid; empty: not known (yet)."""
        there = self.sid.done() and not self.sid.cancelled()
        return self.sid.result() if there and not self.sid.exception() else ""

    @property
    def settled(self) -> bool:
        """It is no longer ours to end."""
        return self.ended.done() or self.taken.done()

    # --- how far it is

    def heard(self, word: Progress) -> bool:
        """Take a word. False: it is of another call, or was taken before. Later ones
        than have come by now win, whatever their order."""
        if not self.adopt(word.sid):
            return False
        if word.number is not None:
            if word.number in self._told or len(self._told) >= RETOLD:
                return False
            self._told.add(word.number)
        rank = RANKS.get(word.status, -1)
        if rank <= self._rank:
            return True
        self._rank = rank
        if rank == ANSWERED or word.status == "completed":
            self.answered()
        elif word.status == "ringing" or (rank == FINAL and word.rang):
            self._ring()
        if rank == FINAL:
            put(self.ended, Ended(word.status, word.sip))
        return True

    def adopt(self, sid: str) -> bool:
        """Whether this is its sid, or may be since none is known yet."""
        if not self.sid.done():
            self.sid.set_result(sid)
        return self.known == sid

    def answered(self) -> None:
        self._ring()
        put(self.up, None)

    def _ring(self) -> None:
        if not self._rang:
            self._rang = True
            self.order.ringing()

    def machine(self, found: Machine) -> None:
        self._machine = found
        if self._streams:
            self._streams[-1].machine(found)

    # --- its streams

    def again(self) -> str:
        """A stream may come (once more), with this token, once."""
        if self.token:
            self.before = self.token, self.coming
            self.turn += 1
        self.token = secrets.token_urlsafe(24)
        self.coming = asyncio.get_running_loop().create_future()
        return self.token

    def stayed(self) -> None:
        """It did not go elsewhere: as before `again`."""
        if self.before:
            self.token, self.coming = self.before
            self.before = None

    def claim(self, stream: Stream, sid: str) -> bool:
        if self.coming.done() or self.settled or not self.adopt(sid):
            return False
        self._streams.append(stream)
        self.answered()
        if self._machine and len(self._streams) == 1:
            stream.machine(self._machine)
        self.coming.set_result(stream)
        return True

    def close(self) -> None:
        """Its streams end, and none may come."""
        for stream in self._streams:
            stream.end()
        self.coming.cancel()


def put(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)
