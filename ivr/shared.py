"""The clips that every call of a language shares: what can be rendered before there is
any contact, and shipped."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product

from ivr import fill
from ivr.library import Library
from ivr.port import CaseFacts, Option
from ivr.template import PRODUCTS


def shared_clips(library: Library, language: str, agency: str) -> list[str]:
    """Every clip without personal words, of first and later calls, in any month."""
    option = Option("instalments", 2, Decimal(1), Decimal(2))
    case = CaseFacts(
        language=language,
        script="mediation",
        name="-",
        agency=agency,
        creditor="-",
        account_tail="0",
        amount=Decimal(1),
        currency="CNY",
        due=date(2026, 1, 1),
        today=datetime(2026, 1, 1, 10, tzinfo=UTC),
        options=(option, option, option),
    )
    found: dict[str, None] = dict.fromkeys(library.fragments[language].months)
    kinds = product(PRODUCTS, ("debtor", "guarantor"), (1, 2, 3, 4, 5))
    for of_debt, role, stage in kinds:
        whose = replace(case, product=of_debt, role=role, stage=stage)
        for first_call in (True, False):
            for clip in fill.clips(library, replace(whose, first_call=first_call)):
                if not clip.personal:
                    found[clip.text] = None
    return list(found)
