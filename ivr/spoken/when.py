"""When someone means, from the parts of what they said. Shared by the languages.

Defaults, where a time is named loosely (a call-back is read back and may be
corrected): a day alone 10:00; early morning 7:00, morning 9:00, 上午/forenoon 10:00,
noon 12:00, lunch break 12:30, afternoon 15:00, dusk/after work 18:30, evening 19:00;
"before five" half an hour earlier; "after five" five. A bare hour is the next one that
falls between 8:00 and 21:00. What has passed today is tomorrow's, unless today was
named: then there is no answer.
"""

from __future__ import annotations

import datetime as dt
import re
from calendar import monthrange
from dataclasses import dataclass

WAKING = range(8, 21)
DAY_ALONE = dt.time(10)
EARLIER = dt.timedelta(minutes=30)  # "before five"
SOON = dt.timedelta(hours=1)  # "this afternoon", said at four

# part of the day -> (the time it means when named alone, the hour it ends)
PARTS: dict[str, tuple[dt.time, int]] = {
    "night": (dt.time(1), 5),
    "early": (dt.time(7), 9),
    "morning": (dt.time(9), 12),
    "forenoon": (dt.time(10), 12),
    "noon": (dt.time(12), 14),
    "lunch": (dt.time(12, 30), 14),
    "afternoon": (dt.time(15), 18),
    "dusk": (dt.time(18, 30), 20),
    "evening": (dt.time(19), 21),
}
LATE = {"afternoon", "dusk", "evening"}  # three in the afternoon is 15


@dataclass(frozen=True, slots=True)
class Day:
    """A named day. `loose`: a guess ("next week"), good enough for a call-back only."""

    on: dt.date
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Hour:
    """A named time of day: an hour and minute, or only a part of the day."""

    hour: int | None = None
    minute: int = 0
    part: str = ""
    before: bool = False


def resolve(
    now: dt.datetime,
    day: Day | None,
    hour: Hour | None,
    after: dt.timedelta | None = None,
) -> dt.datetime | None:
    """The instant meant, in the zone of `now` and later than it; None: not named."""
    if after is not None:
        then = now.astimezone(dt.UTC) + after  # an hour is an hour when clocks change
        whole = then.replace(second=0, microsecond=0)
        whole += dt.timedelta(minutes=whole < then)
        return whole.astimezone(now.tzinfo)
    if hour is None:
        if day is None or day.on <= now.date():
            return None
        return _at(now, day.on, DAY_ALONE)
    if hour.hour is None:
        return _part(now, day, hour.part)
    return _clock(now, day, hour)


def _part(now: dt.datetime, day: Day | None, part: str) -> dt.datetime | None:
    usual, ends = PARTS[part]
    on = day.on if day else now.date()
    then = _at(now, on, usual)
    if then > now:
        return then
    if on == now.date():
        soon = _half_hour(now + SOON)
        if soon.date() == on and soon.hour < ends:
            return soon
    if day:
        return None
    return _at(now, on + dt.timedelta(1), usual)


def _half_hour(then: dt.datetime) -> dt.datetime:
    past = dt.timedelta(
        minutes=then.minute % 30, seconds=then.second, microseconds=then.microsecond
    )
    return then - past + (dt.timedelta(minutes=30) if past else dt.timedelta())


def _clock(now: dt.datetime, day: Day | None, hour: Hour) -> dt.datetime | None:
    early = EARLIER if hour.before else dt.timedelta()
    if day and day.on != now.date():
        then = _at(now, day.on, _named(hour)) + _midnight(hour) - early
        return then if then > now else None
    days = [now.date()] if day else [now.date(), now.date() + dt.timedelta(1)]
    for on in days:
        hours = _candidates(hour) if on == now.date() else [_named(hour)]
        times = [_at(now, on, t) + _midnight(hour) - early for t in hours]
        if coming := [t for t in times if t > now]:
            return min(coming)
    return None


def _midnight(hour: Hour) -> dt.timedelta:
    """Twelve at night belongs to the day that follows."""
    return dt.timedelta(hour.hour == 12 and hour.part in {"evening", "night"})


def _named(hour: Hour) -> dt.time:
    """The hour on another day than today: seven without a part is in the evening."""
    h = hour.hour or 0
    if hour.hour == 12 and hour.part in {"evening", "night"}:
        h = 0
    elif h < 12 and _after_noon(h, hour.part):
        h += 12
    return dt.time(h % 24, hour.minute)


def _after_noon(hour: int, part: str) -> bool:
    if not part:
        return 1 <= hour < WAKING.start
    return part in LATE or (part in {"noon", "lunch"} and hour < 6)


def _candidates(hour: Hour) -> list[dt.time]:
    h = hour.hour or 0
    if hour.part or h > 12 or h == 0:
        return [_named(hour)]
    both = [dt.time(x % 24, hour.minute) for x in (h, h + 12)]
    return [t for t in both if t.hour in WAKING] or [_named(hour)]


def _at(now: dt.datetime, on: dt.date, time: dt.time) -> dt.datetime:
    return dt.datetime.combine(on, time, now.tzinfo)


# --- days


def taken(match: re.Match[str]) -> str:
    """Blanks for a day already read, so that its parts are not read again."""
    return "\0" * len(match[0])


def weekday(today: dt.date, number: int, weeks: int | None) -> dt.date | None:
    """Monday is 0. `weeks`: 0 this week, 1 next week; None: the next to come."""
    if weeks is None:
        return today + dt.timedelta((number - today.weekday()) % 7 or 7)
    on = today + dt.timedelta(number - today.weekday() + 7 * weeks)
    return on if on >= today else None


def month_day(today: dt.date, number: int, months: int | None) -> dt.date | None:
    """The n-th of a month, 0 this one, 1 the next; None: the next to come."""
    if months is None:
        for ahead in range(12):
            on = _on(*_month(today, ahead), number)
            if on and on >= today:
                return on
        return None
    on = _on(*_month(today, months), number)
    return on if on and on >= today else None


def year_day(today: dt.date, month: int, number: int, year: int = 0) -> dt.date | None:
    """A date by month and day, the next to come unless a year was named."""
    if year:
        on = _on(year, month, number)
        return on if on and on >= today else None
    years = (today.year + n for n in range(5))  # 29 February
    found = (_on(y, month, number) for y in years)
    return next((on for on in found if on and on >= today), None)


def month_end(today: dt.date, months: int = 0) -> dt.date:
    """The last day of this month (0) or a later one."""
    year, month = _month(today, months)
    return dt.date(year, month, monthrange(year, month)[1])


def later(today: dt.date, *, days: int = 0, months: int = 0) -> dt.date:
    """Days or months ahead; the 31st becomes the last of a shorter month."""
    year, month = _month(today, months)
    last = monthrange(year, month)[1]
    return dt.date(year, month, min(today.day, last)) + dt.timedelta(days)


def _month(today: dt.date, ahead: int) -> tuple[int, int]:
    years, month = divmod(today.month - 1 + ahead, 12)
    return today.year + years, month + 1


def _on(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
