"""AudioSocket: the sound of answered calls, 20 ms at a time both ways.

A frame is one byte of kind, two of length (big-endian) and so many of payload. Asterisk
connects to us, says first which call it is (a UUID), and then sends the callee's sound,
8 kHz 16-bit little-endian. It does not pace what we send: each frame goes out as it
comes, and cannot be taken back. So one ticker gives every call exactly 20 ms every
20 ms of an absolute clock, silence when there is nothing to say (two seconds without a
frame and Asterisk ends the call). (docs.asterisk.org: AudioSocket.)
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from dialer.channels.asterisk.media import Media, Sound
from dialer.channels.line import BadFrame
from speech.port import FRAME_BYTES

HANGUP, IDENTITY, DTMF, SOUND, ERROR = 0x00, 0x01, 0x03, 0x10, 0xFF
HEADER = bytes((SOUND, *FRAME_BYTES.to_bytes(2, "big")))
SILENCE = HEADER + bytes(FRAME_BYTES)
WHOLE = len(SILENCE)
LONGEST = 4096  #: bytes of a payload; 20 ms at 48 kHz have 1,920


class Frame(NamedTuple):
    kind: int
    payload: bytes


class Frames:
    """Bytes as they arrive to whole frames; no I/O."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def between(self) -> bool:
        """Whether no frame has begun."""
        return not self._rest

    def feed(self, data: bytes) -> list[Frame]:
        """BadFrame: a length that no sound has."""
        held = self._rest + data if self._rest else data
        found, at, end = list[Frame](), 0, len(held)
        while end - at >= 3:
            length = held[at + 1] << 8 | held[at + 2]
            if length > LONGEST:
                raise BadFrame(f"a frame of {length} bytes")
            if end - at < 3 + length:
                break
            found.append(Frame(held[at], held[at + 3 : at + 3 + length]))
            at += 3 + length
        self._rest = held[at:]
        return found


class Connection(Sound):
    def __init__(self, media: Media) -> None:
        super().__init__(media)
        self._frames = Frames()

    def _feed(self, data: bytes) -> None:
        if len(data) == WHOLE and data.startswith(HEADER) and self._plain():
            self._hear(data[3:])
            return
        for kind, payload in self._frames.feed(data):
            self._take(kind, payload)

    def _plain(self) -> bool:
        """Whether what comes now begins a frame."""
        return self.call is not None and not self.over and self._frames.between

    def _take(self, kind: int, payload: bytes) -> None:
        if self.over:
            return
        if self.call is None:
            if kind != IDENTITY or len(payload) != 16:
                raise BadFrame("no identity at first")
            self._named(UUID(bytes=payload))
        elif kind == SOUND:
            self._hear(payload)
        elif kind == DTMF:
            self._press(payload.decode("ascii", "replace"))
        elif kind == IDENTITY:
            raise BadFrame("a second identity")
        elif kind in (HANGUP, ERROR):
            self.end()

    def _play(self) -> None:
        there = self._playout.bytes
        self._transport.write(
            self._playout.take(FRAME_BYTES, HEADER) if there else SILENCE
        )


class AudioSocket(Media):
    """See `Media`. Any free port will do: each call is told where to connect."""

    kind = "audiosocket"

    def _connection(self) -> Connection:
        return Connection(self)

    @property
    def where(self) -> str:
        host, port = self.address
        return f"{host}:{port}"
