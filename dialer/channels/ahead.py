"""Sound on its way out: what is still to be said, and what a far side that plays at its
own pace has been handed and did not play yet."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from dialer.clock import Clock
from speech.port import FRAME_BYTES, RATE


class Playout:
    """What is still to be said, given out in pieces of any size."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._at = 0  # in the first piece
        self.bytes = 0

    def add(self, pcm: bytes) -> None:
        if pcm:
            self._pieces.append(pcm)
            self.bytes += len(pcm)

    def clear(self) -> None:
        self._pieces.clear()
        self._at = self.bytes = 0

    def take(self, size: int, before: bytes = b"") -> bytes:
        """The next `size` bytes after those `before`; silence fills up what is
        missing."""
        taken = [before]
        while size and self._pieces:
            piece = self._pieces[0][self._at : self._at + size]
            taken.append(piece)
            size -= len(piece)
            self._at += len(piece)
            self.bytes -= len(piece)
            if self._at == len(self._pieces[0]):
                self._pieces.popleft()
                self._at = 0
        taken.append(bytes(size))
        return b"".join(taken)


class Portion(NamedTuple):
    mark: str
    bytes: int


class Ahead:
    """Portions handed over, each with a mark that comes back when it was played.
    Between marks the clock tells how much is left."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._portions: deque[Portion] = deque()
        self._marks = 0
        self.bytes = 0  #: of portions whose mark did not come
        self._left = 0.0  # bytes handed over and not played, at ...
        self._since = 0.0

    def __bool__(self) -> bool:
        return bool(self._portions)

    def add(self, size: int) -> str:
        """So many bytes are handed over. -> their mark"""
        self._count(self.left() + size)
        self._marks += 1
        self._portions.append(Portion(str(self._marks), size))
        self.bytes += size
        return str(self._marks)

    def played(self, mark: str) -> bool:
        """All up to this mark, and one frame more: they move together. False: it was
        taken back while the mark was under way."""
        if not any(portion.mark == mark for portion in self._portions):
            return False
        while (portion := self._portions.popleft()).mark != mark:
            self.bytes -= portion.bytes
        self.bytes -= portion.bytes
        self._count(max(0, self.bytes - FRAME_BYTES))
        return True

    def drop(self) -> bool:
        """It is taken back. False: there was nothing."""
        there = bool(self._portions)
        self._portions.clear()
        self.bytes = 0
        return there

    def left(self) -> float:
        """Bytes not played, by the clock; a frame at least until the last mark."""
        if not self._portions:
            return 0.0
        passed = self._clock.elapsed() - self._since
        return max(self._left - 2 * RATE * passed, FRAME_BYTES)

    def _count(self, left: float) -> None:
        """So much is left now, and it gets less by itself."""
        self._left, self._since = left, self._clock.elapsed()
