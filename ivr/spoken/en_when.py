"""Dates and times out of English as a recogniser writes it: the fifth, 10:30 a.m.

Every text here went through `en_numbers.figures`: "half past 10", "the 21st".
"""

from __future__ import annotations

import datetime as dt
import re

from ivr.spoken.en import MONTHS, WEEKDAYS
from ivr.spoken.when import (
    Day,
    Hour,
    later,
    month_day,
    month_end,
    taken,
    weekday,
    year_day,
)

MONTH = {m.lower(): n for n, m in enumerate(MONTHS, 1)} | {
    m[:3].lower(): n for n, m in enumerate(MONTHS, 1) if m != "May"
}
MONTH["sept"] = 9
WEEKDAY = {d.lower(): n for n, d in enumerate(WEEKDAYS)} | {
    "mon": 0,
    "tues": 1,
    "tue": 1,
    "wed": 2,
    "thurs": 3,
    "thur": 3,
    "thu": 3,
    "fri": 4,
    "wensday": 2,
    "wednesdays": 2,
}
M = rf"(?P<month>{'|'.join(sorted(MONTH, key=len, reverse=True))})\.?"
W = rf"(?P<week>{'|'.join(sorted(WEEKDAY, key=len, reverse=True))})"
PARTS = {
    "morning": "morning",
    "noon": "noon",
    "noontime": "noon",
    "midday": "noon",
    "lunch": "lunch",
    "lunchtime": "lunch",
    "lunch time": "lunch",
    "lunch break": "lunch",
    "afternoon": "afternoon",
    "evening": "evening",
    "tonight": "evening",
    "night": "evening",
    "after work": "dusk",
    "early morning": "early",
}
P = rf"(?P<part>{'|'.join(sorted(PARTS, key=len, reverse=True))})"
UNFIT = (
    r",?(?: is| does| do| will| would| i am| i'm| i| it| at all| really)*"
    r" (?:not|n't|no good|bad|busy|doesn't|don't|won't|isn't|can't|cannot|wont|dont)\b"
)
N = r"(\d+|a|an|one|a couple of|a couple|a few)"
COUNTS = {"a": 1, "an": 1, "one": 1, "a couple of": 2, "a couple": 2, "a few": 3}
DAYS = [
    re.compile(p)
    for p in (
        rf"\b(?P<past>last (?:week|month|year|{'|'.join(WEEKDAY)})|yesterday)\b",
        rf"\b{M} (?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)"
        r"(?:,? (?P<year>20\d\d|20 \d\d))?",
        rf"\b(?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of |day of )?{M}(?=\W|$)",
        r"\b(?P<of>next|this|the following|coming) month,? (?:on )?(?:the )?"
        r"(?P<nth>\d{1,2})(?:st|nd|rd|th)\b",
        r"\b(?:the )?(?P<nth>\d{1,2})(?:st|nd|rd|th) of "
        r"(?P<of>next|this|the following|the coming|the|each|every) month\b",
        r"\b(?:the |at |by )*end of (?:the |this )?(?P<end>next |following )?month\b"
        r"|\bmonth ?end\b|\blast day of the (?P<end2>next )?month\b",
        r"\b(?P<yearend>end of (?:the |this )?year)\b",
        rf"\b{N} (?P<unit>days?|weeks?|months?) (?:from (?:now|today)|later|after)\b",
        r"\b(?P<near>day after tomorrow|tomorrow|today|tonight|this morning|"
        r"this afternoon|this evening|tomorow|tomorrows)\b",
        rf"(?<!every )(?<!last )\b(?:(?P<ahead>next|this|this coming|coming) )?{W}\b"
        r"(?P<weekafter> (?:of )?next week)?",
        r"\bnext week (?:on )?(?P<nextweek>" + W[8:],
        rf"\b(?:in|within|after) {N} (?P<unit>business days?|days?|weeks?|months?)\b"
        r"(?!')",
        r"(?<![\d$.,])\b(?P<number>\d{1,2})(?:st|nd|rd|th)\b(?! (?:1\b|one|option|plan"
        r"|choice|offer|time|floor|month"
        r"|of (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)))",
        r"(?<![\d/])(?P<m>1[0-2]|0?[1-9])/(?P<d>\d{1,2})(?![\d/])",
        r"\b(?P<loose>next week|next month|the weekend|this weekend|next weekend|"
        r"beginning of (?:the )?(?:next )?month|start of (?:the )?(?:next )?month|"
        r"in a few days|(?:a )?couple of days|middle of (?:the|next) month)\b",
    )
]
CLOCK = re.compile(
    r"(?P<say>half past|half|quarter past|quarter to|quarter of|quarter after|"
    r"\d{1,2} (?:past|to)) (?P<h3>\d{1,2})\b"
    r"|\b(?P<h>\d{1,2})[:.](?P<m>\d{2})(?!\d)(?P<ap1> ?[ap]\.? ?m\b)?"
    r"|\b(?P<h1>\d{1,2})(?: (?P<m1>0 \d|[1-5]\d))?(?P<ap> ?[ap]\.? ?m\b)"
    r"|\b(?P<h2>\d{1,2}) ?o'?.?clock"
    r"|\b(?:at|around|about|after|before|by|till|until|past|say) (?:about |around )?"
    r"(?P<h4>1[0-2]|[1-9])(?: (?P<m4>0 \d|[1-5]\d))?\b"
    r"(?!(?: (?:0 \d|[1-5]\d))? ?[ap]\.? ?m\b)(?!(?:st|nd|rd|th|[:/\d,%]| ?percent"
    r"| dollars| bucks| a month| months| weeks| days| hours| minutes| o'| per))"
    r"|^(?:maybe |say |ok |okay )?(?P<h5>1[0-2]|[1-9])(?: (?P<m5>[1-5]\d))?"
    r"(?= (?:in the |tomorrow|today|tonight|on )|$)"
)
PART = re.compile(rf"(?<!good )\b{P}s?\b(?!{UNFIT})")
AFTER = re.compile(
    r"\b(?:in|after|within) (?:about |around |like |another )?"
    r"(?:(?P<halfhour>half an hour|half hour|a half hour)|"
    r"(?P<n>\d+|an?|a couple of|a few)(?P<half> and a half)? "
    r"(?P<unit>hours?|minutes?|mins?|hrs?)(?P<plus> and a half)?)\b"
    r"|\b(?P<n2>\d+|an?|a couple of|half an) (?P<unit2>hours?|minutes?|mins?) "
    r"(?:from now|later|after)"
)


