"""Product and role: from the file, through the vault, into the conversation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dialer.call.facts import Terms, case_facts
from ivr import dialogue
from ivr.port import CaseFacts, Say, Understood
from tests.kit.contacts import HEADER, NOW, House, line, open_house
from tests.kit.offers import SHIPPED
from tests.kit.stores import contact, personal
from tests.templates.cases import library

TERMS = Terms({"zh": "A", "en": "A"}, "mediation", "rent", (), SHIPPED)


async def case_of(house: House, cells: dict[str, str]) -> CaseFacts:
    """Import one row and read back what a call would know of it."""
    header = HEADER + "".join(f",{name}" for name in cells)
    path = house.home / "people.csv"
    path.write_text(f"{header}\n{line(1, **cells)}\n", "utf-8")
    report = await house.take(path)
    assert report.batch.accepted == 1, report.problems
    found = await house.stores.contacts.find(
        house.stores.vault.token("number", "+12125550001")
    )
    known = found[0][0]
    personal = await house.stores.vault.get(known.contact_id)
    return case_facts(personal, known, TERMS, NOW, 0)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, ("rent", "debtor")),  # what the campaign says, and the one who owes
        ({"product": "", "role": ""}, ("rent", "debtor")),
        ({"Debt type": "Credit Card", "party": "Guarantor"}, ("card", "guarantor")),
        ({"债务类型": "货款", "角色": "担保人"}, ("invoice", "guarantor")),
        ({"产品": "个人贷款", "角色": "借款人"}, ("loan", "debtor")),
    ],
)
async def test_the_file_says_what_is_owed_and_by_whom(
    tmp_path: Path, cells: dict[str, str], expected: tuple[str, str]
) -> None:
    async with open_house(tmp_path) as house:
        case = await case_of(house, cells)
    assert (case.product, case.role) == expected


async def test_a_word_that_is_neither_is_told(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        path = house.home / "people.csv"
        row = line(1, product="boat", role="cousin")
        path.write_text(f"{HEADER},product,role\n{row}\n", "utf-8")
        report = await house.take(path)
    told = [(p.column, p.expected) for p in report.problems]
    assert told == [
        ("product", "loan, card, invoice, rent"),
        ("role", "debtor, guarantor"),
    ]


def test_a_guarantor_of_an_invoice_hears_words_of_both() -> None:
    someone = replace(personal(1), product="invoice", role="guarantor")
    case = case_facts(someone, contact(1, language="en"), TERMS, NOW, 0)
    position, _ = dialogue.begin(library(), case)
    meant = Understood("identity_yes", 1.0, "key")
    _, actions = dialogue.respond(library(), case, position, meant)
    said = [a.template for a in actions if isinstance(a, Say)]
    assert "debt_statement_guarantor_invoice" in said
