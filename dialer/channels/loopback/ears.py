"""How a simulated callee hears: loudness, and a pause of 0.7 s is the end of a turn."""

from __future__ import annotations

from speech.audio import level_db

LOUD_DB = -42.0
ONSET = 3  #: loud frames in a row that begin a turn: a click does not
ENOUGH_QUIET = 35  #: quiet frames that end it: 0.7 s
MEMORY = 1500  #: frames remembered of one turn: 30 s


class Ears:
    """Fed one 20 ms frame a time. Counts are in frames."""

    def __init__(self) -> None:
        self.talking = False  # the other side has begun and not paused long enough
        self.quiet = ENOUGH_QUIET  # frames since something loud
        self.length = 0  # since the turn began
        self._loud = 0
        self._heard: list[bytes] = []

    def hear(self, frame: bytes) -> bool:
        """True once, at the end of what the other side had to say."""
        loud = any(frame) and level_db(frame) > LOUD_DB
        self._loud = self._loud + 1 if loud else 0
        self.quiet = 0 if loud else self.quiet + 1
        self.length += self.talking
        if loud or self.talking:
            self._heard.append(frame)
            del self._heard[:-MEMORY]
        if not self.talking and self._loud >= ONSET:
            self.talking, self.length = True, ONSET
        elif self.talking and self.quiet >= ENOUGH_QUIET:
            self.talking = False
            return True
        return False

    def heard(self) -> bytes:
        """All that was said since `forget`, pauses included."""
        return b"".join(self._heard)

    def forget(self) -> None:
        """What comes next is a new turn."""
        self.talking, self.length = False, 0
        self._loud = 0
        self._heard.clear()
