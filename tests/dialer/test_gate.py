"""The gate, rule by rule, at the borders where rules break."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer.compliance.gate import judge, make_judge
from dialer.compliance.packs import load
from dialer.model import Case, Consent, Verdict

BOOK = load(Path(__file__).parents[2] / "config", today=date(2026, 11, 24))
ALWAYS = Consent(
    "any", datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
)
DAY = timedelta(days=1)

CN = Case(
    number="+8613800138000",
    person="P1",
    account="A1",
    zones=("Asia/Shanghai",),
    locations=("CN-32",),
    sources=("court_document", "filed_contract", "business_registration"),
    reviewers=("r1", "r2"),
    importer="i1",
)
US = replace(CN, zones=("America/New_York",), locations=("US-NY",), consents=(ALWAYS,))
GB = replace(CN, zones=("Europe/London",), locations=("GB-ENG",))
SOMEWHERE = replace(GB, locations=("GB",))
IE = replace(CN, zones=("Europe/Dublin",), locations=("IE",))
AU = replace(CN, zones=("Australia/Sydney",), locations=("AU-NSW",))
IN = replace(CN, zones=("Asia/Kolkata",), locations=("IN-MH",))
DE = replace(CN, zones=("Europe/Berlin",), locations=("DE-BY",))
NV = replace(US, zones=("America/Los_Angeles",), locations=("US-NV",))
PA = replace(US, locations=("US-PA",))


def at(case: Case, text: str) -> datetime:
    """Local time in the case's first zone, as UTC."""
    return (
        datetime.fromisoformat(text)
        .replace(tzinfo=ZoneInfo(case.zones[0]))
        .astimezone(UTC)
    )


def ruled(case: Case, now: datetime) -> set[str]:
    return {reason.rule for reason in judge(case, now, BOOK).reasons}


