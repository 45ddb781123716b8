"""Offers: exact sums, inside the creditor's limits, whatever the account."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.contacts.rules import load_rules
from dialer.offers.days import month_after, open_day, schedule, weekend
from dialer.offers.plans import (
    MEDIATION,
    SPOKEN,
    Account,
    Desk,
    Found,
    Plan,
    Refusal,
    Wish,
    desk,
    instalments,
    make,
    offered,
    percent,
    split,
)
from dialer.offers.policy import Offers, OffersError, load_offers
from dialer.offers.proposal import (
    Accepted,
    Countered,
    Day,
    ForPerson,
    weigh_amount,
    weigh_date,
)
from dialer.settings import shipped
from tests.kit.offers import SHIPPED, STRICT_TOML, strict

TODAY = date(2026, 11, 24)
with tempfile.TemporaryDirectory() as folder:
    STRICT: Offers = strict(Path(folder))
DEBT = Account(Decimal("12300.05"), "CNY", "East Bank", "loan", date(2026, 5, 1))


def at(account: Account, offers: Offers = STRICT) -> Desk:
    found = desk(offers, account, TODAY)
    assert found is not None
    return found


def kinds(found: Found) -> list[tuple[str, int]]:
    return [(plan.kind, plan.months) for plan in found.plans]


ACCOUNTS = st.builds(
    lambda cents, code, creditor, product, age: Account(
        Decimal(cents) / (100 if code == "CNY" else 1),
        code,
        creditor,
        product,
        TODAY - timedelta(days=age),
    ),
    st.integers(1, 10**9),
    st.sampled_from(["CNY", "JPY"]),
    st.sampled_from(["East Bank", "West Bank"]),
    st.sampled_from(["loan", "card", "invoice", "rent"]),
    st.integers(-30, 3000),
)


@given(ACCOUNTS)
def test_every_plan_is_exact_and_within_the_limits(account: Account) -> None:
    here = at(account)
    rule = here.rule
    found = offered(STRICT, account, TODAY)
    assert len(found.plans) <= SPOKEN
    assert len(set(found.plans)) == len(found.plans)
    for plan in found.plans:
        assert all(part > 0 for part in plan.parts)
        assert plan.total <= here.owed, "never above what is owed"
        match plan.kind:
            case "instalments":
                assert plan.total == here.owed
                assert len(plan.parts) == plan.months
                assert plan.months in rule.instalments
                assert plan.each >= here.smallest
                assert set(plan.parts[:-1]) == {plan.each}
                assert plan.each % here.step == 0
                assert plan.parts[-1] <= plan.each
            case "deferral":
                assert plan.parts == (here.owed,)
                assert 0 < plan.months <= rule.deferral_months
            case "discount":
                most = Decimal(here.owed * (100 - percent(here))) / 100
                assert most <= plan.total < here.owed
            case kind:
                assert kind == "mediation"
                assert not plan.parts
    assert (MEDIATION in found.plans) == rule.mediation
    assert found.plans or not rule.mediation


@given(st.integers(1, 10**12), st.integers(1, 60), st.sampled_from([1, 100, 10_000]))
def test_parts_sum_to_the_total(owed: int, count: int, step: int) -> None:
    parts = split(owed, count, step)
    assert sum(parts) == owed
    assert len(parts) <= count
    assert max(parts) == parts[0]


@given(ACCOUNTS, st.integers(1, 1000))
def test_an_older_debt_is_never_offered_less_off(account: Account, days: int) -> None:
    assert account.due
    older = replace(account, due=account.due - timedelta(days=days))
    assert percent(at(older)) >= percent(at(account))


@given(ACCOUNTS)
def test_more_instalments_are_never_larger(account: Account) -> None:
    found = [plan.each for plan in instalments(at(account))]
    assert found == sorted(found, reverse=True)


@given(ACCOUNTS, st.integers(1, 10**6))
def test_a_greater_debt_never_means_smaller_instalments(
    account: Account, more: int
) -> None:
    larger = replace(account, owed=account.owed + more)
    before = {plan.months: plan.each for plan in instalments(at(account))}
    after = {plan.months: plan.each for plan in instalments(at(larger))}
    assert all(after[months] >= each for months, each in before.items())


# --- a few by hand


def test_what_helps_comes_first_and_mediation_is_always_there() -> None:
    old = replace(DEBT, due=date(2025, 5, 1))
    assert kinds(offered(STRICT, DEBT, TODAY)) == [
        ("discount", 1),
        ("instalments", 24),
        ("mediation", 0),
    ]
    young = replace(DEBT, due=date(2026, 11, 1))
    assert kinds(offered(STRICT, young, TODAY)) == [
        ("instalments", 24),
        ("deferral", 2),
        ("mediation", 0),
    ]
    assert offered(STRICT, old, TODAY).plans[0].total == 1_107_100  # 11070.045, up
    assert kinds(offered(STRICT, replace(DEBT, product="rent"), TODAY)) == [
        ("instalments", 2)
    ]


def test_wishes_keep_their_order_and_refusals_say_why() -> None:
    wishes = (
        Wish("instalments", 3),
        Wish("deferral", 2),
        Wish("discount", 1, Decimal(20)),
        Wish("instalments", 10),
    )
    found = offered(STRICT, DEBT, TODAY, wishes)
    assert kinds(found) == [("deferral", 2), ("instalments", 10), ("mediation", 0)]
    assert [(r.wish.kind, r.why) for r in found.refused] == [
        ("instalments", "3 months are not among 2, 4, 10, 24"),
        ("discount", "at most 10 percent may be taken off this debt"),
    ]
    small = replace(DEBT, owed=Decimal(900))
    refused = make(at(small), Wish("instalments", 10))
    assert isinstance(refused, Refusal)
    assert refused.why == "an instalment would be smaller than 100 CNY"


@pytest.mark.parametrize(
    "account",
    [
        replace(DEBT, currency="XAF"),
        replace(DEBT, owed=Decimal(0)),
        replace(DEBT, owed=Decimal("0.001")),
    ],
)
def test_without_a_known_sum_only_mediation_is_offered(account: Account) -> None:
    found = offered(STRICT, account, TODAY, (Wish("deferral"),))
    assert found.plans == (MEDIATION,)
    assert [r.wish for r in found.refused] == [Wish("deferral")]
    answer = weigh_amount(STRICT, account, Decimal(100), TODAY)
    assert isinstance(answer, ForPerson)


# --- their own proposals


@given(ACCOUNTS, st.integers(1, 10**7))
def test_a_counter_never_presses(account: Account, monthly: int) -> None:
    here = at(account)
    answer = weigh_amount(STRICT, account, Decimal(monthly), TODAY)
    if isinstance(answer, ForPerson):
        return
    plan = answer.plan
    assert plan.total == here.owed
    offer = here.money.minor(Decimal(monthly))
    if isinstance(answer, Accepted):
        assert plan.each == offer or (plan.kind == "full" and plan.each <= offer)
    else:
        assert plan in list(instalments(here))
        assert plan.each * 100 <= offer * (100 + here.rule.counter_percent)


@pytest.mark.parametrize(
    ("monthly", "answer"),
    [
        ("1230.05", Countered),  # in ten months, at 1231
        ("1231", Accepted),
        ("2000", Countered),  # ten months suffice
        ("500", Countered),  # 24 months at 513: a little more
        ("100", ForPerson),  # far too little: nobody is pressed
        ("0", ForPerson),
        ("20000", Accepted),  # all at once
    ],
)
def test_a_proposal_a_month(monthly: str, answer: type) -> None:
    found = weigh_amount(STRICT, DEBT, Decimal(monthly), TODAY)
    assert type(found) is answer


def test_the_nearest_plan_is_the_counter() -> None:
    found = weigh_amount(STRICT, DEBT, Decimal(500), TODAY)
    assert isinstance(found, Countered)
    assert found.plan == Plan(
        "instalments", 24, (51_300,) * 23 + (1_230_005 - 23 * 51_300,)
    )


def test_a_proposed_day() -> None:
    rule = STRICT.rule_for("East Bank", "loan")

    def weigh(ahead: int) -> Day | ForPerson:
        return weigh_date(rule, TODAY + timedelta(days=ahead), TODAY, weekend)

    assert weigh(3) == Day(date(2026, 11, 27), True)
    assert weigh(4) == Day(date(2026, 11, 30), True)  # a Saturday: Monday
    assert weigh(20) == Day(date(2026, 12, 14), True)
    assert weigh(26) == Day(date(2026, 12, 14), False)  # the last lawful day
    assert isinstance(weigh(27), ForPerson)
    assert isinstance(weigh(-1), ForPerson)


# --- days


@given(st.dates(date(2020, 1, 1), date(2090, 1, 1)), st.integers(1, 60))
def test_a_schedule_goes_month_by_month_on_open_days(first: date, count: int) -> None:
    found = schedule(first, count, weekend)
    assert len(found) == count
    assert list(found) == sorted(set(found))
    assert not any(map(weekend, found))
    for i, day in enumerate(found):
        assert timedelta(0) <= day - month_after(first, i) <= timedelta(days=2)


def test_the_end_of_a_short_month() -> None:
    assert month_after(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert month_after(date(2027, 11, 30), 3) == date(2028, 2, 29)
    assert open_day(TODAY, lambda day: True) == TODAY, "a calendar that is wrong"


# --- the file


def test_the_shipped_file_knows_every_currency_of_an_import() -> None:
    known = load_rules(shipped("config") / "import.toml").currencies
    assert {c: SHIPPED.currency[c].decimals for c in known} == dict(known)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('creditor = "*"', 'creditor = "West"', "rule: no rule for creditor"),
        ("[2, 4, 10, 24]", "[2, 2]", "rule.0.instalments: a number"),
        ('products = ["rent"]', "", "rule: 2 rules for 'East Bank'"),
        ("percent = 25", "percent = 95", "rule.0.discount.1.percent"),
        ('currency = "CNY"\n[[', "[[", "rule.0.discount.0.up_to: needs a currency"),
        ('step = "100"', 'step = "0.5"', "currency.JPY.step: 0.5 has more than 0"),
        ("counter_percent = 30", "interest = 3", "rule.0.interest"),
        ('creditor = "*"', 'creditor = "*"\nmediation', "file: "),
    ],
)
def test_a_wrong_file_names_the_place(
    tmp_path: Path, old: str, new: str, place: str
) -> None:
    path = tmp_path / "offers.toml"
    assert old in STRICT_TOML
    path.write_text(STRICT_TOML.replace(old, new, 1), "utf-8")
    with pytest.raises(OffersError) as wrong:
        load_offers(path)
    assert f"{path}: {place}" in str(wrong.value)
