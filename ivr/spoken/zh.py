"""Numbers, money, dates and times as they are said in Mandarin.

The other way, from words to values, is `ivr.slots`; each function here is undone
by one there. Numbers follow GB/T 15835-2011 (一百零五, 十二) and spoken usage for
两 (两千, 两个月, but 二十 and 一万二千).
"""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

DIGITS = "零一二三四五六七八九"
WEEKDAYS = "一二三四五六日"
PHONE_LENGTH = 5  # from here on 一 is said 幺, so that it is not heard as 七
CENT = Decimal("0.01")
LARGEST = 10**16

# currency -> (unit, tenth, hundredth); no tenth: the hundredths are said together
MONEY = {
    "CNY": ("元", "角", "分"),
    "HKD": ("港元", "角", "分"),
    "MOP": ("澳门元", "角", "分"),
    "TWD": ("新台币", "角", "分"),
    "USD": ("美元", "", "美分"),
    "EUR": ("欧元", "", "欧分"),
    "GBP": ("英镑", "", "便士"),
    "AUD": ("澳元", "", "分"),
    "CAD": ("加元", "", "分"),
    "SGD": ("新加坡元", "", "分"),
}


def number(value: int) -> str:
    """A whole number below 10**16: 12 -> 十二, 2000 -> 两千, 105 -> 一百零五."""
    if value < 0:
        return "负" + number(-value)
    if value >= LARGEST:
        raise ValueError(f"too large to be said: {value}")
    if value < 10:
        return DIGITS[value]
    for size, name in ((10**8, "亿"), (10**4, "万")):
        if value >= size:
            head, rest = divmod(value, size)
            words = ("两" if head == 2 else number(head)) + name
            return words + _rest(rest, size)
    return _group(value, leads=True)


def _rest(value: int, size: int) -> str:
    """What follows 万 or 亿, after 零 where a place is empty: 一万零五百."""
    if not value:
        return ""
    zero = "零" if value < size // 10 else ""
    if value >= 10**4:
        head, rest = divmod(value, 10**4)
        return zero + _group(head, leads=False) + "万" + _rest(rest, 10**4)
    return zero + _group(value, leads=False)


def _group(group: int, *, leads: bool) -> str:
    """Four digits. `leads`: nothing was said before."""
    words, gap = "", False
    for at, unit in ((3, "千"), (2, "百"), (1, "十"), (0, "")):
        digit = group // 10**at % 10
        if not digit:
            gap = bool(words)
            continue
        first = leads and not words
        if gap:
            words += "零"
        words += _digit(digit, at, first=first) + unit
        gap = False
    return words


def _digit(digit: int, at: int, *, first: bool) -> str:
    if first and digit == 1 and at == 1:
        return ""  # 十二, not 一十二
    if first and digit == 2 and at >= 2:
        return "两"  # 两千, 两百
    return DIGITS[digit]


def count(value: int) -> str:
    """A number before a measure word: 2 -> 两, 12 -> 十二."""
    return "两" if value == 2 else number(value)


def months(value: int) -> str:
    """6 -> 六个月, 2 -> 两个月."""
    return f"{count(value)}个月"


def amount(value: Decimal, currency: str = "CNY") -> str:
    """Money, rounded half up to a hundredth: 12300.50 -> 一万二千三百元五角.

    A currency without a name here is said by its ISO 4217 code.
    """
    unit, tenth, hundredth = MONEY.get(currency, (currency, "", "分"))
    cents = int((abs(value).quantize(CENT, ROUND_HALF_UP)) * 100)
    whole, rest = divmod(cents, 100)
    words = "负" if value < 0 and cents else ""
    if whole or not rest:
        words += count(whole) + unit
    if not tenth:
        return words + (count(rest) + hundredth if rest else "")
    jiao, fen = divmod(rest, 10)
    if jiao:
        words += count(jiao) + tenth
    if fen:
        words += "零" * (bool(whole) and not jiao) + count(fen) + hundredth
    return words


def date(value: dt.date, today: dt.date | None = None) -> str:
    """12-05 -> 十二月五号; with the year where it is not that of `today`."""
    day = f"{number(value.month)}月{number(value.day)}号"
    if today is None or today.year == value.year:
        return day
    return "".join(DIGITS[int(d)] for d in str(value.year)) + "年" + day


def day(value: dt.date, today: dt.date) -> str:
    """今天, 明天, 后天; then 这周五, 下周一 to the end of next week; else the date."""
    value, today = _plain(value), _plain(today)
    ahead = (value - today).days
    if 0 <= ahead <= 2:
        return ("今天", "明天", "后天")[ahead]
    weeks = (value - today + dt.timedelta(today.weekday())).days // 7
    if ahead > 0 and weeks <= 1:
        return ("这周", "下周")[weeks] + WEEKDAYS[value.weekday()]
    return date(value, today)


def _plain(value: dt.date) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def time_of_day(value: dt.datetime | dt.time) -> str:
    """10:00 -> 上午十点, 14:30 -> 下午两点半, 9:05 -> 上午九点零五分. Local time."""
    hour, minute = value.hour, value.minute
    spoken = count(hour if hour <= 12 else hour - 12) + "点"
    if minute == 30:
        spoken += "半"
    elif minute:
        spoken += ("零" if minute < 10 else "") + number(minute) + "分"
    return part_of_day(hour) + spoken


def part_of_day(hour: int) -> str:
    """The word for the part of the day an hour (0-23) belongs to."""
    limits = ((6, "凌晨"), (9, "早上"), (12, "上午"), (13, "中午"), (18, "下午"))
    return next((name for limit, name in limits if hour < limit), "晚上")


def digits(text: str) -> str:
    """Digit by digit: 8000 -> 八零零零; 1 is 幺 from five digits on. Letters stay."""
    figures = sum(c.isdigit() for c in text)
    one = "幺" if figures >= PHONE_LENGTH else "一"
    said = (one if c == "1" else DIGITS[int(c)] if c.isdigit() else c for c in text)
    return "".join(c for c in said if c.isalnum())
