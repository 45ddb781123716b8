"""One rule's hours in one zone: open now, why not, open next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.compliance.calendars import KINDS, PLAIN, WEEKDAYS, Calendars
from dialer.compliance.localtime import Span, spans
from dialer.compliance.rules import Hours
from dialer.model import Consent

DAY = timedelta(days=1)
KEPT = 1000  # days of one zone worked out and kept


@dataclass(frozen=True, slots=True)
class Place:
    """Whose holidays: see `Calendars.labels`."""

    country: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class _Day:
    plain: tuple[Span, ...]
    lifted: tuple[Span, ...]  # while a consent lifts what it may lift
    text: str  # which day it is and what its hours are


class OpenHours:
    """`rule`, where the clock is `zone`'s and the holidays are `place`'s."""

    def __init__(
        self, rule: Hours, zone: str, place: Place, calendars: Calendars
    ) -> None:
        self.rule = rule
        self.zone = zone
        self.place = place
        self._info = ZoneInfo(zone)
        self._calendars = calendars
        self._days: dict[date, _Day] = {}

    def open(self, now: datetime, consents: Sequence[Consent]) -> bool:
        day = self._day(now.astimezone(self._info).date())
        for start, end in day.plain:
            if start <= now < end:
                return True
        if not any(start <= now < end for start, end in day.lifted):
            return False
        return any(c.start <= now < c.end for c in self._usable(consents))

    def open_until(self, now: datetime, consents: Sequence[Consent]) -> datetime:
        """Until when it surely stays open; `now` when it is not open."""
        day = self._day(now.astimezone(self._info).date())
        ends = [end for start, end in day.plain if start <= now < end]
        lifted = [end for start, end in day.lifted if start <= now < end]
        ends += [
            min(consent.end, *lifted)
            for consent in self._usable(consents)
            if lifted and consent.start <= now < consent.end
        ]
        return max(ends, default=now)

    def next_open(
        self, at: datetime, until: datetime, consents: Sequence[Consent]
    ) -> datetime | None:
        """The first open instant from `at` on, or None before `until`."""
        first = self._next(at, until, lifted=False)
        for consent in self._usable(consents):
            limit = min(until, consent.end, first or until)
            opened = self._next(max(at, consent.start), limit, lifted=True)
            first = opened or first
        return first

    def why(self, now: datetime) -> str:
        """The local time against the hours of that local day, in words."""
        local = now.astimezone(self._info)
        parts = "microseconds" if local.microsecond else "seconds"
        clock = local.replace(tzinfo=None).isoformat(" ", parts)
        return f"{clock} in {self.zone}, {self._day(local.date()).text}"

    def _usable(self, consents: Sequence[Consent]) -> Iterator[Consent]:
        return (c for c in consents if c.scope in self.rule.consent)

    def _next(self, at: datetime, until: datetime, *, lifted: bool) -> datetime | None:
        if at >= until:
            return None
        day = at.astimezone(self._info).date()
        last: date | None = None
        while last is None or day <= last:
            known = self._day(day)
            for start, end in known.lifted if lifted else known.plain:
                if end > at:
                    opens = max(at, start)
                    return opens if opens < until else None
            last = last or until.astimezone(self._info).date()
            day += DAY
        return None

    def _day(self, day: date) -> _Day:
        found = self._days.get(day)
        if found is None:
            if len(self._days) >= KEPT:
                self._days.clear()
            found = self._days[day] = self._work_out(day)
        return found

    def _work_out(self, day: date) -> _Day:
        labels = self._labels(day)
        if labels is None:
            what = f"holidays of {self.place.country} in {day.year} are not known"
            return _Day((), (), what)
        hours = self._hours_of(labels, lifted=False)
        named = " ".join((WEEKDAYS[day.weekday()], *sorted(labels & set(KINDS))))
        text = " ".join(f"{_clock(s)}-{_clock(e)}" for s, e in hours) or "no hours"
        opened = self._hours_of(labels, lifted=True) if self.rule.lifts else []
        return _Day(
            self._spans(day, hours), self._spans(day, opened), f"{named}: {text}"
        )

    def _labels(self, day: date) -> frozenset[str] | None:
        if not self.place.country:
            return PLAIN[day.weekday()]
        return self._calendars.labels(self.place.country, self.place.region, day)

    def _hours_of(
        self, labels: frozenset[str], *, lifted: bool
    ) -> list[tuple[int, int]]:
        if lifted and self.rule.lifts == "all":
            return [(0, 24 * 60)]
        if labels & self.rule.closed and not lifted:
            return []
        return sorted((w.start, w.end) for w in self.rule.windows if labels & w.days)

    def _spans(self, day: date, hours: list[tuple[int, int]]) -> tuple[Span, ...]:
        found = (s for start, end in hours for s in spans(self.zone, day, start, end))
        return tuple(sorted(found))


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