def days(text: str, today: dt.date) -> list[Day]:
    """Every day named in `text` that is not past or declined, best first."""
    found = []
    for pattern in DAYS:
        for match in pattern.finditer(text):
            on = _day(match, today)
            if on and not re.match(UNFIT, text[match.end() :]):
                found.append((on.loose, on.on == today, match.start(), on))
        text = pattern.sub(taken, text)
    return [on for *_, on in sorted(found, key=lambda f: f[:3])]


def _day(match: re.Match[str], today: dt.date) -> Day | None:
    part = {k: v for k, v in match.groupdict().items() if v}
    if "past" in part:
        return None
    if "loose" in part:
        return _loose(part["loose"], today)
    if "unit" in part:
        return _ahead(match[1], part["unit"], today)
    on: dt.date | None
    if "near" in part:
        near = part["near"]
        ahead = 2 if near.startswith("day") else int(near.startswith("tom"))
        on = today + dt.timedelta(ahead)
    elif "month" in part:
        year = int(part.get("year", "0").replace(" ", ""))
        on = year_day(today, MONTH[part["month"]], int(part["day"]), year)
    elif "m" in part:
        on = year_day(today, int(part["m"]), int(part["d"]))
    elif "week" in part:
        on = _weekday(part, today)
    elif "nth" in part:
        of = {"next": 1, "the following": 1, "the coming": 1, "this": 0, "coming": 1}
        on = month_day(today, int(part["nth"]), of.get(part["of"]))
    elif "number" in part:
        on = month_day(today, int(part["number"]), None)
    elif "yearend" in part:
        on = dt.date(today.year, 12, 31)
    else:
        on = month_end(today, int("end" in part or "end2" in part))
    return Day(on) if on else None


def _weekday(part: dict[str, str], today: dt.date) -> dt.date | None:
    weeks = {"next": 1, "this": 0}.get(part.get("ahead", ""))
    if "weekafter" in part or "nextweek" in part:
        weeks = 1
    return weekday(today, WEEKDAY[part["week"]], weeks)


def _ahead(count: str, unit: str, today: dt.date) -> Day:
    n = COUNTS.get(count) or int(count)
    loose = count.startswith("a ") and count != "a"
    if unit.startswith("month"):
        return Day(later(today, months=min(n, 120)), loose)
    return Day(later(today, days=min(n, 3650) * (7 if "week" in unit else 1)), loose)


def _loose(text: str, today: dt.date) -> Day | None:
    on: dt.date | None
    if "days" in text:
        on = later(today, days=2)
    elif "weekend" in text:
        on = weekday(today, 5, 1 if "next" in text else None)
    elif "month" in text:
        on = month_day(
            today, 15 if "middle" in text else 1, int("next" in text) or None
        )
    else:
        on = weekday(today, 0, 1)
    return Day(on, loose=True) if on else None


def hour(text: str) -> Hour | None:
    """The time of day named in `text`, or the part of the day; None: neither."""
    text = text.replace("midnight", "12 a.m.")
    parts = [PARTS[m["part"]] for m in PART.finditer(text)]
    for match in CLOCK.finditer(text):
        if found := _clock(match, parts, text):
            return found
    return Hour(part=parts[-1]) if parts else None


def _clock(match: re.Match[str], parts: list[str], text: str) -> Hour | None:
    group = match.groupdict()
    h = int(next(group[k] for k in ("h3", "h", "h1", "h2", "h4", "h5") if group[k]))
    minutes = next((group[k] for k in ("m", "m1", "m4", "m5") if group[k]), "0")
    minute = int(minutes.replace(" ", ""))
    if group["say"]:
        h, minute = _past(group["say"], h)
    if h > 24 or minute > 59:
        return None
    half = (group["ap"] or group["ap1"] or "").strip()[:1]
    part = {"a": "morning", "p": "afternoon"}.get(half) or (parts[-1] if parts else "")
    if half == "a" and h == 12:
        h = 0
    before = bool(
        re.search(r"\b(?:before|by)\W+$|^(?:before|by) ", text[: match.start()])
    )
    before = before or match[0].startswith(("before", "by "))
    return Hour(h % 24, minute, part, before=before)


def _past(say: str, hour: int) -> tuple[int, int]:
    minutes = 30 if "half" in say else 15 if "quarter" in say else int(say.split()[0])
    if say.endswith((" to", " of")):
        return (hour - 1) or 12, 60 - minutes
    return hour, minutes


def after(text: str) -> dt.timedelta | None:
    """How long from now: in half an hour, 20 minutes from now."""
    match = AFTER.search(text)
    if not match:
        return None
    if match["halfhour"] or match["n2"] == "half an":
        return dt.timedelta(minutes=30)
    count, unit = match["n"] or match["n2"], match["unit"] or match["unit2"]
    n = COUNTS.get(count) or int(count)
    if unit.startswith("h"):
        return dt.timedelta(hours=n + (0.5 if match["half"] or match["plus"] else 0))
    return dt.timedelta(minutes=n)
