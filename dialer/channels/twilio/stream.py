"""One call's sound over a media stream: what comes, what goes, when it is over; no I/O.

Twilio plays what it is sent at its own pace and takes back on `clear` what it has not
played. Up to a second is handed over ahead, so a pause of ours is not heard; after each
portion goes a mark, and only marks that came back make room for more. It plays silence
by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Protocol

from dialer.channels.ahead import Ahead, Playout
from dialer.channels.line import KEYS, MUTE, BadFrame, Inbox, whole
from dialer.channels.port import Audio, Digit, Heard, Machine
from dialer.channels.twilio import wire
from dialer.clock import Clock
from speech.port import FRAME_BYTES, RATE

log = logging.getLogger(__name__)

AHEAD = 50 * FRAME_BYTES  #: bytes handed over and not played (1 s)
PORTION = 10 * FRAME_BYTES  #: bytes of a message of ours, and between two marks
STUCK = 250  #: ticks (5 s) without a mark: nothing is played any more
NAMELESS = 250  #: ticks (5 s) within which a stream must say which call it is
LATER = ("media", "dtmf", "mark", "stop")  #: what comes after `start`


class Claims(Protocol):
    """Whose streams they are."""

    def claim(self, stream: Stream, call_sid: str, token: str) -> bool:
        """Whether this call waits for its stream, and this is its token; once."""
        ...


class Stream:
    """It becomes a line once it has named a call that waits for it."""

    def __init__(self, claims: Claims, account: str, clock: Clock) -> None:
        self._claims = claims
        self._account = account
        self._inbox = Inbox()
        self._rest = b""
        self._playout = Playout()
        self._handed = Ahead(clock)
        self._out = list[str]()
        self._news = asyncio.Event()
        self._sid = ""
        self._connected = False
        self._last = 0  # sequence number
        self._age = 0  # in ticks
        self._mute = MUTE  # ticks since sound came
        self._still = 0  # ticks since a mark came
        self.over = False
        self.why = ""  #: that it was refused; empty: it was not

    @property
    def named(self) -> bool:
        return bool(self._sid)

    # --- what comes

    def told(self, text: str | bytes) -> None:
        """A message. What is not agreed ends this stream."""
        if self.over:
            return
        try:
            self._take(wire.read(text))
        except BadFrame as error:
            self.refuse(error.what)

    def _take(self, said: wire.Message) -> None:
        if said.event == "connected":
            if self._connected:
                raise BadFrame("a second `connected`")
            self._connected = True
            return
        if said.event == "start":
            self._start(said)
            return
        if said.event in LATER:
            self._later(said)
        elif not self.named:
            raise BadFrame("no `start` at first")

    def _start(self, said: wire.Message) -> None:
        start = said.start
        if self.named or not self._connected:
            raise BadFrame("`start` at the wrong time")
        if start is None or not said.stream_sid:
            raise BadFrame("`start` that says nothing")
        form = start.media_format
        if (form.encoding, form.sample_rate, form.channels) != wire.FORMAT:
            raise BadFrame("sound that is not 8 kHz mu-law")
        token = start.custom_parameters.get("token", "")
        mine = start.account_sid == self._account
        if not (mine and self._claims.claim(self, start.call_sid, token)):
            raise BadFrame("a call that nobody waits for")
        self._last, self._sid = said.number, said.stream_sid

    def _later(self, said: wire.Message) -> None:
        if not self.named:
            raise BadFrame("no `start` at first")
        if said.stream_sid != self._sid:
            raise BadFrame("a message of another stream")
        number = said.number
        if number <= self._last:
            raise BadFrame("a message out of its order")
        self._last = number
        if said.event == "stop":
            self.end()
        elif said.media is not None:
            if said.media.track == "inbound":
                self._hear(wire.sound(said.media.payload))
        elif said.dtmf is not None:
            if len(said.dtmf.digit) == 1 and said.dtmf.digit in KEYS:
                self._inbox.put(Digit(said.dtmf.digit))
        elif said.mark is not None:
            if self._handed.played(said.mark.name):
                self._still = 0
        else:
            raise BadFrame(f"`{said.event}` that says nothing")

    def _hear(self, pcm: bytes) -> None:
        """Whole frames of 20 ms, whatever the pieces they come in."""
        self._mute = 0
        held = self._rest + pcm if self._rest else pcm
        end = len(held) // FRAME_BYTES * FRAME_BYTES
        for start in range(0, end, FRAME_BYTES):
            self._inbox.put(Audio(held[start : start + FRAME_BYTES]))
        self._rest = held[end:]

    def machine(self, found: Machine) -> None:
        """The network has found one."""
        self._inbox.put(found)

    def tick(self) -> None:
        """20 ms have passed."""
        self._age += 1
        if self.over:
            return
        if not self.named:
            if self._age > NAMELESS:
                self.refuse("no identity in 5 s")
            return
        self._mute += 1
        if self._mute > MUTE:
            self._inbox.put(Audio(bytes(FRAME_BYTES)))
        self._still = self._still + 1 if self._handed else 0
        if self._still > STUCK:
            self.refuse("no sound was played for 5 s")
        else:
            self._play()

    # --- what goes

    def _play(self) -> None:
        while size := self._due():
            self._send(wire.media(self._sid, self._playout.take(size)))
            self._send(wire.mark(self._sid, self._handed.add(size)))

    def _due(self) -> int:
        """Bytes to hand over now. A piece of a frame waits, while it can, for what it
        may be a piece of."""
        there = self._playout.bytes
        if not there:
            return 0
        room = AHEAD - self._handed.bytes
        if room < FRAME_BYTES:
            return 0
        if frames := min(there, room, PORTION) // FRAME_BYTES:
            return frames * FRAME_BYTES
        return FRAME_BYTES if self._handed.left() <= 2 * FRAME_BYTES else 0

    def _send(self, message: str) -> None:
        self._out.append(message)
        self._news.set()

    async def outgoing(self) -> AsyncIterator[list[str]]:
        """What is to be sent, as it comes; ends with the stream. One reader only."""
        while not self.over:
            while self._out and not self.over:
                messages, self._out = self._out, []
                yield messages
            self._news.clear()
            if not self.over:
                await self._news.wait()

    def refuse(self, why: str) -> None:
        log.warning("stream: closed", extra={"why": why})
        self.why = why
        self.end()

    def end(self) -> None:
        """Nothing comes or goes any more; who hears is told."""
        self.over = True
        self._playout.clear()
        self._handed.drop()
        self._inbox.end()
        self._news.set()

    # --- the call's side: see `port.Line`

    def hear(self) -> AsyncIterator[Heard]:
        return self._inbox.hear()

    def say(self, pcm: bytes) -> None:
        pcm = whole(pcm)
        if not self.over:
            self._playout.add(pcm)
            if self.named and self._playout.bytes >= FRAME_BYTES:
                self._play()  # and not at the next tick: a turn is 20 ms sooner

    def clear(self) -> None:
        self._playout.clear()
        if self._handed.drop() and not self.over:
            self._send(wire.clear(self._sid))

    def queued(self) -> float:
        return (self._playout.bytes + self._handed.left()) / (2 * RATE)
