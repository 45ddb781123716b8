"""The gate, rule by rule, at the borders where rules break."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dialer.compliance.gate import judge, make_judge
from dialer.compliance.packs import load
from dialer.model import Case, Consent, PastCall, Verdict

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


def call(when: datetime, outcome: str = "answered", **other: Any) -> PastCall:
    base = PastCall(when, "out", outcome, CN.number, CN.account)
    return replace(base, **other)


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
    assert judge(replace(US, consents=(past,)), now, BOOK).next_allowed is None
    later = Consent("any", now + DAY, now + 2 * DAY)
    assert judge(replace(US, consents=(later,)), now, BOOK).next_allowed == now + DAY


# --- frequency and waiting


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


# --- lists


@pytest.mark.parametrize(
    "flag",
    ["do_not_call", "attorney", "cease", "dispute", "workplace", "deceased", "?"],
)
@pytest.mark.parametrize("case", [CN, US, GB])
def test_every_flag_blocks_everywhere_and_for_good(flag: str, case: Case) -> None:
    verdict = judge(replace(case, flags=(flag,)), at(case, "2026-11-24 12:00"), BOOK)
    assert f"accord.flags.{flag}" in {r.rule for r in verdict.reasons}
    assert verdict.next_allowed is None


@pytest.mark.parametrize(
    "sources",
    [
        (),
        ("court_document", "filed_contract"),
        ("court_document", "court_document", "court_document"),
        ("court_document", "filed_contract", "skip_tracing"),
        ("court_document", "filed_contract", "Public_Register"),
    ],
)
def test_fewer_than_three_known_kinds_of_source_block(sources: tuple[str, ...]) -> None:
    verdict = judge(replace(CN, sources=sources), at(CN, "2026-11-24 12:00"), BOOK)
    assert [r.rule for r in verdict.reasons] == ["accord.sources"]
    assert verdict.next_allowed is None


@pytest.mark.parametrize(
    ("reviewers", "importer", "allowed"),
    [
        (("r1", "r2"), "i1", True),
        (("r1", "r2", "i1"), "i1", True),
        (("r1",), "i1", False),
        (("r1", "r1"), "i1", False),
        (("r1", " R1 "), "i1", False),
        (("r1", "i1"), "i1", False),
        (("r1", "I1"), "i1", False),
        ((), "i1", False),
    ],
)
def test_two_other_people_must_approve(
    reviewers: tuple[str, ...], importer: str, allowed: bool
) -> None:
    case = replace(CN, reviewers=reviewers, importer=importer)
    assert ruled(case, at(CN, "2026-11-24 12:00")) == (
        set() if allowed else {"accord.reviews"}
    )


# --- unknown means no


NOON = at(CN, "2026-11-24 12:00")
BROKEN: dict[str, Any] = {
    "zones": [
        (),
        ("Etc/Unknown",),
        ("asia/shanghai",),
        ("../etc/passwd",),
        ("",),
        None,
    ],
    "locations": [(), ("XX",), ("cn-32",), ("CN-32", "Mars"), ["CN-32"], (5,)],
    "sources": [None, 7],
    "reviewers": [("r1", None)],
    "flags": [None, (3,)],
    "packs": ["cn"],
    "number": ["", None, "  "],
    "person": ["", 9],
    "account": ["", None],
    "importer": ["", None],
    "purpose": ["", "marketing", None, []],
    "history": [
        None,
        ("call",),
        (call(datetime(2026, 11, 1)),),  # noqa: DTZ001 - naive on purpose
        (call(NOON, "spoke"),),
        (call(NOON, direction="up"),),
        (call(datetime(9999, 12, 31, tzinfo=UTC)),),
        (call("yesterday"),),  # type: ignore[arg-type]
    ],
    "consents": [
        None,
        ("night",),
        (Consent("all", NOON, NOON + DAY),),
        (Consent("any", NOON, NOON),),
        (Consent("any", None, None),),  # type: ignore[arg-type]
    ],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, v) for name, values in BROKEN.items() for v in values]
)
def test_what_is_unknown_or_odd_refuses_and_never_raises(name: str, value: Any) -> None:
    verdict = judge(replace(CN, **{name: value}), NOON, BOOK)
    assert not verdict.allowed
    assert verdict.next_allowed is None
    assert verdict.reasons


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 24, 12),  # noqa: DTZ001 - naive on purpose
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
        None,
    ],
)
def test_an_odd_now_refuses(now: Any) -> None:
    verdict = judge(CN, now, BOOK)
    assert [r.rule for r in verdict.reasons] == ["accord.facts.at"]


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
    assert judge(apart, NOON, BOOK).next_allowed is None
