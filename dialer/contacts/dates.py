"""Dates as people write them; 03/04/2026 is refused, not guessed."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import lru_cache

from dialer.contacts.problem import Bad

EXPECTED = "a date such as 2026-03-01"
MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
MIDNIGHT = re.compile(r"[t ]0?0:00(:00(\.0+)?)?z?$")
YEAR_FIRST = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d\d)(\d\d)"
)
YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
DAY_WORD = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[ -]([a-z]{3,9})\.?,?[ -](\d{4})")
WORD_DAY = re.compile(r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})")
YEARS = range(1980, 2101)


@lru_cache(maxsize=4096)
def read(text: str) -> date:
    """Parse one date. Bad says why it is none, or which two it could be."""
    text = unicodedata.normalize("NFKC", text).strip().casefold()
    text = MIDNIGHT.sub("", text)
    if match := YEAR_FIRST.fullmatch(text):
        year, month, day = (int(part) for part in match.groups() if part)
        return _date(year, month, day)
    if match := YEAR_LAST.fullmatch(text):
        return _year_last(*map(int, match.groups()))
    if match := DAY_WORD.fullmatch(text):
        return _date(int(match[3]), _month(match[2]), int(match[1]))
    if match := WORD_DAY.fullmatch(text):
        return _date(int(match[3]), _month(match[1]), int(match[2]))
    raise Bad(_why(text), EXPECTED)


def _year_last(first: int, second: int, year: int) -> date:
    if first != second and first <= 12 and second <= 12:
        raise Bad("can be read as two dates (day or month first?)", EXPECTED)
    day, month = (first, second) if second <= 12 else (second, first)
    return _date(year, month, day)


def _month(word: str) -> int:
    if word[:3] not in MONTHS:
        raise Bad("names no month", EXPECTED)
    return MONTHS.index(word[:3]) + 1


def _date(year: int, month: int, day: int) -> date:
    if year not in YEARS:
        raise Bad(f"has a year outside {YEARS.start}-{YEARS.stop - 1}", EXPECTED)
    try:
        return date(year, month, day)
    except ValueError:
        raise Bad("is a day that does not exist", EXPECTED) from None


def _why(text: str) -> str:
    if re.fullmatch(r"\d{5}(\.0)?", text):
        return "is a spreadsheet's day number"
    if re.fullmatch(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2}", text):
        return "has a year of two digits"
    return "is no date"
