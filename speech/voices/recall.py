"""What a stretch of sound says, for a simulated callee who knows our voice by heart.

Nothing but sound goes in: clips are learned frame by frame as a telephone line leaves
them, and found again in what such a line delivered. Lost frames and cut-off sentences
do not matter; noise on the way to the callee would (there is none in `loopback`).
"""

from __future__ import annotations

from collections.abc import Iterator

from speech.audio import frames, level_db, telephone

LOUD_DB = -45.0  #: frames below say nothing of their clip
ONE_IN = 4  #: frames remembered of a clip, chosen by their content


class Recall:
    """Frames of known clips -> their text."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def learn(self, pcm: bytes, text: str) -> None:
        """Remember a clip. It begins at a frame of the line, as clips do."""
        for mark in _marks(telephone(pcm)):
            self._known.setdefault(mark, text)

    def text(self, pcm: bytes) -> str:
        """The texts of all clips heard in `pcm`, in order; '' where none is known."""
        found = (self._known.get(mark) for mark in _marks(telephone(pcm)))
        return " ".join(dict.fromkeys(text for text in found if text))


def _marks(pcm: bytes) -> Iterator[int]:
    for frame in frames(pcm):
        mark = hash(frame)
        if mark % ONE_IN == 0 and level_db(frame) > LOUD_DB:
            yield mark
