"""From a conversation's facts to a commitment: only what was read back counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from dialer import planning
from dialer.agreements.sums import Sums
from dialer.call.agreed import Agreed, Heard, agreed, commit
from dialer.call.facts import Terms, case_facts
from dialer.model import Disposition, Outcome
from dialer.offers.plans import Wish
from dialer.settings import Settings
from dialer.store.port import KeyMissing, StoreDown
from ivr import fill
from ivr.port import CaseFacts, WeighedDay
from tests.kit.offers import SHIPPED
from tests.kit.stores import NOW, contact, personal
from tests.templates.cases import library

TERMS = Terms({"zh": "A"}, "mediation", "loan", (), SHIPPED)
NODES = ("identity", "debt", "plan", "date", "final", "plan")
TODAY = date(2026, 11, 24)
SOMEONE = replace(personal(), amount=Decimal("3000.01"))


def heard(option: str, day: str = "2026-12-05", **changes: object) -> Heard:
    facts = {"option": option, "promise_date": day}
    known = {k: v for k, v in facts.items() if v}
    plain = Heard(Disposition.AGREED_PLAN, known, NODES, TODAY)
    return replace(plain, **changes)  # type: ignore[arg-type]


def made(found: Agreed | None) -> tuple[str, int, Sums]:
    assert found is not None
    assert found.sums is not None
    assert found.commitment.commit == found.sums.commit
    return found.commitment.kind, len(found.commitment.due), found.sums


def test_every_option_that_is_spoken_can_be_agreed_to_exactly() -> None:
    case = case_facts(SOMEONE, contact(), TERMS, NOW, 0)
    for number, option in enumerate(case.options, 1):
        found = agreed(heard(str(number)), SOMEONE, TERMS)
        if option.name == "mediation":
            assert found is not None
            assert (found.commitment.due, found.sums) == ((), None)
            continue
        kind, parts, sums = made(found)
        assert (kind, parts) == (option.name, len(sums.sums))
        assert sum(sums.sums) == option.total * 100
        assert sums.sums[0] == option.each * 100


def test_due_dates_begin_with_the_day_they_named_or_the_next_open_one() -> None:
    found = agreed(heard("1"), SOMEONE, TERMS)
    assert found is not None
    assert found.commitment.due[:3] == (
        date(2026, 12, 7),  # they said Saturday the fifth
        date(2027, 1, 5),
        date(2027, 2, 5),
    )
    assert found.commitment.grace_days == 5
    assert found.commitment.nodes == NODES[:5]


def test_a_promise_of_all_is_one_part() -> None:
    told = heard("full", disposition=Disposition.PROMISED)
    kind, parts, sums = made(agreed(told, SOMEONE, TERMS))
    assert (kind, parts, sums.sums) == ("full", 1, (300_001,))


def test_a_promise_without_a_known_sum_binds_to_none() -> None:
    told = heard("full", disposition=Disposition.PROMISED)
    found = agreed(told, replace(SOMEONE, amount=None), TERMS)
    assert found is not None
    assert (found.sums, found.commitment.commit) == (None, "")
    assert len(found.commitment.due) == 1


def test_amounts_are_in_the_ledger_only_where_the_policy_shows_them() -> None:
    hidden = agreed(heard("2"), SOMEONE, TERMS)
    shown = agreed(heard("2", shows_amounts=True), SOMEONE, TERMS)
    assert hidden is not None
    assert shown is not None
    assert hidden.commitment.sums == ()
    assert shown.commitment.sums == (300_001,)


@pytest.mark.parametrize(
    "told",
    [
        heard("1", nodes=("identity", "plan", "plan")),
        heard("1", disposition=Disposition.NO_COMMITMENT),
        heard("1", disposition=Disposition.HUNG_UP),
        heard(""),
        heard("1", ""),
        heard("9"),
        heard("0"),
        heard("²"),
    ],
)
def test_what_was_not_read_back_whole_is_no_agreement(told: Heard) -> None:
    assert agreed(told, SOMEONE, TERMS) is None


def test_a_wish_that_is_lawful_is_the_option_they_hear() -> None:
    terms = replace(TERMS, wishes=(Wish("instalments", 6), Wish("instalments", 3)))
    found = agreed(heard("2"), SOMEONE, terms)
    assert made(found)[2].sums == (100_100, 100_100, 99_801)


@pytest.mark.parametrize(
    ("trouble", "day"),
    [(StoreDown("full"), ""), (KeyMissing("none"), ""), (None, "the fifth")],
)
async def test_what_cannot_be_kept_costs_no_end_of_a_call(
    trouble: Exception | None, day: str
) -> None:
    async def keep(sums: Sums) -> None:
        if trouble:
            raise trouble

    told = heard("1", day or "2026-12-05")
    ended = Outcome(Disposition.AGREED_PLAN, NOW, facts={"option": "1"})
    found = await commit(ended, told, SOMEONE, TERMS, keep=keep)
    assert found.commitment is None
    assert "could not be kept" in found.facts["agreement_refused"]
    assert replace(found, facts=ended.facts) == ended


def weighed(case: CaseFacts, monthly: str) -> tuple[str, int]:
    assert case.bargain is not None
    found = case.bargain.amount(Decimal(monthly))
    return found.answer, found.plan


def test_a_sum_of_their_own_is_weighed_by_the_policy_and_can_be_agreed_to() -> None:
    """Of 3000.01 the shipped policy allows 3, 6 and 12 parts: 1001, 501 and 251."""
    case = case_facts(SOMEONE, contact(), TERMS, NOW, 0)
    every = (*case.options, *case.others)
    assert [o.months for o in case.others] == [3, 6]
    for monthly, answer, months, last in (
        ("501", "accepted", 6, "495.01"),
        ("1001", "accepted", 3, "998.01"),
        ("600", "lighter", 6, "495.01"),
        ("200", "nearest", 12, "239.01"),
        ("100", "person", 0, ""),
        ("5000", "full", 0, ""),
    ):
        told, number = weighed(case, monthly)
        assert told == answer, monthly
        if not months:
            assert number == 0
            continue
        plan = every[number - 1]
        assert (plan.months, plan.last) == (months, Decimal(last))
        found = agreed(heard(str(number)), SOMEONE, TERMS)
        assert made(found)[2].sums[-1] == int(plan.last * 100)


def test_the_uneven_last_part_is_read_back() -> None:
    terms = replace(TERMS, agency={"en": "A"})
    case = case_facts(SOMEONE, contact(language="en"), terms, NOW, 0)
    say = fill.say(library(), case, "read_counter", facts={"option": "5"})
    plan = "It would be five hundred one yuan a month for six months."
    last = "The last payment is four hundred ninety-five yuan and one fen."
    assert f"{plan} {last}" in say.text
    assert set(say.clips) <= set(fill.all_clips(library(), case))
    assert "hundred" not in say.shown


def test_days_off_are_those_of_where_they_are(tmp_path: Path) -> None:
    book = planning.book(Settings(home=tmp_path), TODAY)
    closed_in = planning.closed_in(book.calendars)
    terms = replace(TERMS, closed_in=closed_in)
    here = contact()
    new_year = date(2027, 1, 1)
    case = case_facts(SOMEONE, replace(here, locations=("US",)), terms, NOW, 0)
    assert case.bargain is not None
    assert case.bargain.day(new_year) == WeighedDay("moved", date(2027, 1, 4))
    assert case.bargain.day(date(2026, 12, 4)) == WeighedDay("asked", date(2026, 12, 4))
    assert case.bargain.day(date(2027, 2, 3)) == WeighedDay("latest", date(2027, 1, 25))
    assert case.bargain.day(date(2027, 3, 1)) == WeighedDay("person")
    told = heard("1", "2026-12-01", closed=closed_in("US"))
    found = agreed(told, SOMEONE, TERMS)
    assert found is not None
    assert new_year not in found.commitment.due
    assert closed_in("")(date(2026, 12, 5))  # unknown: weekends