HOURS: list[tuple[str, Case, str, str]] = [
    # rule that refuses ("" allowed), case, local time, why it is a border
    ("cn.hours", CN, "2026-11-24 07:59:59.999999", "last instant of the night"),
    ("", CN, "2026-11-24 08:00:00", "start-inclusive"),
    ("", CN, "2026-11-24 21:59:59.999999", "last open instant"),
    ("cn.hours", CN, "2026-11-24 22:00:00", "end-exclusive"),
    ("", CN, "2026-02-17 10:00:00", "Spring Festival: no rule depends on it"),
    ("", CN, "2028-02-29 08:00:00", "leap day"),
    ("us.hours", US, "2026-11-24 07:59:59", ""),
    ("", US, "2026-11-24 08:00:00", ""),
    ("", US, "2026-11-24 20:59:59", ""),
    ("us.hours", US, "2026-11-24 21:00:00", ""),
    ("", US, "2026-03-08 08:00:00", "clocks went forward at 02:00"),
    ("us.hours", US, "2026-03-08 07:59:59", "clocks went forward at 02:00"),
    ("us.hours", US, "2026-11-01 07:59:59", "clocks went back at 02:00"),
    ("", US, "2026-11-01 20:59:59", "clocks went back at 02:00"),
    ("us-nv.hours", NV, "2026-11-24 08:30:00", "open for us, not for us-nv"),
    ("", NV, "2026-11-24 09:00:00", ""),
    ("us-nv.hours", NV, "2026-11-24 20:00:00", ""),
    ("us-pa.hours", PA, "2026-11-22 13:29:59", "Sunday"),
    ("", PA, "2026-11-22 13:30:00", "Sunday"),
    ("accord.hours", GB, "2026-11-24 08:59:59", "no hours stated: ours"),
    ("", GB, "2026-11-24 09:00:00", ""),
    ("accord.hours", GB, "2026-11-24 20:00:00", ""),
    ("accord.hours", GB, "2026-11-21 09:59:59", "Saturday"),
    ("", GB, "2026-11-21 10:00:00", "Saturday"),
    ("accord.hours", GB, "2026-11-21 17:00:00", "Saturday"),
    ("accord.hours", GB, "2026-11-22 12:00:00", "Sunday"),
    ("accord.hours", GB, "2026-12-25 12:00:00", "Christmas, a Friday"),
    ("accord.hours", GB, "2026-12-28 12:00:00", "Boxing Day observed, a Monday"),
    ("accord.hours", GB, "2026-08-31 12:00:00", "bank holiday of England"),
    ("", GB, "2026-03-17 12:00:00", "a holiday of Northern Ireland, not of England"),
    ("accord.hours", SOMEWHERE, "2026-03-17 12:00:00", "which may be Northern Ireland"),
    ("", SOMEWHERE, "2026-03-18 12:00:00", ""),
    ("", DE, "2026-11-24 09:00:00", "an EU country without hours: ours"),
    ("accord.hours", DE, "2026-11-01 12:00:00", "All Saints in Bavaria, a Sunday"),
    ("accord.hours", DE, "2026-01-06 12:00:00", "Epiphany in Bavaria, a Tuesday"),
    ("ie.hours", IE, "2026-11-24 08:59:59", ""),
    ("", IE, "2026-11-24 09:00:00", ""),
    ("", IE, "2026-11-21 20:59:59", "Saturday is a weekday there"),
    ("ie.hours", IE, "2026-11-24 21:00:00", ""),
    ("ie.hours", IE, "2026-11-22 12:00:00", "Sunday"),
    ("ie.hours", IE, "2026-10-26 12:00:00", "October bank holiday, a Monday"),
    ("", AU, "2026-11-24 07:30:00", "Tuesday"),
    ("au.hours", AU, "2026-11-24 07:29:59", "Tuesday"),
    ("au.hours", AU, "2026-11-21 08:59:59", "Saturday"),
    ("", AU, "2026-11-22 09:00:00", "Sunday"),
    ("au.hours", AU, "2026-01-26 12:00:00", "Australia Day, a Monday"),
    ("", IN, "2026-11-24 08:00:00", "half-hour zone"),
    ("in.hours", IN, "2026-11-24 19:00:00", "half-hour zone"),
    ("", CN, "2026-12-31 21:59:59", "year end"),
    ("cn.hours", CN, "2027-01-01 00:00:00", "year end"),
]


@pytest.mark.parametrize(("rule", "case", "local", "why"), HOURS)
def test_hours(rule: str, case: Case, local: str, why: str) -> None:
    assert ruled(case, at(case, local)) == ({rule} if rule else set()), why


def test_every_candidate_zone_must_be_open() -> None:
    both = replace(US, zones=("America/New_York", "America/Los_Angeles"))
    verdict = judge(both, at(US, "2026-11-24 10:00"), BOOK)  # 07:00 in Los Angeles
    assert [r.rule for r in verdict.reasons] == ["us.hours"]
    assert "America/Los_Angeles" in verdict.reasons[0].detail
    assert verdict.next_allowed == at(US, "2026-11-24 11:00")


def test_a_zone_implies_its_country() -> None:
    """A Chinese location and a British zone: both countries' rules."""
    case = replace(CN, zones=("Asia/Shanghai", "Europe/London"))
    assert ruled(case, at(CN, "2026-11-24 19:30")) == set()  # 11:30 in London
    assert ruled(case, at(CN, "2026-11-22 19:30")) == {"accord.hours"}  # a Sunday


def test_an_old_zone_name_implies_its_country() -> None:
    case = replace(CN, locations=("GB",), zones=("PRC",))
    assert "cn.hours" in ruled(case, at(CN, "2026-11-24 23:00"))


def test_an_asked_pack_applies_and_an_unknown_one_refuses() -> None:
    asked = replace(CN, packs=("in",))
    assert ruled(asked, at(CN, "2026-11-24 19:30")) == {"in.hours"}
    assert ruled(replace(CN, packs=("cn2",)), at(CN, "2026-11-24 12:00")) == {
        "accord.facts.packs"
    }


