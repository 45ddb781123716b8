"""What the last hour was like on one trunk: answers, lengths, delays, causes. Pure."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

HOUR = 3600.0
MINUTE = 60.0


@dataclass
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


class Figures:
    def __init__(self) -> None:
        self._calls = deque[Seen]()

    def begin(self, now: float) -> Seen:
        seen = Seen(now)
        self._calls.append(seen)
        while self._calls[0].began < now - HOUR:
            self._calls.popleft()
        return seen

    def of(self, now: float) -> dict[str, object]:
        """Over the last hour; ratios and times are None while there is nothing to
        tell. Seconds; calls a second over the last minute."""
        calls = [seen for seen in self._calls if seen.began >= now - HOUR]
        answered = [seen for seen in calls if seen.answered is not None]
        lengths = [s.ended - s.answered for s in answered if s.ended and s.answered]
        delays = [seen.delay for seen in calls if seen.delay is not None]
        last_minute = sum(seen.began >= now - MINUTE for seen in calls)
        causes = Counter(seen.cause for seen in calls if seen.cause)
        return {
            "calls": len(calls),
            "calls_per_second": round(last_minute / MINUTE, 2),
            "answer_seizure_ratio": mean([float(s in answered) for s in calls]),
            "average_length": mean(lengths),
            "post_dial_delay": mean(delays),
            "causes": dict(causes.most_common()),
            "last_causes": [s.cause for s in [*calls][-5:] if s.cause],
        }


def mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None
