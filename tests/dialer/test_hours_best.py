"""The hour at which people answer: learnt with care, kept to by retry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.campaign.hours import Best, best
from dialer.campaign.retry import load_policy, next_try
from dialer.model import Disposition, NextTry
from dialer.store.port import Reached

DAY = datetime(2026, 11, 23, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
POLICY = load_policy(Path(__file__).parents[2] / "config/retry.toml")
EVENING = Best(18, 100, 30)


def hour(local: int, dialed: int, spoke: int, zone: str = "Asia/Shanghai") -> Reached:
    at = datetime(2026, 11, 23, local, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return Reached(at, zone, dialed, spoke, 0)


def test_the_hour_with_the_most_answers_is_the_best() -> None:
    found = best([hour(10, 200, 20), hour(18, 200, 60), hour(14, 200, 10)])
    assert found == Best(18, 200, 60)
    assert found.why == "18:00, where 30 % of 200 were reached"


def test_a_lucky_hour_of_few_calls_is_not() -> None:
    assert best([hour(10, 400, 80), hour(20, 19, 19)]) == Best(10, 400, 80)
    found = best([hour(10, 400, 100), hour(14, 400, 60), hour(20, 20, 6)])
    assert found is not None
    assert found.hour == 10  # 25 %, against 30 % of a twentieth of the calls


def test_with_few_calls_nothing_is_known() -> None:
    assert best([hour(10, 99, 50)]) is None
    assert best([]) is None
    assert best([hour(h, 12, 6) for h in range(9, 19)]) is None


def test_of_equal_hours_it_is_the_earliest() -> None:
    rows = [hour(h, 100, 20) for h in (15, 11, 18)]
    assert best(rows) == best(rows[::-1]) == Best(11, 100, 20)


def test_the_hour_is_the_callees_own() -> None:
    """Ten in Shanghai and ten in Urumqi's own time are two hours apart."""
    rows = [hour(10, 100, 30), hour(10, 100, 30, "Asia/Urumqi"), hour(16, 200, 10)]
    assert best(rows) == Best(10, 200, 60)


def tried(now: datetime, known: Best | None = EVENING) -> NextTry | None:
    return next_try(
        Disposition.NO_ANSWER,
        tries=1,
        number=0,
        numbers=1,
        now=now,
        zone="Asia/Shanghai",
        callback_at=None,
        policy=POLICY,
        best=known,
    )


def test_retry_waits_for_the_best_hour_and_says_why() -> None:
    found = tried(DAY.replace(hour=2))  # 10:00 in Shanghai; at 13:00 it may be again
    assert found is not None
    assert found.not_before.astimezone(SHANGHAI).hour == 18
    assert found.not_before - DAY < timedelta(days=1)
    assert found.why == "no_answer: best_hour, " + EVENING.why


def test_retry_in_the_best_hour_keeps_its_wait() -> None:
    """At 15:30, three hours on is 18:30: the hour still runs."""
    found = tried(DAY.replace(hour=7, minute=30))
    assert found is not None
    assert found.not_before == DAY.replace(hour=10, minute=30)


def test_after_the_best_hour_it_is_tomorrows() -> None:
    found = tried(DAY.replace(hour=9))  # 17:00; 20:00 is past it
    assert found is not None
    local = found.not_before.astimezone(SHANGHAI)
    assert (local.day, local.hour, local.minute) == (24, 18, 0)


def test_without_a_best_hour_it_is_three_hours_on() -> None:
    found = tried(DAY.replace(hour=2), None)
    assert found is not None
    assert found.not_before == DAY.replace(hour=5)
