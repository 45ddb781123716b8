"""Who reviewed a batch, and why a number may be called or not."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from dialer.compliance import packs
from dialer.compliance.gate import make_judge
from dialer.contacts import review, shown
from dialer.contacts.explain import explain
from dialer.contacts.problem import Bad
from dialer.model import Case, Reason, Verdict
from dialer.settings import shipped
from dialer.store.port import Refused
from tests.kit.contacts import DEMO, NOW, SOURCES, House, line, open_house, said


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as found:
        yield found


async def test_at_the_demo_hour_the_gate_allows_just_the_good_rows(
    house: House,
) -> None:
    batch = (await house.take(DEMO)).batch.batch_id
    for who in ("bo", "cy"):
        await review.decide(house.stores.contacts, batch, said(who))
    judge = make_judge(packs.load(shipped("config"), today=NOW.date()))
    with DEMO.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    allowed = []
    for n in [*range(2, 36), *range(45, 62)]:
        phone, country = rows[n - 1][1], rows[n - 1][4][:2]
        found = await explain(phone, country, house.stores, judge=judge, now=NOW)
        allowed += [n] if found.contacts[0].verdict.allowed else []
    assert allowed == list(range(2, 36))


async def test_review_needs_two_others(house: House) -> None:
    batch = (await house.take(house.file(line(101)))).batch.batch_id
    contacts = house.stores.contacts
    for who in ("ann", "Ann "):
        with pytest.raises(Refused, match="imported this batch"):
            await review.decide(contacts, batch, said(who))
    first = await review.decide(contacts, batch[:6], said("bo"))
    assert not review.standing(first).approved
    with pytest.raises(Refused, match="already"):
        await review.decide(contacts, batch, said("BO"))
    second = await review.decide(contacts, batch, said("cy"))
    assert review.standing(second).approved
    third = await review.decide(contacts, batch, said("di", approved=False))
    assert not review.standing(third).approved


async def test_explain_tells_all_facts_and_the_verdict(house: House) -> None:
    few = SOURCES.rpartition(";")[0]
    await house.take(house.file(line(101, sources=few, do_not_call="yes")))
    asked: list[Case] = []

    def judge(case: Case, now: datetime) -> Verdict:
        asked.append(case)
        return Verdict(False, (Reason("r-1", "Act 1", "2 of 3"),), NOW)

    found = await explain("212 555 0101", "US", house.stores, judge=judge, now=NOW)
    (about,) = found.contacts
    assert found.masked == "+1 212****101"
    assert asked[0].flags == ("do_not_call",)
    assert asked[0].sources == ("court_document", "filed_contract")
    assert not about.provenance.dialable
    assert about.review.reasons == ("approved by 0 of 2 people",)
    assert {flag.scope for flag in about.flags} == {"person", "number"}
    text = "\n".join(shown.explanation_lines(found))
    for word in ("may not be called now", "r-1", "Act 1", "2 of 3", "do_not_call"):
        assert word in text
    assert "2125550101" not in text
    assert "Ann" not in text + str(shown.explanation_data(found))


async def test_explain_of_a_number_nobody_has(house: House) -> None:
    def judge(case: Case, now: datetime) -> Verdict:
        raise AssertionError("there is no case to judge")

    found = await explain("2125550199", "US", house.stores, judge=judge, now=NOW)
    assert found.contacts == ()
    assert "never called" in "\n".join(shown.explanation_lines(found))
    with pytest.raises(Bad):
        await explain("12", "US", house.stores, judge=judge, now=NOW)
