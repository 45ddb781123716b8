"""What a callee proposes, weighed by the same policy: taken, countered once with the
nearest lawful plan, or passed to a person. A counter never asks for much more than they
said they can pay: that would be pressure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal

from dialer.offers.days import Closed, open_day
from dialer.offers.plans import Account, Desk, Plan, desk, instalments
from dialer.offers.policy import Offers, Rule


@dataclass(frozen=True, slots=True)
class Accepted:
    """As they proposed."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Countered:
    """The nearest lawful plan, and why not theirs."""

    plan: Plan
    why: str


@dataclass(frozen=True, slots=True)
class ForPerson:
    """A person has to decide."""

    why: str


Answer = Accepted | Countered | ForPerson


def weigh_amount(
    offers: Offers, account: Account, monthly: Decimal, today: date
) -> Answer:
    """`monthly`: what they can pay a month, in whole currency units or finer."""
    here = desk(offers, account, today)
    if here is None:
        return ForPerson("no sum is known in a currency of the policy")
    offer = int(monthly.scaleb(here.money.decimals).to_integral_value(ROUND_DOWN))
    if offer <= 0:
        return ForPerson("they cannot pay anything now")
    if offer >= here.owed:
        return Accepted(Plan("full", 1, (here.owed,)))
    return _nearest(here, offer)


def _nearest(here: Desk, offer: int) -> Answer:
    lawful = list(instalments(here))
    payable = [plan for plan in lawful if plan.each <= offer]
    if payable:
        best = min(payable, key=lambda plan: plan.months)
        if best.each == offer:
            return Accepted(best)
        return Countered(best, "a smaller sum a month is enough for a lawful plan")
    if not lawful:
        return ForPerson("no number of instalments is lawful for this sum")
    lowest = min(lawful, key=lambda plan: plan.each)
    if lowest.each * 100 <= offer * (100 + here.rule.counter_percent):
        return Countered(lowest, "their sum would take longer than the creditor allows")
    return ForPerson("their sum is far below the smallest lawful one")


@dataclass(frozen=True, slots=True)
class Day:
    """`day` is lawful; `asked` whether it is the one that was proposed."""

    day: date
    asked: bool


def weigh_date(rule: Rule, day: date, today: date, closed: Closed) -> Day | ForPerson:
    """A day for the first payment: theirs (or the next day that payments are taken),
    or the last lawful one if theirs is a little late, or a question for a person."""
    if day < today:
        return ForPerson("the day has passed")
    last = today + timedelta(days=rule.first_due_days)
    if day <= last:
        return Day(open_day(day, closed), True)
    most = today + timedelta(
        days=rule.first_due_days * (100 + rule.counter_percent) // 100
    )
    if day <= most:
        return Day(open_day(last, closed), False)
    return ForPerson("the day is far beyond the last lawful one")
