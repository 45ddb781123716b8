"""Numbers, money, dates and times as they are said in English.

The other way, from words to values, is `ivr.slots`; each function here is undone
by one there.
"""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = [
    "",
    "ten",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
]
SCALES = ("", " thousand", " million", " billion", " trillion")
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
WEEKDAYS = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
]
CENT = Decimal("0.01")
LARGEST = 10**15

# currency -> (one, many, hundredth one, many)
MONEY = {
    "USD": ("dollar", "dollars", "cent", "cents"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "HKD": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "SGD": ("Singapore dollar", "Singapore dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "CNY": ("yuan", "yuan", "fen", "fen"),
    "INR": ("rupee", "rupees", "paisa", "paise"),
}


def number(value: int) -> str:
    """A whole number below 10**15: 12300 -> twelve thousand three hundred."""
    if value < 0:
        return "minus " + number(-value)
    if value >= LARGEST:
        raise ValueError(f"too large to be said: {value}")
    if value == 0:
        return "zero"
    groups = [(value // 1000**at % 1000, scale) for at, scale in enumerate(SCALES)]
    return " ".join(_group(g) + scale for g, scale in reversed(groups) if g)


def _group(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    words = [f"{ONES[hundreds]} hundred"] if hundreds else []
    if 0 < rest < 20:
        words.append(ONES[rest])
    elif rest:
        tens, ones = divmod(rest, 10)
        words.append(TENS[tens] + (f"-{ONES[ones]}" if ones else ""))
    return " ".join(words)


def ordinal(value: int) -> str:
    """5 -> fifth, 21 -> twenty-first."""
    head, dash, last = number(value).rpartition("-")
    if not dash:
        head, dash, last = number(value).rpartition(" ")
    if last in ORDINALS:
        return head + dash + ORDINALS[last]
    return head + dash + (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def months(value: int) -> str:
    """6 -> six months."""
    return f"{number(value)} month" + "s" * (value != 1)


def amount(value: Decimal, currency: str = "USD") -> str:
    """Money, rounded half up to a hundredth:
    12300.50 -> twelve thousand three hundred dollars and fifty cents.

    A currency without a name here is said by its ISO 4217 code.
    """
    names = MONEY.get(currency, (currency, currency, "cent", "cents"))
    cents = int(abs(value).quantize(CENT, ROUND_HALF_UP) * 100)
    whole, rest = divmod(cents, 100)
    parts = []
    if whole or not rest:
        parts.append(f"{number(whole)} {names[whole != 1]}")
    if rest:
        parts.append(f"{number(rest)} {names[2 + (rest != 1)]}")
    return "minus " * (value < 0 and cents > 0) + " and ".join(parts)


def date(value: dt.date, today: dt.date | None = None) -> str:
    """12-05 -> December fifth; with the year where it is not that of `today`."""
    day = f"{MONTHS[value.month - 1]} {ordinal(value.day)}"
    if today is None or today.year == value.year:
        return day
    return f"{day}, {year(value.year)}"


def year(value: int) -> str:
    """2026 -> twenty twenty-six, 2005 -> two thousand five."""
    high, low = divmod(value, 100)
    if low < 10 and high % 10 == 0:
        return number(value)
    return f"{number(high)} {number(low) if low > 9 else f'oh {number(low)}'}"


def day(value: dt.date, today: dt.date) -> str:
    """today, tomorrow; then this Friday, next Monday up to the end of next week;
    else the date."""
    value, today = _plain(value), _plain(today)
    ahead = (value - today).days
    if 0 <= ahead <= 1:
        return ("today", "tomorrow")[ahead]
    weeks = (value - today + dt.timedelta(today.weekday())).days // 7
    if ahead > 0 and weeks <= 1:
        return ("this ", "next ")[weeks] + WEEKDAYS[value.weekday()]
    return date(value, today)


def _plain(value: dt.date) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def time_of_day(value: dt.datetime | dt.time) -> str:
    """10:00 -> ten a.m., 14:30 -> two thirty p.m., 12:00 -> noon.
    Local time."""
    hour, minute = value.hour, value.minute
    if (hour, minute) == (12, 0):
        return "noon"
    if (hour, minute) == (0, 0):
        return "midnight"
    half = "a.m." if hour < 12 else "p.m."
    if not minute:
        return f"{number(hour % 12 or 12)} {half}"
    spoken = f"oh {number(minute)}" if minute < 10 else number(minute)
    return f"{number(hour % 12 or 12)} {spoken} {half}"


def digits(text: str) -> str:
    """Digit by digit: 8000 -> eight zero zero zero. Letters stay."""
    return " ".join(ONES[int(c)] if c.isdigit() else c for c in text if c.isalnum())
