"""What must hold of any case: Hypothesis looks for one where it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.compliance.gate import _judged, judge, make_judge
from dialer.model import Case, Consent, PastCall
from tests.dialer.test_gate import BOOK, CN

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
PLACES = [
    (("CN-32",), ("Asia/Shanghai",)),
    (("CN-65",), ("Asia/Shanghai", "Asia/Urumqi")),
    (("US-NV",), ("America/Los_Angeles", "America/Denver")),
    (("US-PA",), ("America/New_York",)),
    (("US",), ("America/New_York", "Pacific/Honolulu")),
    (("GB",), ("Europe/London",)),
    (("IE",), ("Europe/Dublin",)),
    (("AU-NSW",), ("Australia/Sydney", "Australia/Lord_Howe")),
    (("IN",), ("Asia/Kolkata",)),
    (("DE",), ("Europe/Berlin",)),
    (("EG",), ("Africa/Cairo",)),
    (("CN-11", "GB"), ("Asia/Shanghai", "Europe/London")),
]
#: Around clock changes, a leap day, a year's end, and anywhere.
EDGES = [
    datetime(2026, 3, 8, 10, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 9, tzinfo=UTC),
    datetime(2026, 4, 4, 16, tzinfo=UTC),
    datetime(2028, 2, 29, 0, tzinfo=UTC),
    datetime(2026, 12, 31, 23, tzinfo=UTC),
]
OFFSETS = st.integers(-3 * 86400, 3 * 86400).map(lambda s: timedelta(seconds=s))
NOWS = st.one_of(
    st.builds(lambda edge, offset: edge + offset, st.sampled_from(EDGES), OFFSETS),
    st.datetimes(datetime(2025, 6, 1), datetime(2028, 6, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)


@st.composite
def calls(draw: st.DrawFn, now: datetime) -> PastCall:
    back = draw(
        st.one_of(
            st.integers(0, 40 * 86400),
            st.sampled_from([1, 3, 7, 31]).map(lambda days: days * 86400),
        )
    )
    return PastCall(
        now - timedelta(seconds=back),
        draw(st.sampled_from(["out", "in"])),
        draw(st.sampled_from(["answered", "unanswered", "abandoned", "blocked"])),
        draw(st.sampled_from([CN.number, "+8613900139000", ""])),
        draw(st.sampled_from(["A1", "A2", ""])),
    )


@st.composite
def consents(draw: st.DrawFn, now: datetime) -> Consent:
    start = now + timedelta(hours=draw(st.integers(-100, 60)))
    length = timedelta(minutes=draw(st.integers(1, 10_000)))
    return Consent(draw(st.sampled_from(["night", "any"])), start, start + length)


AGES = (100, 1820, 1824, 1825, 1826, 1827)  # days; at most 1826


def aged(now: datetime, draw: st.DrawFn) -> date:
    return now.date() - timedelta(days=draw(st.sampled_from(AGES)))


@st.composite
def works(draw: st.DrawFn) -> tuple[Case, datetime]:
    now = draw(NOWS)
    locations, zones = draw(st.sampled_from(PLACES))
    return (
        replace(
            CN,
            locations=locations,
            zones=zones,
            history=tuple(draw(st.lists(calls(now), max_size=12))),
            consents=tuple(draw(st.lists(consents(now), max_size=3))),
            packs=draw(st.sampled_from([(), ("cn",), ("in", "us")])),
            dated=aged(now, draw) if draw(st.booleans()) else None,
        ),
        now,
    )


@given(works(), st.data())
@settings(max_examples=400, deadline=None)
def test_more_history_never_allows_more(
    work: tuple[Case, datetime], data: st.DataObject
) -> None:
    case, now = work
    more = replace(case, history=(*case.history, data.draw(calls(now))))
    verdict, later = judge(case, now, BOOK), judge(more, now, BOOK)
    assert verdict.allowed or not later.allowed
    assert {r.rule for r in verdict.reasons} <= {r.rule for r in later.reasons}
    if later.next_allowed is not None:
        assert verdict.allowed or (verdict.next_allowed or now) <= later.next_allowed


@given(works(), st.sampled_from(["cn", "us", "us-nv", "us-pa", "ie", "au", "in", "gb"]))
@settings(max_examples=400, deadline=None)
def test_a_further_pack_or_flag_never_allows_more(
    work: tuple[Case, datetime], pack: str
) -> None:
    case, now = work
    allowed = judge(case, now, BOOK).allowed
    assert (
        allowed
        or not judge(replace(case, packs=(*case.packs, pack)), now, BOOK).allowed
    )
    assert not judge(replace(case, flags=("cease",)), now, BOOK).allowed
    older = replace(case, dated=(case.dated or now.date()) - timedelta(days=9))
    assert allowed or case.dated is None or not judge(older, now, BOOK).allowed
    further = replace(case, zones=(*case.zones, "Asia/Tokyo"))
    assert allowed or not judge(further, now, BOOK).allowed


@given(works())
@settings(max_examples=200, deadline=None)
def test_next_allowed_is_allowed_and_nothing_before_it(
    work: tuple[Case, datetime],
) -> None:
    case, now = work
    verdict = judge(case, now, BOOK)
    if verdict.allowed:
        assert verdict.reasons == ()
        assert verdict.next_allowed is None
        return
    assert verdict.reasons
    opens = verdict.next_allowed
    until = opens or now + timedelta(days=60)
    if opens is not None:
        assert opens > now
        assert judge(case, opens, BOOK).allowed
        last = max(now, opens - timedelta(microseconds=1))
        assert not judge(case, last, BOOK).allowed
    step = max(MINUTE, (until - now) / 100)
    at = now
    while at < until:
        assert not judge(case, at, BOOK).allowed, at
        at += step


@given(works())
@settings(max_examples=40, deadline=None)
def test_next_allowed_is_the_first_allowed_minute(work: tuple[Case, datetime]) -> None:
    """Minute by minute, for the three days that most answers lie in."""
    case, now = work
    verdict = judge(case, now, BOOK)
    found = next(
        (
            n
            for n in range(0, 3 * 1440, 5)
            if judge(case, now + n * MINUTE, BOOK).allowed
        ),
        None,
    )
    if verdict.allowed:
        assert found == 0
    elif found is not None:
        assert verdict.next_allowed is not None
        assert now < verdict.next_allowed <= now + found * MINUTE


@given(works(), st.lists(st.integers(-2 * 86400, 2 * 86400), max_size=6))
@settings(max_examples=150, deadline=None)
def test_what_is_kept_for_all_of_a_kind_is_what_each_would_be_told(
    work: tuple[Case, datetime], offsets: list[int]
) -> None:
    case, now = work
    gate = make_judge(BOOK)
    for at in [now, *(now + timedelta(seconds=s) for s in offsets)]:
        since = gate.reach(case, at)
        later = tuple(call for call in case.history if call.at >= since)
        for one in (case, replace(case, history=later), replace(case, history=())):
            assert gate(one, at) == _judged(BOOK, one, at)
        assert gate(replace(case, history=later), at) == gate(case, at)
        if not later:
            other = replace(case, number="n", person="p", account="a", history=())
            assert gate(other, at) == gate(case, at)
