"""When another attempt is made, on which number, and what is never tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.campaign.retry import (
    NEVER,
    RetryError,
    load_policy,
    next_try,
    override,
    parse,
)
from dialer.model import Disposition, NextTry

FILE = Path(__file__).parents[2] / "config/retry.toml"
POLICY = load_policy(FILE)
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)  # 14:00 in Shanghai
TOMORROW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai


def after(
    disposition: Disposition,
    *,
    tries: int = 1,
    number: int = 0,
    numbers: int = 1,
    now: datetime = NOW,
    zone: str = "Asia/Shanghai",
    callback_at: datetime | None = None,
) -> NextTry | None:
    return next_try(
        disposition,
        tries=tries,
        number=number,
        numbers=numbers,
        now=now,
        zone=zone,
        callback_at=callback_at,
        policy=POLICY,
    )


@pytest.mark.parametrize(
    ("disposition", "wait", "times"),
    [
        (Disposition.BUSY, timedelta(minutes=30), 3),
        (Disposition.NO_ANSWER, timedelta(hours=3), 3),
        (Disposition.CONGESTION, timedelta(minutes=10), 3),
        (Disposition.FAILED, timedelta(minutes=10), 3),
        (Disposition.VOICEMAIL, TOMORROW - NOW, 2),
        (Disposition.DECLINED, TOMORROW - NOW, 1),
        (Disposition.SILENT, TOMORROW - NOW, 1),
        (Disposition.HUNG_UP, TOMORROW - NOW, 1),
        (Disposition.NOT_UNDERSTOOD, TOMORROW - NOW, 1),
    ],
)
def test_so_often_and_after_so_long(
    disposition: Disposition, wait: timedelta, times: int
) -> None:
    for tries in range(1, times + 1):
        following = after(disposition, tries=tries)
        assert following is not None
        assert (following.number, following.not_before) == (0, NOW + wait)
        assert following.why.startswith(disposition.value)
    assert after(disposition, tries=times + 1) is None


@pytest.mark.parametrize("disposition", sorted(NEVER))
def test_never_again(disposition: Disposition) -> None:
    for number in (0, 1):
        assert (
            after(disposition, number=number, numbers=3, callback_at=TOMORROW) is None
        )


def test_every_other_end_without_a_table_is_not_tried_again() -> None:
    silent = set(Disposition) - set(POLICY.rules)
    assert {Disposition.AGREED_PLAN, Disposition.OPTED_OUT} <= silent
    assert all(after(d, numbers=3) is None for d in silent)


@pytest.mark.parametrize(
    "disposition", [Disposition.WRONG_NUMBER, Disposition.UNALLOCATED]
)
def test_a_useless_number_is_left_for_the_next_at_once(
    disposition: Disposition,
) -> None:
    following = after(disposition, tries=5, number=0, numbers=2)
    assert following is not None
    assert (following.number, following.not_before) == (1, NOW)
    assert after(disposition, number=1, numbers=2) is None
    assert after(disposition) is None


def test_the_next_number_comes_when_this_one_is_used_up() -> None:
    following = after(Disposition.NO_ANSWER, tries=4, number=0, numbers=2)
    assert following is not None
    assert following.number == 1
    assert "next number" in following.why
    assert after(Disposition.NO_ANSWER, tries=5, number=1, numbers=2) is None
    assert after(Disposition.DECLINED, tries=2, number=0, numbers=2) is None


def test_a_callback_comes_at_the_time_asked_for() -> None:
    asked = NOW + timedelta(hours=2, minutes=17)
    following = after(Disposition.CALLBACK, tries=6, callback_at=asked)
    assert following == NextTry(0, asked, "callback: asked", asked=True)
    late = after(Disposition.CALLBACK, callback_at=NOW - timedelta(minutes=1))
    assert late is not None
    assert late.not_before == TOMORROW
    nothing_said = after(Disposition.CALLBACK)
    assert nothing_said is not None
    assert nothing_said.not_before == TOMORROW


def test_nothing_is_tried_beyond_the_most_attempts() -> None:
    asked = NOW + timedelta(hours=1)
    last = POLICY.most_attempts
    assert after(Disposition.CALLBACK, tries=last - 1, callback_at=asked) is not None
    assert after(Disposition.CALLBACK, tries=last, callback_at=asked) is None
    assert after(Disposition.WRONG_NUMBER, tries=last, numbers=9) is None


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        # 23:30 on the 24th in New York: the next day is the 25th there
        ("America/New_York", "2026-11-25T04:30Z", "2026-11-25T15:00Z"),
        # the night the clocks go back and forward
        ("America/New_York", "2026-10-31T16:00Z", "2026-11-01T15:00Z"),
        ("America/New_York", "2026-03-07T16:00Z", "2026-03-08T14:00Z"),
        ("Asia/Shanghai", "2026-12-31T15:59Z", "2027-01-01T02:00Z"),
        ("Asia/Shanghai", "2028-02-28T04:00Z", "2028-02-29T02:00Z"),
        ("not/a/zone", "2026-11-24T06:00Z", "2026-11-25T10:00Z"),
    ],
)
def test_the_next_day_is_the_callees(zone: str, now: str, expected: str) -> None:
    moment = datetime.fromisoformat(now)
    following = after(Disposition.VOICEMAIL, zone=zone, now=moment)
    assert following is not None
    assert following.not_before == datetime.fromisoformat(expected)


def test_a_promise_is_followed_up_only_when_asked_for() -> None:
    promised = datetime(2026, 12, 1, 4, tzinfo=UTC)
    assert after(Disposition.PROMISED, callback_at=promised) is None
    policy = override(POLICY, {"promised": (60, 1)})
    following = next_try(
        Disposition.PROMISED,
        tries=1,
        number=0,
        numbers=1,
        now=NOW,
        zone="Asia/Shanghai",
        callback_at=promised,
        policy=policy,
    )
    assert following is not None
    assert following.not_before == datetime(2026, 12, 2, 2, tzinfo=UTC)


@given(
    st.sampled_from(Disposition),
    st.integers(1, 15),
    st.integers(1, 4).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))),
    st.none() | st.integers(-5000, 5000).map(lambda m: NOW + timedelta(minutes=m)),
)
def test_a_try_is_never_in_the_past_nor_on_a_number_passed_over(
    disposition: Disposition,
    tries: int,
    numbers: tuple[int, int],
    asked: datetime | None,
) -> None:
    number, count = numbers
    following = after(
        disposition, tries=tries, number=number, numbers=count, callback_at=asked
    )
    if following is not None:
        assert following.not_before >= NOW
        assert number <= following.number < count
        assert tries < POLICY.most_attempts


# --- the file


def test_a_campaign_may_change_numbers() -> None:
    policy = load_policy(FILE, {"busy": (5, 1), "callback": (1, 2)})
    busy = policy.rules[Disposition.BUSY]
    assert (busy.after, busy.times) == (timedelta(minutes=5), 1)
    assert policy.rules[Disposition.CALLBACK].when == "asked"  # the callee's time stays


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("opted_out", (5, 1)),
        ("wrong_number", (5, 1)),
        ("sleeping", (5, 1)),
        ("busy", (0, 1)),
        ("busy", (5, -1)),
    ],
)
def test_a_campaign_may_not_change_what_protects(
    name: str, change: tuple[float, int]
) -> None:
    with pytest.raises(RetryError, match=rf"retry\.{name}"):
        override(POLICY, {name: change})


GOOD: dict[str, Any] = {
    "most_attempts": 3,
    "next_day_at": "10:00",
    "busy": {"when": "after", "after_minutes": 1, "times": 1, "other_number": "then"},
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"most_attempts": 0}, "most_attempts"),
        ({"next_day_at": "25:00"}, "next_day_at"),
        ({"busy": {**GOOD["busy"], "when": "soon"}}, "busy.when"),
        ({"busy": {**GOOD["busy"], "extra": 1}}, "busy.extra"),
        ({"busy": {**GOOD["busy"], "when": "next_day"}}, "busy.after_minutes"),
        ({"opted_out": GOOD["busy"]}, "opted_out: is never tried again"),
        ({"unallocated": GOOD["busy"]}, "unallocated: never dials this number again"),
        ({"bussy": GOOD["busy"]}, "bussy"),
        ({"color": 3}, "color"),
    ],
)
def test_a_wrong_table_is_told_with_its_key(change: dict[str, Any], told: str) -> None:
    with pytest.raises(RetryError, match=r"retry\.toml") as error:
        parse({**GOOD, **change})
    assert told in str(error.value)


def test_a_file_that_is_not_toml_is_told(tmp_path: Path) -> None:
    (tmp_path / "retry.toml").write_text("[[", "utf-8")
    with pytest.raises(RetryError, match="file"):
        load_policy(tmp_path / "retry.toml")
