"""The two ends of an answered call, with a wire between them that carries only sound,
keys, the wish to be transferred, and the end."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from dialer.channels.line import Inbox, whole
from dialer.channels.loopback.actor import SILENCE, Actor
from dialer.channels.loopback.callee import Callee
from dialer.channels.port import About, Audio, Digit, Heard
from speech.audio import telephone, to_float, to_pcm
from speech.port import FRAME_BYTES, RATE

SPEECH_DB = -20.0  #: the level callees speak at, which their noise is measured from


@dataclass(eq=False, slots=True)
class Wire:
    """What lies between engine and carrier. It knows neither."""

    up: Inbox = field(default_factory=Inbox)
    down: bytearray = field(default_factory=bytearray)
    wish: asyncio.Future[bool] | None = None
    to: str = ""
    about: About | None = None
    over: bool = False

    def end(self) -> None:
        """Nothing passes any more; both ends notice."""
        if self.over:
            return
        self.over = True
        self.down.clear()
        self.up.end()
        if self.wish is not None and not self.wish.done():
            self.wish.set_result(False)


class LoopbackLine:
    """A `channels.port.Line`: the engine's end of the wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def hear(self) -> AsyncIterator[Heard]:
        return self._wire.up.hear()

    def say(self, pcm: bytes) -> None:
        pcm = whole(pcm)
        if not self._wire.over:
            self._wire.down += pcm

    def clear(self) -> None:
        self._wire.down.clear()

    def queued(self) -> float:
        return len(self._wire.down) / (2 * RATE)

    async def transfer(self, to: str, about: About) -> bool:
        wire = self._wire
        if wire.over or not to:
            return False
        wire.to, wire.about = to, about
        if wire.wish is None or wire.wish.done():
            wire.wish = asyncio.get_running_loop().create_future()
        return await asyncio.shield(wire.wish)


class Takers(Protocol):
    """Those a callee can be handed to."""

    def asked(self, caller: object, to: str, waited: float) -> bool | None:
        """Asked every 20 ms: does somebody take the caller, who has waited so many
        seconds? None: not yet, False: nobody will."""
        ...

    def took(self, about: About) -> None:
        """They have the callee, and were told this."""
        ...


@dataclass(frozen=True, slots=True)
class People:
    """Whether they pick up, after how many seconds; always the same."""

    answer: bool = True
    after: float = 2.0
    told: list[About] = field(default_factory=list)  #: of those who were taken over

    def asked(self, caller: object, to: str, waited: float) -> bool | None:
        return self.answer if waited >= self.after else None

    def took(self, about: About) -> None:
        self.told.append(about)


class Leg:
    """The carrier's end: once every 20 ms, both ways, through G.711 mu-law."""

    def __init__(
        self, wire: Wire, actor: Actor, callee: Callee, people: Takers
    ) -> None:
        self._wire = wire
        self._actor = actor
        self._loss = callee.packet_loss
        self._rng = np.random.default_rng(zlib.crc32(callee.number.encode()))
        self._noise = _noise(callee.noise_snr_db, self._rng)
        self._at = 0
        self._people = people
        self._waited = 0

    def end(self) -> None:
        self._wire.end()

    def tick(self) -> None:
        """20 ms pass."""
        wire = self._wire
        if wire.over:
            return
        sent = bytes(wire.down[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
        del wire.down[:FRAME_BYTES]
        act = self._actor.step(self._carried(sent))
        if act.hung_up:
            wire.end()
            return
        if act.key:
            wire.up.put(Digit(act.key))
        wire.up.put(Audio(self._carried(self._noisy(act.frame))))
        self._hand_over()

    def _carried(self, frame: bytes) -> bytes:
        if self._loss and self._rng.random() < self._loss:
            return SILENCE
        return telephone(frame) if any(frame) else SILENCE

    def _noisy(self, frame: bytes) -> bytes:
        if not len(self._noise):
            return frame
        bed = self._noise[self._at % len(self._noise)]
        self._at += 1
        return to_pcm(to_float(frame) + bed)

    def _hand_over(self) -> None:
        """Let the people asked for ring, then take the callee or not."""
        wish = self._wire.wish
        if wish is None or wish.done():
            self._waited = 0
            return
        self._waited += 1
        taken = self._people.asked(self, self._wire.to, self._waited / 50)
        if taken is None:
            return
        wish.set_result(taken)
        if taken:
            assert self._wire.about is not None
            self._people.took(self._wire.about)
            self._wire.end()


def _noise(snr_db: float | None, rng: np.random.Generator) -> np.ndarray:
    """Eight seconds of white noise, a row a frame; empty: none."""
    if snr_db is None:
        return np.zeros((0, FRAME_BYTES // 2), np.float32)
    level = 10.0 ** ((SPEECH_DB - snr_db) / 20.0)
    bed = rng.standard_normal((400, FRAME_BYTES // 2), np.float32)
    return bed * np.float32(level)
