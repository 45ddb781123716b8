"""Values out of speech, by tables: call-backs, sums, dates, options, months, digits."""

from __future__ import annotations

import csv
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bench.slots import exact, run
from ivr import slots

DATA = Path(__file__).parents[1] / "data"
NOW = datetime(2026, 11, 24, 14, 20, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Tuesday


def table(name: str) -> list[tuple[str, ...]]:
    rows = []
    for language in ("zh", "en"):
        path = DATA / f"{name}-{language}.tsv"
        with path.open(encoding="utf-8", newline="") as file:
            rows += [
                (language, *row) for row in list(csv.reader(file, delimiter="\t"))[1:]
            ]
    return rows


def test_when_to_call_back() -> None:
    wrong = list[object]()
    for language, text, at in table("callbacks"):
        got = slots.callback(text, language, NOW)
        assert got is None or (got > NOW and got.tzinfo is NOW.tzinfo)
        if (got.strftime("%m-%d %H:%M") if got else "-") != at:
            wrong.append((text, got, at))
    assert wrong == []


def value(language: str, kind: str, text: str) -> str:
    if kind == "date":
        return str(slots.date(text, language, NOW.date()) or "-")
    found = slots.amount(text, language)
    return "-" if found is None else slots.decimal(found)


def test_sums_and_dates() -> None:
    rows = table("values")
    got = [(text, value(language, kind, text)) for language, kind, text, _ in rows]
    assert got == [(text, wanted) for _, _, text, wanted in rows]


@pytest.mark.parametrize(
    ("language", "text", "option"),
    [
        ("zh", "第一个", "1"),
        ("zh", "第二种方案吧", "2"),
        ("zh", "就选三", "3"),
        ("zh", "方案二", "2"),
        ("zh", "二号方案", "2"),
        ("zh", "第1个", "1"),
        ("zh", "第五个", None),
        ("zh", "第一期已经还了", None),
        ("zh", "好的", None),
        ("en", "the first one", "1"),
        ("en", "option two", "2"),
        ("en", "number three please", "3"),
        ("en", "the second of december", None),
        ("en", "yes", None),
    ],
)
def test_options(language: str, text: str, option: str | None) -> None:
    assert slots.option(text, language) == option


@pytest.mark.parametrize(
    ("language", "text", "months"),
    [
        ("zh", "六个月", 6),
        ("zh", "分12期", 12),
        ("zh", "半年", 6),
        ("zh", "一年", 12),
        ("zh", "分三期还", 3),
        ("zh", "第三期", None),
        ("zh", "三个月前", None),
        ("en", "six months", 6),
        ("en", "over twelve months", 12),
        ("en", "half a year", 6),
        ("en", "a year", 12),
        ("en", "three installments", 3),
        ("en", "two months ago", None),
    ],
)
def test_months(language: str, text: str, months: int | None) -> None:
    assert slots.months(text, language) == months


@pytest.mark.parametrize(
    ("language", "text", "digits"),
    [
        ("zh", "尾号是八零零零", "8000"),
        ("zh", "幺三八 零零零零", "1380000"),
        ("zh", "8 0 0 1", "8001"),
        ("en", "eight zero zero zero", "8000"),
        ("en", "one three double eight", "1388"),
        ("en", "it ends in 80 00", "8000"),
        ("en", "none", ""),
    ],
)
def test_digits(language: str, text: str, digits: str) -> None:
    assert slots.digits(text, language) == digits


@pytest.mark.parametrize(
    "text", ["对", "是的", "嗯对", "好吧", "没错", "没问题", "行", "可以", "好的"]
)
def test_yes(text: str) -> None:
    assert slots.yes_no(text, "zh") is True


@pytest.mark.parametrize(
    "text", ["不对", "没有", "不是", "不行", "不可以", "不同意", "算了"]
)
def test_no(text: str) -> None:
    assert slots.yes_no(text, "zh") is False


@pytest.mark.parametrize(
    "text", ["不知道", "不好意思", "不清楚", "今天下雨", "我考虑一下"]
)
def test_neither(text: str) -> None:
    assert slots.yes_no(text, "zh") is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes, please.", True),
        ("That's right.", True),
        ("Okay, fine.", True),
        ("No, thanks.", False),
        ("Not at all.", False),
        ("I don't agree.", False),
        ("Not sure.", None),
        ("Well, maybe.", None),
    ],
)
def test_yes_and_no_in_english(text: str, answer: bool | None) -> None:
    assert slots.yes_no(text, "en") is answer


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_call_back_is_never_in_the_past(language: str) -> None:
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201
    rng = random.Random(seed)
    texts = [row[1] for row in table("callbacks") if row[0] == language]
    for _ in range(400):
        zone = ZoneInfo(
            rng.choice(["Asia/Shanghai", "America/New_York", "Asia/Kolkata"])
        )
        now = datetime(2026, 1, 1, tzinfo=zone) + timedelta(
            minutes=rng.randrange(525_600), seconds=rng.randrange(60)
        )
        text = rng.choice(texts)
        got = slots.callback(text, language, now)
        assert got is None or got > now, (text, now)
        day = slots.date(text, language, now.date())
        assert day is None or day >= now.date(), (text, now)


def test_an_hour_from_now_is_an_hour_when_clocks_change() -> None:
    before = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo("America/New_York"))
    after = slots.callback("in one hour", "en", before)
    assert after is not None
    assert after.timestamp() - before.timestamp() == 3600


def test_the_29th_of_february_waits_for_a_leap_year() -> None:
    assert slots.date("2月29号", "zh", date(2026, 11, 24)) == date(2028, 2, 29)
    assert slots.date("february 29th", "en", date(2026, 11, 24)) == date(2028, 2, 29)


def test_spoken_values() -> None:
    """Of at least 400, 98 % to the letter, and of those that nothing was mended on."""
    rows = run()
    assert len(rows) >= 400
    assert exact(rows) >= 0.98
    assert exact([row for row in rows if row.unseen]) >= 0.98
