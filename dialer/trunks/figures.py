"""What the last hour was like on one trunk: answers, lengths, delays, causes. Pure.

Calls that are over are kept as sums a minute, so that to ask costs the same however
many they were.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

HOUR = 3600.0
MINUTE = 60.0
LAST = 5  #: causes that are shown one by one


@dataclass(eq=False)
class Seen:
    """One call on a trunk; times are seconds of one clock."""

    began: float
    rang: float | None = None
    answered: float | None = None
    ended: float | None = None
    cause: str = ""

    @property
    def delay(self) -> float | None:
        """Post-dial delay: until it rang, or was answered without."""
        first = self.answered if self.rang is None else self.rang
        return None if first is None else first - self.began


@dataclass
class Sum:
    """Of some calls: how many, and lists' sums with their counts."""

    calls: int = 0
    answered: int = 0
    length: tuple[float, int] = (0.0, 0)
    delay: tuple[float, int] = (0.0, 0)
    causes: Counter[str] = field(default_factory=Counter)

    def take(self, seen: Seen) -> None:
        self.calls += 1
        if seen.cause:
            self.causes[seen.cause] += 1
        if seen.delay is not None:
            self.delay = self.delay[0] + seen.delay, self.delay[1] + 1
        if seen.answered is not None:
            self.answered += 1
            if seen.ended is not None:
                length = seen.ended - seen.answered
                self.length = self.length[0] + length, self.length[1] + 1

    def add(self, other: Sum) -> None:
        self.calls += other.calls
        self.answered += other.answered
        self.length = both(self.length, other.length)
        self.delay = both(self.delay, other.delay)
        self.causes += other.causes


def both(one: tuple[float, int], other: tuple[float, int]) -> tuple[float, int]:
    return one[0] + other[0], one[1] + other[1]


class Figures:
    def __init__(self) -> None:
        self._open = set[Seen]()
        self._minutes = dict[int, Sum]()  # by the minute in which calls began
        self._starts = deque[float]()  # of the last minute
        self._last = deque[str](maxlen=LAST)

    def begin(self, now: float) -> Seen:
        seen = Seen(now)
        self._open.add(seen)
        self._starts.append(now)
        self._forget(now)
        return seen

    def end(self, seen: Seen) -> None:
        """It is over; asked twice, once."""
        if seen not in self._open:
            return
        self._open.discard(seen)
        self._minutes.setdefault(int(seen.began // MINUTE), Sum()).take(seen)
        if seen.cause:
            self._last.append(seen.cause)

    def of(self, now: float) -> dict[str, object]:
        """Over the last hour, to the minute; ratios and times are None while there is
        nothing to tell. Seconds; calls a second over the last minute."""
        self._forget(now)
        total = Sum()
        for minute in self._minutes.values():
            total.add(minute)
        for seen in self._open:
            if seen.began >= now - HOUR:
                total.take(seen)
        return {
            "calls": total.calls,
            "calls_per_second": round(len(self._starts) / MINUTE, 2),
            "answer_seizure_ratio": mean(total.answered, total.calls),
            "average_length": mean(*total.length),
            "post_dial_delay": mean(*total.delay),
            "causes": dict(total.causes.most_common()),
            "last_causes": list(self._last),
        }

    def _forget(self, now: float) -> None:
        while self._starts and self._starts[0] < now - MINUTE:
            self._starts.popleft()
        first = int((now - HOUR) // MINUTE)
        for minute in [one for one in self._minutes if one < first]:
            del self._minutes[minute]


def mean(total: float, count: int) -> float | None:
    return round(total / count, 3) if count else None
