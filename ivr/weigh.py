"""A sum or a day that a callee names, weighed before anything is said about it.

The creditor's policy decides (`CaseFacts.bargain`), for the callee where it can. Where
no policy is known a sum is for a person to look at, and a day counts if it is not too
far ahead. The facts `weighed` and `day` say what came of it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ivr.port import CaseFacts, WeighedDay, WeighedSum

LATEST = 90  #: days ahead that a first payment may be, where no policy is known


def weighed(kept: dict[str, str], case: CaseFacts) -> dict[str, str]:
    """What is to be remembered of what a turn brought: facts by name."""
    found = dict(kept)
    if "promise_amount" in kept:
        found |= _amount(Decimal(kept["promise_amount"]), case)
    if "promise_date" in kept:
        found |= _day(date.fromisoformat(kept["promise_date"][:10]), case)
    return found


def _amount(monthly: Decimal, case: CaseFacts) -> dict[str, str]:
    answer = case.bargain.amount(monthly) if case.bargain else WeighedSum("person")
    chosen = {"option": str(answer.plan)} if answer.plan else {}
    return {"weighed": answer.answer, **chosen}


def _day(day: date, case: CaseFacts) -> dict[str, str]:
    if case.bargain:
        answer = case.bargain.day(day)
    else:
        far = (day - case.today.date()).days > LATEST
        answer = WeighedDay("person" if far else "asked", None if far else day)
    lawful = answer.day.isoformat() if answer.day else ""
    return {"day": answer.answer, "promise_date": lawful}
