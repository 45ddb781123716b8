"""Were rules broken? Counted from the calls alone, with none of the gate's code.

The numbers are those of the rules that a simulated list meets: China's hours and caps,
the 72 hours after an abandoned call, 15 seconds of ringing, an agent or the message
within two seconds. The clock of `Asia/Shanghai` is UTC+8 all year.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.model import Disposition
from dialer.simulate.people import Answer
from dialer.simulate.roll import Call

DAY = 24 * 3600.0
OPEN, CLOSED = 8, 22  # local hours
TALKS, ATTEMPTS = 3, 6  # a day
AFTER_ABANDONED = 72 * 3600.0
RING = 15.0
WITHIN = 2.0
SLACK = 1e-6


def violations(
    calls: Sequence[Call], start: datetime, zone: str, setup: float
) -> Counter[str]:
    """By rule. `setup`: seconds from dialing to the first ring."""
    found: Counter[str] = Counter()
    info = ZoneInfo(zone)
    by_person: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        by_person[call.person].append(call)
        local = (start + timedelta(seconds=call.dialed)).astimezone(info)
        found["hours"] += not OPEN <= local.hour < CLOSED
        rang = call.ended_ringing - call.dialed - setup
        found["ring"] += call.answer is Answer.NO_ANSWER and rang < RING - SLACK
        found["wait"] += call.waited is not None and call.waited > WITHIN + SLACK
    for own in by_person.values():
        if len(own) > 1:
            found += _of_person(sorted(own, key=lambda call: call.dialed))
    return +found


def _of_person(calls: Sequence[Call]) -> Counter[str]:
    found: Counter[str] = Counter()
    for i, call in enumerate(calls):
        before = [(c, call.dialed - c.dialed) for c in calls[:i]]
        day = [c for c, ago in before if ago < DAY]
        lost = [c for c, ago in before if ago < AFTER_ABANDONED and _abandoned(c)]
        found["talks"] += sum(_talked(c) for c in day) >= TALKS
        found["attempts"] += sum(not _talked(c) for c in day) >= ATTEMPTS
        found["after_abandoned"] += bool(lost)
    return found


def _abandoned(call: Call) -> bool:
    return call.disposition is Disposition.ABANDONED


def _talked(call: Call) -> bool:
    return call.waited is not None and not _abandoned(call)
