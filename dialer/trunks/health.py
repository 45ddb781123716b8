"""Whether a trunk works, as far as calls and OPTIONS tell. Pure.

Network failures in a row take it out; after a cool-down one call tries it, and the next
cool-down is twice as long if that fails too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LONGEST = 16  #: a cool-down grows to so many times the first


class State(StrEnum):
    UP = "up"
    TRYING = "trying"  # cooled down: one call finds out
    OFF = "off"  # too many failures in a row
    UNREACHABLE = "unreachable"  # the carrier does not answer OPTIONS, or the switch us


@dataclass
class Health:
    """Times are seconds of one clock; `failures` and `cool_down` as the trunk has."""

    failures: int
    cool_down: float
    reachable: bool = True
    in_a_row: int = 0
    off_until: float | None = None
    _times: int = 1
    _trying: bool = False

    def state(self, now: float) -> State:
        if not self.reachable:
            return State.UNREACHABLE
        if self.off_until is None:
            return State.UP
        return State.OFF if now < self.off_until or self._trying else State.TRYING

    def usable(self, now: float) -> bool:
        return self.state(now) in (State.UP, State.TRYING)

    def begin(self, now: float) -> None:
        """A call goes out: while a trunk is tried, it is the only one."""
        self._trying = self.state(now) is State.TRYING

    def worked(self) -> None:
        """The network did its part, whatever the callee did."""
        self.in_a_row, self._times = 0, 1
        self.off_until, self._trying = None, False

    def failed(self, now: float) -> None:
        self.in_a_row += 1
        if self._trying:
            self._times = min(2 * self._times, LONGEST)
        if self._trying or self.in_a_row >= self.failures:
            self.off_until = now + self.cool_down * self._times
        self._trying = False

    def given_up(self) -> None:
        """A call is over; if it was to try the trunk and did not tell, another may."""
        self._trying = False
