"""Hours that a person told us not to call in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.compliance.gate import judge
from dialer.compliance.told import read
from dialer.model import Case, Consent
from tests.dialer.test_gate import BOOK, CN

NOON = "inconvenient:12:00-14:00"
WEEKEND = "inconvenient:sat+sun:08:00-12:00"
NIGHT = "inconvenient:20:00-09:30"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


def case(*flags: str) -> Case:
    return replace(CN, flags=flags)


@pytest.mark.parametrize(
    ("flag", "now", "opens"),
    [
        (NOON, "2026-11-24T12:00:00", "2026-11-24T14:00:00"),
        (NOON, "2026-11-24T13:59:59", "2026-11-24T14:00:00"),
        (NOON, "2026-11-24T11:59:59", None),
        (NOON, "2026-11-24T14:00:00", None),
        (WEEKEND, "2026-11-28T09:00:00", "2026-11-28T12:00:00"),
        (WEEKEND, "2026-11-27T09:00:00", None),
        (NIGHT, "2026-11-24T21:00:00", "2026-11-25T09:30:00"),
        (NIGHT, "2026-11-24T08:30:00", "2026-11-24T09:30:00"),
        ("inconvenient:fri:22:00-09:00", "2026-11-28T08:30:00", "2026-11-28T09:00:00"),
        ("inconvenient:08:00-24:00", "2026-11-24T09:00:00", None),
    ],
)
def test_told_hours_are_kept(flag: str, now: str, opens: str | None) -> None:
    verdict = judge(case(flag), at(now), BOOK)
    told = [r.rule for r in verdict.reasons if r.rule == "accord.inconvenient"]
    if flag.endswith("08:00-24:00"):  # nothing of the lawful day is left
        assert (told, verdict.next_allowed) == (["accord.inconvenient"], None)
    elif opens is None:
        assert verdict.allowed
    else:
        assert told == ["accord.inconvenient"]
        assert verdict.next_allowed == at(opens)


@pytest.mark.parametrize(
    "flag",
    [
        *("inconvenient:", "inconvenient:12-14", "inconvenient:25:00-26:00"),
        *("inconvenient:12:00-12:00", "inconvenient:day:12:00-14:00", "inconvenient"),
        *("inconvenient:sat+:08:00-12:00", "inconvenient:08:00-12:00 "),
    ],
)
def test_what_cannot_be_read_blocks_at_all_times(flag: str) -> None:
    assert read(flag) is None
    verdict = judge(case(flag), at("2026-11-24T10:00:00"), BOOK)
    assert [r.rule for r in verdict.reasons] == [f"accord.flags.{flag}"]


def test_no_consent_opens_told_hours_and_every_zone_counts() -> None:
    now = at("2026-11-24T13:00:00")
    for scope in ("night", "any"):
        consent = Consent(scope, now - timedelta(days=1), now + timedelta(days=1))
        agreed = replace(case(NOON), consents=(consent,))
        assert not judge(agreed, now, BOOK).allowed
    two = replace(case(NOON), zones=("Asia/Shanghai", "Asia/Urumqi"))
    # 14:00-16:00 in Shanghai is noon in Urumqi
    assert judge(two, now, BOOK).next_allowed == at("2026-11-24T16:00:00")


def test_with_another_flag_no_time_helps() -> None:
    verdict = judge(case(NOON, "cease"), at("2026-11-24T13:00:00"), BOOK)
    assert {r.rule for r in verdict.reasons} == {
        "accord.inconvenient",
        "accord.flags.cease",
    }
    assert verdict.next_allowed is None


def test_next_allowed_is_the_first_allowed_minute() -> None:
    now = at("2026-11-27T11:00:00")
    told = case(NOON, WEEKEND, NIGHT)
    for n in range(0, 3 * 1440, 7):
        when = now + timedelta(minutes=n)
        verdict = judge(told, when, BOOK)
        if not verdict.allowed:
            assert verdict.next_allowed is not None
            assert judge(told, verdict.next_allowed, BOOK).allowed
            last = verdict.next_allowed - timedelta(microseconds=1)
            assert not judge(told, last, BOOK).allowed
