"""How many numbers may be called in each hour of the next three days.

As things stand now: nobody is called meanwhile, nobody opts out. Who was called often
is out until enough of that lies back (the gate's own next instant); from there on only
the hours and consents of the place decide, and those are the same for thousands.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from dialer.model import Case, Consent, Judge, Verdict

HOURS = 72
QUARTER = timedelta(minutes=15)  # windows open on quarters of an hour, in all zones
PARTS = 4
SPAN = timedelta(hours=HOURS)
DAY = timedelta(days=1)


class Forecast:
    def __init__(self, judge: Judge, now: datetime) -> None:
        self._judge = judge
        self._now = now
        self._start = now.replace(minute=0, second=0, microsecond=0)
        self._places = dict[tuple[object, ...], Case]()
        self._open = dict[Case, tuple[bool, ...]]()
        self._from = Counter[tuple[Case, int]]()

    def add(self, case: Case, verdict: Verdict, not_before: datetime | None) -> None:
        """One number, by what the gate said now; not before its attempt is due."""
        free = self._now if verdict.allowed else verdict.next_allowed
        if free is None:
            return
        first = max(free, not_before or free)
        if first < self._start + SPAN:
            part = max(0, -((self._start - first) // QUARTER))
            if first <= self._now:
                part = (self._now - self._start) // QUARTER
            self._from[self._place(case), part] += 1

    def hours(self) -> list[tuple[datetime, int]]:
        """(start of the hour, numbers that may be called at some time in it)"""
        found = [0] * HOURS
        for (place, part), count in self._from.items():
            for hour in self._hours(place, part):
                found[hour] += count
        return [(self._start + timedelta(hours=h), n) for h, n in enumerate(found)]

    def _hours(self, place: Case, part: int) -> list[int]:
        opened = self._opened(place)
        hours = range(part // PARTS, HOURS)
        return [h for h in hours if any(opened[max(part, PARTS * h) : PARTS * (h + 1)])]

    def _opened(self, place: Case) -> tuple[bool, ...]:
        if place not in self._open:
            parts = (self._start + n * QUARTER for n in range(PARTS * HOURS))
            self._open[place] = tuple(
                self._judge(place, max(at, self._now)).allowed for at in parts
            )
        return self._open[place]

    def _place(self, case: Case) -> Case:
        """The case without who it is, what was before, and what no hour changes: its
        papers are in order, or it would not be counted. Many are the same then."""
        consents = tuple(dict.fromkeys(filter(None, map(self._lasts, case.consents))))
        told = () if case.flags_until else case.flags  # they have ended by then
        key = (case.zones, case.locations, case.packs, consents, told, case.purpose)
        if key not in self._places:
            nobody = replace(case, number="-", person="-", account="-", history=())
            self._places[key] = replace(
                nobody, consents=consents, flags=told, flags_until=None, dated=None
            )
        return self._places[key]

    def _lasts(self, consent: Consent) -> Consent | None:
        """Whether it began last year or yesterday is all the same."""
        if consent.end <= self._now or consent.start >= self._start + SPAN:
            return None
        start = max(consent.start, self._start - DAY)
        return Consent(consent.scope, start, min(consent.end, self._start + SPAN + DAY))
