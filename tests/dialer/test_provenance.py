"""R1: three different kinds, each with a reference and a date that is not to come."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations, product

import pytest

from dialer.compliance import packs
from dialer.compliance.rules import Sources
from dialer.contacts.provenance import KINDS, NEEDED, assess
from dialer.model import Source
from dialer.settings import shipped

TODAY = date(2026, 11, 24)


def source(kind: str, reference: str = "R-1", dated: date = TODAY) -> Source:
    return Source(kind, reference, dated)


@pytest.mark.parametrize("kinds", list(combinations(KINDS, 3)))
def test_any_three_different_kinds_suffice(kinds: tuple[str, ...]) -> None:
    found = assess([source(kind) for kind in kinds], TODAY)
    assert found.dialable
    assert found.kinds == kinds
    assert found.reasons == ()


@pytest.mark.parametrize("kinds", list(product(list(KINDS)[:2], repeat=3)))
def test_two_kinds_never_do_however_often(kinds: tuple[str, ...]) -> None:
    found = assess([source(kind) for kind in kinds], TODAY)
    assert not found.dialable
    assert len(found.kinds) == len(set(kinds))
    assert f"{len(set(kinds))} of 3" in found.reasons[0]


TWO = [source("court_document"), source("filed_contract")]
FAULTS = [
    (source("bought_list"), "its kind is none of"),
    (source("Court_Document "), "its kind is none of"),
    (source("given_by_person", "  "), "no reference"),
    (source("given_by_person", "R", TODAY + timedelta(days=1)), "in the future"),
]


@pytest.mark.parametrize(("third", "reason"), FAULTS)
def test_a_source_with_a_fault_counts_for_nothing(third: Source, reason: str) -> None:
    found = assess([*TWO, third], TODAY)
    assert not found.dialable
    assert "source 3" in found.reasons[1]
    assert reason in found.reasons[1]
    assert assess([*TWO, third, source("public_register")], TODAY).dialable


def test_no_source_is_no_support() -> None:
    assert not assess([], TODAY).dialable
    assert "0 of 3" in assess([], TODAY).reasons[0]


def test_reasons_hold_nothing_of_the_source() -> None:
    secret = Source("张伟13800138000", "案-77", TODAY)
    assert not any("张伟" in r or "案-77" in r for r in assess([secret], TODAY).reasons)


def test_the_gate_counts_the_same_kinds() -> None:
    book = packs.load(shipped("config"), today=TODAY)
    (rule,) = [r for _, r in book.rules() if isinstance(r, Sources)]
    assert set(rule.kinds) == set(KINDS)
    assert rule.at_least == NEEDED