# --- consent


def night(start: datetime, end: datetime, scope: str = "night") -> Case:
    return replace(CN, consents=(Consent(scope, start, end),))


def test_agreed_night_hours_open_from_and_close_at_the_consents_borders() -> None:
    start, end = at(CN, "2026-11-24 22:30"), at(CN, "2026-11-25 01:00")
    case = night(start, end)
    assert not judge(case, start - timedelta(microseconds=1), BOOK).allowed
    assert judge(case, start, BOOK).allowed
    assert judge(case, end - timedelta(microseconds=1), BOOK).allowed
    assert not judge(case, end, BOOK).allowed
    assert judge(case, at(CN, "2026-11-24 22:00"), BOOK).next_allowed == start
    assert judge(case, end, BOOK).next_allowed == at(CN, "2026-11-25 08:00")


def test_consent_opens_no_hours_where_the_rule_does_not_say_so() -> None:
    assert ruled(US, at(US, "2026-11-24 22:00")) == {"us.hours"}
    agreed = replace(IE, consents=(ALWAYS,))
    assert ruled(agreed, at(IE, "2026-11-22 12:00")) == set()  # Sunday: opened
    assert ruled(agreed, at(IE, "2026-11-22 21:00")) == {"ie.hours"}  # night: not
    at_night = replace(IE, consents=(replace(ALWAYS, scope="night"),))
    assert ruled(at_night, at(IE, "2026-11-22 12:00")) == {"ie.hours"}


def test_an_artificial_voice_needs_consent_in_the_us() -> None:
    now = at(US, "2026-11-24 12:00")
    assert ruled(replace(US, consents=()), now) == {"us.artificial_voice"}
    nightly = replace(ALWAYS, scope="night")
    assert ruled(replace(US, consents=(nightly,)), now) == {"us.artificial_voice"}
    past = Consent("any", now - 2 * DAY, now)  # ends now: end-exclusive
    assert ruled(replace(US, consents=(past,)), now) == {"us.artificial_voice"}
    assert judge(replace(US, consents=(past,)), now, BOOK).next_allowed is None
    later = Consent("any", now + DAY, now + 2 * DAY)
    assert judge(replace(US, consents=(later,)), now, BOOK).next_allowed == now + DAY


def test_all_reasons_are_given_with_what_they_rest_on() -> None:
    case = replace(
        US, zones=(), flags=("attorney",), sources=(), reviewers=(), consents=()
    )
    verdict = judge(case, at(US, "2026-11-24 23:00"), BOOK)
    assert {r.rule for r in verdict.reasons} == {
        "accord.facts.zones",
        "accord.flags.attorney",
        "us.flags.attorney",
        "accord.sources",
        "accord.reviews",
        "us.artificial_voice",
    }
    assert all(r.citation and r.detail for r in verdict.reasons)


def test_the_judge_of_a_rulebook_is_the_same_gate() -> None:
    now = at(CN, "2026-11-24 23:00")
    verdict: Verdict = make_judge(BOOK)(CN, now)
    assert verdict == judge(CN, now, BOOK)


def test_the_next_instant_skips_nights_weekends_and_holidays() -> None:
    """Thursday evening before Christmas 2026 in England: open on Tuesday the 29th."""
    verdict = judge(GB, at(GB, "2026-12-24 20:00"), BOOK)
    assert verdict.next_allowed == at(GB, "2026-12-29 09:00")


def test_zones_that_are_never_open_together_have_no_next_instant() -> None:
    """09:00-20:00 in Auckland and in London, 11 to 13 hours apart, never meet."""
    apart = replace(CN, zones=("Pacific/Auckland", "Europe/London"), locations=("NZ",))
    assert judge(apart, at(CN, "2026-11-24 12:00"), BOOK).next_allowed is None
