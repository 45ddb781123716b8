"""The creditor's policy as one conversation may ask it: a sum or a day of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dialer.offers.days import Closed
from dialer.offers.plans import Account, Plan
from dialer.offers.policy import Offers
from dialer.offers.proposal import (
    Accepted,
    Countered,
    ForPerson,
    weigh_amount,
    weigh_date,
)
from ivr.port import WeighedDay, WeighedSum


@dataclass(frozen=True, slots=True)
class PolicyBargain:
    """`plans` are the case's options, then its others: what can be spoken of."""

    policy: Offers
    account: Account
    today: date
    plans: tuple[Plan, ...]
    closed: Closed

    def amount(self, monthly: Decimal) -> WeighedSum:
        found = weigh_amount(self.policy, self.account, monthly, self.today)
        match found:
            case Accepted(plan) if plan.kind == "full":
                return WeighedSum("full")
            case Accepted(plan) if plan in self.plans:
                return WeighedSum("accepted", self.plans.index(plan) + 1)
            case Countered(plan) if plan in self.plans:
                money = self.policy.currency[self.account.currency]
                more = money.major(plan.each) > monthly
                number = self.plans.index(plan) + 1
                return WeighedSum("nearest" if more else "lighter", number)
            case _:
                return WeighedSum("person")

    def day(self, day: date) -> WeighedDay:
        account = self.account
        rule = self.policy.rule_for(account.creditor, account.product)
        found = weigh_date(rule, day, self.today, self.closed)
        if isinstance(found, ForPerson):
            return WeighedDay("person")
        if not found.asked:
            return WeighedDay("latest", found.day)
        return WeighedDay("asked" if found.day == day else "moved", found.day)
