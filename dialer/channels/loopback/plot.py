"""Which turn of a callee comes next. Counts what was played; knows no sound."""

from __future__ import annotations

import re
from dataclasses import replace

from dialer.channels.loopback.callee import Turn

_NOISE = re.compile(r"[\W_]+")


def plain(text: str) -> str:
    """For comparing: one case, punctuation and runs of space as one space."""
    return _NOISE.sub(" ", text.casefold()).strip()


class Plot:
    """The turns left. A turn is due until `played` says that it was."""

    def __init__(self, turns: tuple[Turn, ...], then: str) -> None:
        self._left = [(turn, turn.times) for turn in turns]
        self._phrases = {
            turn: tuple(plain(phrase) for phrase in turn.hears) for turn in turns
        }
        self._then = then
        self._last: Turn | None = None

    def due(self, text: str) -> Turn | None:
        """The turn for having heard `text`: the first whose phrase is in it, else
        the next of those in order, else what `then` says. None: nothing, ever."""
        words = plain(text)
        for turn, times in self._left:
            if times and any(p in words for p in self._phrases[turn] if p):
                return turn
        for turn, times in self._left:
            if times and not turn.hears:
                return turn
        if self._then == "hang_up":
            return Turn(hang_up=True)
        if self._then == "repeat" and self._last is not None:
            return replace(self._last, interrupt_after=None)
        return None

    def played(self, turn: Turn) -> None:
        for n, (each, times) in enumerate(self._left):
            if each is turn:
                self._left[n] = (each, times - 1)
        if turn.speech is not None or turn.press:
            self._last = turn
