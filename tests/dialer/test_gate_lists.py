"""What time does not change: flags, provenance, review; and what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dialer.compliance.gate import judge
from dialer.model import Case, Consent
from tests.dialer.test_gate import BOOK, CN, DAY, GB, US, at, ruled
from tests.dialer.test_gate_frequency import call


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


def test_a_number_whose_sources_are_too_old_is_not_called() -> None:
    """Five years; what will be too old when hours open next has no next instant."""
    noon, night = at(CN, "2026-11-24 12:00"), at(CN, "2026-11-24 23:30")
    old = {days: noon.date() - timedelta(days=days) for days in (1825, 1826, 1827)}
    cases = {days: replace(CN, dated=since) for days, since in old.items()}
    assert judge(cases[1826], noon, BOOK).allowed
    late = judge(cases[1827], noon, BOOK)
    assert [r.rule for r in late.reasons] == ["accord.age"]
    assert "1827 days old, at most 1826" in late.reasons[0].detail
    assert late.next_allowed is None
    assert judge(cases[1825], night, BOOK).next_allowed is not None
    assert judge(cases[1826], night, BOOK).next_allowed is None
    odd = judge(replace(CN, dated="2026"), noon, BOOK)  # type: ignore[arg-type]
    assert [r.rule for r in odd.reasons] == ["accord.facts.dated"]
