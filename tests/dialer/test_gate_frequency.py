"""How often and how soon, at the borders of each period."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from dialer.compliance.gate import judge
from dialer.model import PastCall
from tests.dialer.test_gate import AU, BOOK, CN, DAY, GB, US, at, ruled


def call(when: datetime, outcome: str = "answered", **other: Any) -> PastCall:
    base = PastCall(when, "out", outcome, CN.number, CN.account)
    return replace(base, **other)


def test_the_fourth_talk_of_a_day_is_refused_over_all_numbers() -> None:
    now = at(CN, "2026-11-24 15:00")
    talks = tuple(call(now - timedelta(hours=h), number=f"n{h}") for h in (1, 2, 3))
    assert ruled(replace(CN, history=talks[:2]), now) == set()
    verdict = judge(replace(CN, history=talks), now, BOOK)
    assert [r.rule for r in verdict.reasons] == ["cn.talks"]
    # of the three, the first leaves 24 hours later, by then on the next local day
    assert verdict.next_allowed == talks[2].at + DAY


def test_talks_count_only_when_we_made_them_and_someone_spoke() -> None:
    now = at(CN, "2026-11-24 15:00")
    theirs = tuple(call(now - timedelta(hours=h), direction="in") for h in range(1, 9))
    assert ruled(replace(CN, history=theirs), now) == set()


def test_the_seventh_unanswered_attempt_on_a_number_is_refused() -> None:
    now = at(CN, "2026-11-24 15:00")
    tries = tuple(call(now - timedelta(minutes=m), "unanswered") for m in range(1, 7))
    assert ruled(replace(CN, history=tries[:5]), now) == set()
    assert ruled(replace(CN, history=tries), now) == {"cn.attempts"}
    elsewhere = tuple(replace(t, number="+8613900139000") for t in tries)
    assert ruled(replace(CN, history=elsewhere), now) == set()
    withheld = tuple(replace(t, number="") for t in tries)
    assert ruled(replace(CN, history=withheld), now) == {"cn.attempts"}
    blocked = tuple(replace(t, outcome="blocked") for t in tries)
    assert ruled(replace(CN, history=blocked), now) == set()


def test_the_eighth_call_about_a_debt_in_seven_days_is_refused() -> None:
    now = at(US, "2026-11-24 12:00")
    seven = tuple(call(now - d * DAY / 2, "unanswered") for d in range(1, 8))
    assert ruled(replace(US, history=seven[:6]), now) == set()
    assert ruled(replace(US, history=seven), now) == {"us.frequency"}
    other = tuple(replace(c, account="A2") for c in seven)
    assert ruled(replace(US, history=other), now) == set()
    unnamed = tuple(replace(c, account="") for c in seven)
    assert ruled(replace(US, history=unnamed), now) == {"us.frequency"}


def test_a_call_leaves_the_seven_days_after_168_hours_to_the_microsecond() -> None:
    now = at(US, "2026-11-24 12:00")
    case = replace(US, history=(call(now - 7 * DAY, "unanswered"),) * 7)
    assert judge(case, now, BOOK).allowed
    before = judge(case, now - timedelta(microseconds=1), BOOK)
    assert [r.rule for r in before.reasons] == ["us.frequency"]
    assert before.next_allowed == now


@pytest.mark.parametrize("direction", ["out", "in"])
@pytest.mark.parametrize("account", ["A1", "A2"])
def test_no_call_until_the_eighth_day_after_a_talk(
    direction: str, account: str
) -> None:
    """The day of the conversation is day 1, whoever began it, whatever the debt."""
    talk = call(at(US, "2026-11-16 20:59"), direction=direction, account=account)
    case = replace(US, history=(talk,))
    assert ruled(case, at(US, "2026-11-22 20:59:59")) == {"us.wait"}
    assert ruled(case, at(US, "2026-11-23 08:00")) == set()
    verdict = judge(case, at(US, "2026-11-17 12:00"), BOOK)
    assert verdict.next_allowed == at(US, "2026-11-23 08:00")


def test_the_day_of_a_talk_is_the_latest_of_all_zones() -> None:
    """23:30 on the 15th in Los Angeles is 02:30 on the 16th in New York."""
    both = replace(US, zones=("America/Los_Angeles", "America/New_York"))
    case = replace(both, history=(call(at(both, "2026-11-15 23:30")),))
    assert "us.wait" in ruled(case, at(both, "2026-11-22 12:00"))
    assert judge(case, at(both, "2026-11-22 12:00"), BOOK).next_allowed == at(
        both, "2026-11-23 08:00"
    )


def test_an_abandoned_call_waits_72_hours_in_britain() -> None:
    lost = call(at(GB, "2026-11-23 12:00"), "abandoned", number="+442079460000")
    case = replace(GB, history=(lost,))
    assert ruled(case, at(GB, "2026-11-26 11:59:59")) == {"gb.abandoned"}
    assert ruled(case, at(GB, "2026-11-26 12:00:00")) == set()


def test_three_contacts_a_week_and_ten_a_month_in_australia() -> None:
    now = at(AU, "2026-11-24 12:00")
    week = tuple(call(now - d * DAY, "unanswered", direction="in") for d in (1, 3, 6))
    assert ruled(replace(AU, history=week[:2]), now) == set()
    assert ruled(replace(AU, history=week), now) == {"au.week"}
    month = tuple(call(now - d * DAY, account=f"A{d}") for d in range(8, 28, 2))
    assert ruled(replace(AU, history=month[:9]), now) == set()
    assert ruled(replace(AU, history=month), now) == {"au.month"}
