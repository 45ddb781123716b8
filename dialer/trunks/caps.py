"""How many calls a trunk takes: at once, and in the worst second. Pure."""

from __future__ import annotations

import math
from collections import deque

#: What is one second here is one second on the wire, though the switch takes a few
#: milliseconds more for one call than for another.
SECOND = 1.05


class Window:
    """At most so many starts in every sliding second: the next waits until the one that
    was so many earlier is a second old. 0.5 a second is one in two seconds."""

    def __init__(self, per_second: float) -> None:
        most = max(1, math.floor(per_second))
        self._length = SECOND * max(1.0, most / per_second)
        self._starts = deque[float](maxlen=most)

    def wait(self, now: float) -> float:
        """Seconds until one may start."""
        if len(self._starts) < (self._starts.maxlen or 1):
            return 0.0
        return max(0.0, self._starts[0] + self._length - now)

    def start(self, now: float) -> None:
        self._starts.append(now)


class Cap:
    """Room is taken first, so that a call is judged when it can go out at once; storing
    that takes its time, so the moment of sending has a window of its own. Times are
    seconds of one clock."""

    def __init__(self, channels: int, calls_per_second: float) -> None:
        self.channels = channels
        self.used = 0
        self._taken = Window(calls_per_second)
        self.sent = Window(calls_per_second)

    def wait(self, now: float) -> float:
        """Seconds until there is room; 0: now; infinity: when a call has ended."""
        return math.inf if self.used >= self.channels else self._taken.wait(now)

    def take(self, now: float) -> None:
        """`wait` said 0."""
        self._taken.start(now)
        self.used += 1

    def give(self) -> None:
        """The call is over, or was not placed."""
        self.used -= 1
