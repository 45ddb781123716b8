"""What a plan adds up to: callable now, blocked by each reason, when the rest may be.

Pure: the store streams what the gate said of each contact, here it is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from dialer.store.port import Planned


@dataclass(slots=True)
class Summary:
    """Counts of one plan; `later` is by the instant (to the minute) it opens."""

    contacts: int = 0
    now: int = 0
    waiting: int = 0  # time alone will allow them
    blocked: int = 0  # time alone will not
    reasons: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)  # rule -> one example
    later: Counter[datetime] = field(default_factory=Counter)

    def add(self, planned: Iterable[Planned]) -> None:
        """Count a chunk."""
        for one in planned:
            self.contacts += 1
            if one.verdict.allowed:
                self.now += 1
                continue
            for reason in one.verdict.reasons:
                self.reasons[reason.rule] += 1
                self.details.setdefault(reason.rule, reason.detail)
            if one.verdict.next_allowed is None:
                self.blocked += 1
            else:
                self.waiting += 1
                self.later[one.verdict.next_allowed.replace(second=0)] += 1

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "contacts": self.contacts,
            "callable_now": self.now,
            "callable_later": self.waiting,
            "blocked": self.blocked,
            "reasons": dict(self.reasons.most_common()),
            "opens": {at.isoformat(): n for at, n in sorted(self.later.items())},
        }
