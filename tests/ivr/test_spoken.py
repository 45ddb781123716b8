"""Said aloud by a table, and understood again on random values."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ivr import slots
from ivr.spoken import en, zh

TODAY = date(2026, 11, 24)  # a Tuesday


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        (0, "零", "zero"),
        (2, "二", "two"),
        (10, "十", "ten"),
        (12, "十二", "twelve"),
        (20, "二十", "twenty"),
        (21, "二十一", "twenty-one"),
        (105, "一百零五", "one hundred five"),
        (110, "一百一十", "one hundred ten"),
        (222, "两百二十二", "two hundred twenty-two"),
        (1010, "一千零一十", "one thousand ten"),
        (2000, "两千", "two thousand"),
        (12300, "一万二千三百", "twelve thousand three hundred"),
        (20002, "两万零二", "twenty thousand two"),
        (100000, "十万", "one hundred thousand"),
        (120000, "十二万", "one hundred twenty thousand"),
        (
            300120000,
            "三亿零一十二万",
            "three hundred million one hundred twenty thousand",
        ),
        (-5, "负五", "minus five"),
    ],
)
def test_numbers(value: int, chinese: str, english: str) -> None:
    assert (zh.number(value), en.number(value)) == (chinese, english)


@pytest.mark.parametrize(
    ("value", "currency", "chinese", "english"),
    [
        ("0", "CNY", "零元", "zero yuan"),
        ("2", "CNY", "两元", "two yuan"),
        ("0.05", "CNY", "五分", "five fen"),
        ("100.05", "CNY", "一百元零五分", "one hundred yuan and five fen"),
        (
            "12300.50",
            "CNY",
            "一万二千三百元五角",
            "twelve thousand three hundred yuan and fifty fen",
        ),
        (
            "12300.50",
            "USD",
            "一万二千三百美元五十美分",
            "twelve thousand three hundred dollars and fifty cents",
        ),
        ("1", "GBP", "一英镑", "one pound"),
        ("1.005", "USD", "一美元一美分", "one dollar and one cent"),
        ("-3", "EUR", "负三欧元", "minus three euros"),
        ("7", "XYZ", "七XYZ", "seven XYZ"),
    ],
)
def test_money(value: str, currency: str, chinese: str, english: str) -> None:
    assert zh.amount(Decimal(value), currency) == chinese
    assert en.amount(Decimal(value), currency) == english


@pytest.mark.parametrize(
    ("ahead", "chinese", "english"),
    [
        (0, "今天", "today"),
        (1, "明天", "tomorrow"),
        (2, "后天", "this Thursday"),
        (3, "这周五", "this Friday"),
        (6, "下周一", "next Monday"),
        (12, "下周日", "next Sunday"),
        (13, "十二月七号", "December seventh"),
        (42, "二零二七年一月五号", "January fifth, twenty twenty-seven"),
        (-1, "十一月二十三号", "November twenty-third"),
    ],
)
def test_days(ahead: int, chinese: str, english: str) -> None:
    then = TODAY + timedelta(ahead)
    assert (zh.day(then, TODAY), en.day(then, TODAY)) == (chinese, english)
    midnight = datetime(2026, 11, 24)  # noqa: DTZ001 only the date counts
    assert zh.day(midnight + timedelta(ahead), midnight) == chinese


@pytest.mark.parametrize(
    ("at", "chinese", "english"),
    [
        (time(0, 0), "凌晨零点", "midnight"),
        (time(9, 5), "上午九点零五分", "nine oh five a.m."),
        (time(10, 0), "上午十点", "ten a.m."),
        (time(12, 0), "中午十二点", "noon"),
        (time(12, 30), "中午十二点半", "twelve thirty p.m."),
        (time(14, 0), "下午两点", "two p.m."),
        (time(20, 15), "晚上八点十五分", "eight fifteen p.m."),
    ],
)
def test_times(at: time, chinese: str, english: str) -> None:
    assert (zh.time_of_day(at), en.time_of_day(at)) == (chinese, english)


def test_digits_and_months() -> None:
    assert zh.digits("8000") == "八零零零"
    assert zh.digits("138-0000") == "幺三八零零零零"
    assert zh.digits("1234") == "一二三四"
    assert en.digits("80 00") == "eight zero zero zero"
    assert [zh.months(n) for n in (1, 2, 12)] == ["一个月", "两个月", "十二个月"]
    assert [en.months(n) for n in (1, 6)] == ["one month", "six months"]


def test_too_large_is_said_so() -> None:
    with pytest.raises(ValueError, match="too large"):
        zh.number(10**16)
    with pytest.raises(ValueError, match="too large"):
        en.number(10**15)


@pytest.fixture
def rng() -> random.Random:
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201
    return random.Random(seed)


def test_numbers_are_understood_again(rng: random.Random) -> None:
    for _ in range(1000):
        value = rng.randrange(10 ** rng.randrange(1, 15))
        assert slots.number(zh.number(value), "zh") == value
        assert slots.number(en.number(value), "en") == value


def test_money_is_understood_again(rng: random.Random) -> None:
    for _ in range(500):
        value = Decimal(rng.randrange(1, 10 ** rng.randrange(1, 10))) / 100
        for currency in ("CNY", "USD", "GBP", "EUR", "HKD"):
            assert slots.amount(zh.amount(value, currency), "zh") == value
            assert slots.amount(en.amount(value, currency), "en") == value


def test_times_are_understood_again(rng: random.Random) -> None:
    now = datetime(2026, 11, 24, 14, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
    for _ in range(500):
        then = datetime.combine(
            TODAY + timedelta(rng.randrange(1, 300)),
            time(rng.randrange(24), rng.randrange(60)),
            now.tzinfo,
        )
        chinese = zh.day(then, now) + zh.time_of_day(then)
        english = f"{en.day(then, now)} at {en.time_of_day(then)}"
        assert slots.callback(chinese, "zh", now) == then, chinese
        assert slots.callback(english, "en", now) == then, english
