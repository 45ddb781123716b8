"""The carrier: rings callees, lets the answered ones talk, 20 ms at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from dialer.channels.alive import Alive
from dialer.channels.line import Ticker
from dialer.channels.loopback.actor import Understands, actor
from dialer.channels.loopback.callee import Callee, Speech
from dialer.channels.loopback.line import Leg, LoopbackLine, People, Takers, Wire
from dialer.channels.loopback.record import CarrierRecord
from dialer.channels.port import (
    Cause,
    Channel,
    ChannelDown,
    Line,
    NotAnswered,
    Order,
)
from dialer.clock import Clock
from speech.audio import telephone
from speech.port import RATE

RINGS = 2.0  #: seconds until somebody reacts, unless the callee says otherwise


class Spoken(Protocol):
    @property
    def pcm(self) -> bytes: ...


class Studio(Protocol):
    """Where callees' speech is made: `speech.prompts.Prompts`."""

    async def prepare(
        self,
        language: str,
        texts: Iterable[str],
        progress: Callable[[int, int], None] | None = None,
        *,
        voice: str = "",
    ) -> None: ...

    def get(self, language: str, text: str, *, voice: str = "") -> Spoken | None: ...


class PlacedTwice(Exception):
    """An order came a second time: a bug of the engine. Nothing rang."""

    def __init__(self, attempt_id: str) -> None:
        super().__init__(f"attempt {attempt_id} was placed before")
        self.attempt_id = attempt_id


class LoopbackChannel(Alive):
    """A `channels.port.Channel`, and the whole `Carrier`. Use within `async with`: one
    ticker serves all lines.

    callees: by E.164 number; a number that is not there is unallocated.
    understands: pcm of what a callee heard -> its words (`Recall.text`); without it
    turns with `hears` never match. record: file of calls placed, kept for ever.
    """

    def __init__(
        self,
        callees: Mapping[str, Callee],
        clock: Clock,
        *,
        people: Takers | None = None,
        understands: Understands | None = None,
        record: Path | None = None,
    ) -> None:
        self._callees = dict(callees)
        self._clock = clock
        self._people = people or People()
        self._understands = understands or (lambda pcm: "")
        self._record = CarrierRecord(record) if record else None
        self._placed = self._record.attempts() if self._record else set[str]()
        self._sounds: dict[tuple[str, str, str], bytes] = {}
        self._ticker = Ticker[Leg](clock, "loopback-ticker")
        self._is_open = False
        self.trunk = ""

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        try:
            async with self._ticker:
                self._is_open = True
                yield
        finally:
            self._is_open = False
            for leg in self._ticker.all():
                leg.end()

    def lines(self) -> int:
        """Lines open now."""
        return len(self._ticker.all())

    async def prepare(
        self, studio: Studio, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Have all that callees say rendered in their voices. Raises SpeechError."""
        texts: dict[tuple[str, str], list[str]] = {}
        for callee in self._callees.values():
            speaker = (callee.language, callee.voice)
            texts.setdefault(speaker, []).extend(callee.texts())
        wanted = {who: list(dict.fromkeys(said)) for who, said in texts.items()}
        total = sum(map(len, wanted.values()))
        before = 0
        for (language, voice), said in wanted.items():
            count = _counted(progress, before, total)
            await studio.prepare(language, said, count, voice=voice)
            before += len(said)
            for text in said:
                clip = studio.get(language, text, voice=voice)
                self._sounds[language, voice, text] = clip.pcm if clip else b""

    @asynccontextmanager
    async def seat(self, number: str, caller_id: str) -> AsyncIterator[Channel]:
        """There is always room."""
        yield self

    async def left(self, attempts: Collection[str]) -> Mapping[str, bool]:
        """The network in memory ends with its engine."""
        return dict.fromkeys(attempts, False)

    @asynccontextmanager
    async def place(self, order: Order) -> AsyncIterator[Line]:
        """Raises NotAnswered; ChannelDown where callees were not prepared or the
        channel is not open; PlacedTwice. Leaving the block hangs up."""
        callee = self._callees.get(order.number)
        if not self._is_open:
            raise ChannelDown("the loopback carrier is not open")
        if callee is not None:
            self._must_be_prepared(callee)
            if callee.answer == Cause.NOT_DIALED:
                raise NotAnswered(Cause.NOT_DIALED)
        await self._note(order)
        if callee is None:
            raise NotAnswered(Cause.UNALLOCATED)
        await self._ring(callee, order)
        wire = Wire()
        leg = self._leg(wire, callee)
        self._ticker.add(leg)
        try:
            yield LoopbackLine(wire)
        finally:
            leg.end()
            self._ticker.remove(leg)

    def _must_be_prepared(self, callee: Callee) -> None:
        for text in callee.texts():
            if not self._sounds.get((callee.language, callee.voice, text)):
                raise ChannelDown("callees cannot speak yet: await prepare() first")

    async def _note(self, order: Order) -> None:
        """Refuse a second time; put the first on record before it rings. The record
        also holds what was refused here: it is a witness, not a friend."""
        twice = order.attempt_id in self._placed
        self._placed.add(order.attempt_id)
        if self._record is not None:
            now = self._clock.now()
            await self._record.write(order.attempt_id, order.number, now)
        if twice:
            raise PlacedTwice(order.attempt_id)

    async def _ring(self, callee: Callee, order: Order) -> None:
        """Return when they pick up; raise NotAnswered when nobody does."""
        early = self._sound(callee, callee.early) if callee.early else b""
        rings = RINGS if callee.ring_seconds is None else callee.ring_seconds
        if callee.answer == Cause.NO_ANSWER and callee.ring_seconds is None:
            rings = order.ring_seconds
        ends = rings + len(early) / (2 * RATE)
        if callee.answer in ("answers", Cause.NO_ANSWER):
            order.ringing()
        await self._clock.sleep(min(ends, order.ring_seconds))
        played = max(0, round((order.ring_seconds - rings) * RATE)) * 2
        if callee.answer != "answers":
            raise NotAnswered(Cause(callee.answer), telephone(early[:played]))
        if ends >= order.ring_seconds:
            raise NotAnswered(Cause.NO_ANSWER)

    def _leg(self, wire: Wire, callee: Callee) -> Leg:
        def sound(speech: Speech) -> bytes:
            return self._sound(callee, speech)

        person = actor(callee, sound, self._understands)
        return Leg(wire, person, callee, self._people)

    def _sound(self, callee: Callee, speech: Speech) -> bytes:
        if speech.pcm:
            return speech.pcm
        return self._sounds[callee.language, callee.voice, speech.text]


def _counted(
    progress: Callable[[int, int], None] | None, before: int, total: int
) -> Callable[[int, int], None] | None:
    """Count one voice's texts within those of all."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)
