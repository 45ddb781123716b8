"""A made-up case, and the shipped library, for tests of templates and dialogue."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path

from ivr.library import Library, load_library
from ivr.port import CaseFacts, Option, WeighedDay, WeighedSum

TEMPLATES = Path(__file__).parents[2] / "templates"
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=timezone(timedelta(hours=8)))
OPTIONS = (
    Option("instalments", 3, Decimal(4100), Decimal(12300)),
    Option("instalments", 6, Decimal(2050), Decimal(12300)),
    Option("discount", 1, Decimal(11070), Decimal(11070)),
)
MEDIATION = Option("mediation", 0, Decimal(0), Decimal(12300))
ZH = CaseFacts(
    language="zh",
    script="mediation",
    name="魏青禾",
    agency="和衷调解服务中心",
    creditor="东屿银行",
    account_tail="6608",
    amount=Decimal(12300),
    currency="CNY",
    due=date(2026, 9, 1),
    today=NOW,
    options=OPTIONS,
)
EN = replace(
    ZH,
    language="en",
    name="Mary Stonefield",
    agency="Accord Partners",
    creditor="Harborview Bank",
    currency="USD",
)
CASES = {"zh": ZH, "en": EN}


class Shop:
    """A made-up policy: its plans are `OPTIONS`, closed on weekends, sixty days."""

    def amount(self, monthly: Decimal) -> WeighedSum:
        if monthly >= 12300:
            return WeighedSum("full")
        payable = [n for n in (1, 2) if OPTIONS[n - 1].each <= monthly]
        if payable:
            same = OPTIONS[payable[0] - 1].each == monthly
            return WeighedSum("accepted" if same else "lighter", payable[0])
        return WeighedSum("nearest", 2) if monthly > 1300 else WeighedSum("person")

    def day(self, day: date) -> WeighedDay:
        ahead = (day - NOW.date()).days
        if ahead > 90:
            return WeighedDay("person")
        asked = day if ahead <= 60 else NOW.date() + timedelta(days=60)
        lawful = asked
        while lawful.weekday() > 4:
            lawful += timedelta(days=1)
        if ahead > 60:
            return WeighedDay("latest", lawful)
        return WeighedDay("asked" if lawful == day else "moved", lawful)


SHOP = Shop()


@cache
def library() -> Library:
    return load_library(TEMPLATES)
