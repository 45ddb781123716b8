"""The ways to repay one account: exact, never above what is owed, never a fee.

Sums are whole minor units (cents, 分), so that parts add up to the total without a
remainder. Rounding goes up to the currency's step and the last part is the rest: it is
never the biggest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil

from dialer.offers.policy import Currency, Discount, Offers, Rule

SPOKEN = 3  #: more than three options cannot be kept in mind on the phone


@dataclass(frozen=True, slots=True)
class Account:
    """What the policy needs to know of a debt. `due` None: its age is not known."""

    owed: Decimal
    currency: str  # ISO 4217
    creditor: str
    product: str
    due: date | None


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to repay. `parts`: what is due each time, in minor units; mediation has
    none."""

    kind: str  # instalments | deferral | discount | mediation | full
    months: int
    parts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.parts)

    @property
    def each(self) -> int:
        """The usual part; the last may be smaller. 0: nothing is fixed yet."""
        return self.parts[0] if self.parts else 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a campaign would like to offer, within what the creditor allows."""

    kind: str
    months: int = 1
    percent: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a way is not offered for this account."""

    wish: Wish
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """`plans` may be spoken, in this order; `refused` says why not the others."""

    plans: tuple[Plan, ...]
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """One account under its rule, in minor units."""

    owed: int
    money: Currency
    rule: Rule
    code: str
    overdue: int  # days

    @property
    def step(self) -> int:
        return self.money.minor(self.money.step)

    @property
    def smallest(self) -> int:
        return self.money.minor(self.money.smallest)


def desk(offers: Offers, account: Account, today: date) -> Desk | None:
    """None: nothing is owed, or in a currency the file does not know."""
    money = offers.currency.get(account.currency)
    if money is None or account.owed <= 0:
        return None
    try:
        owed = money.minor(account.owed)
    except ValueError:
        return None  # a sum that nobody can pay exactly: a person looks at it
    rule = offers.rule_for(account.creditor, account.product)
    overdue = (today - account.due).days if account.due else 0
    return Desk(owed, money, rule, account.currency, max(overdue, 0))


def offered(
    offers: Offers, account: Account, today: date, wishes: Sequence[Wish] = ()
) -> Found:
    """At most three plans. With `wishes` those that are lawful, in their order; else
    what the policy allows, by what helps the callee."""
    here = desk(offers, account, today)
    if here is None:
        rule = offers.rule_for(account.creditor, account.product)
        why = "no sum is known in a currency of the policy"
        return Found(
            (MEDIATION,) if rule.mediation else (),
            tuple(Refusal(wish, why) for wish in wishes),
        )
    if not wishes:
        return Found(helpful(list(_all(here)), here.rule.mediation))
    plans, refused = list[Plan](), list[Refusal]()
    for wish in wishes:
        made = make(here, wish)
        if isinstance(made, Refusal):
            refused.append(made)
        elif made not in plans:
            plans.append(made)
    if here.rule.mediation and MEDIATION not in plans and len(plans) < SPOKEN:
        plans.append(MEDIATION)
    return Found(tuple(plans[:SPOKEN]), tuple(refused))


def others(
    offers: Offers, account: Account, today: date, spoken: Sequence[Plan]
) -> tuple[Plan, ...]:
    """Lawful instalments that are not among those spoken: for counter-offers."""
    here = desk(offers, account, today)
    lawful = instalments(here) if here else ()
    return tuple(plan for plan in lawful if plan not in spoken)


MEDIATION = Plan("mediation", 0, ())


def helpful(plans: list[Plan], mediation: bool) -> tuple[Plan, ...]:
    """Ordered by what helps: to owe less, then the smallest sum a month, then time,
    then to be done sooner. Mediation keeps the last place."""
    order = {"discount": 0, "instalments": 1, "deferral": 2, "full": 3}
    ranked = sorted(plans, key=lambda p: (order[p.kind], p.each))
    firsts = list({p.kind: p for p in reversed(ranked)}.values())[::-1]
    rest = [plan for plan in ranked if plan not in firsts]
    if not mediation:
        return tuple((firsts + rest)[:SPOKEN])
    return (*(firsts + rest)[: SPOKEN - 1], MEDIATION)


def make(here: Desk, wish: Wish) -> Plan | Refusal:
    """The plan for a wish, or why it is not lawful for this account."""
    match wish.kind:
        case "instalments":
            return _instalments(here, wish)
        case "deferral":
            return _deferral(here, wish)
        case "discount":
            return _discount(here, wish)
        case "mediation" if here.rule.mediation:
            return MEDIATION
        case _:
            return Refusal(wish, "the creditor's rule does not allow it")


def instalments(here: Desk) -> Iterator[Plan]:
    """Every lawful number of instalments, the fewest first."""
    for months in sorted(here.rule.instalments):
        made = make(here, Wish("instalments", months))
        if isinstance(made, Plan):
            yield made


def _all(here: Desk) -> Iterator[Plan]:
    yield from instalments(here)
    if here.rule.deferral_months:
        yield Plan("deferral", here.rule.deferral_months, (here.owed,))
    best = percent(here)
    if best:
        made = _discount(here, Wish("discount", 1, Decimal(best)))
        if isinstance(made, Plan):
            yield made


def _instalments(here: Desk, wish: Wish) -> Plan | Refusal:
    if wish.months not in here.rule.instalments:
        allowed = ", ".join(map(str, here.rule.instalments)) or "none"
        return Refusal(wish, f"{wish.months} months are not among {allowed}")
    parts = split(here.owed, wish.months, here.step)
    if len(parts) < wish.months or parts[0] < here.smallest:
        least = f"{here.money.smallest} {here.code}"
        return Refusal(wish, f"an instalment would be smaller than {least}")
    return Plan("instalments", wish.months, parts)


def _deferral(here: Desk, wish: Wish) -> Plan | Refusal:
    longest = here.rule.deferral_months
    if wish.months > longest:
        return Refusal(wish, f"the longest wait is {longest} months")
    return Plan("deferral", wish.months, (here.owed,))


def _discount(here: Desk, wish: Wish) -> Plan | Refusal:
    most = percent(here)
    if not 0 < wish.percent <= most:
        return Refusal(wish, f"at most {most} percent may be taken off this debt")
    exact = here.owed * (100 - wish.percent) / 100
    total = min(ceil(exact / here.step) * here.step, here.owed)
    if total == here.owed:
        return Refusal(wish, "rounded, nothing would be taken off")
    return Plan("discount", 1, (total,))


def percent(here: Desk) -> int:
    """The most that may be taken off: by age and size of the debt."""
    fits = (tier.percent for tier in here.rule.discount if _applies(tier, here))
    return max(fits, default=0)


def _applies(tier: Discount, here: Desk) -> bool:
    if here.overdue < tier.overdue_days or tier.currency not in ("", here.code):
        return False
    return tier.up_to is None or here.money.major(here.owed) <= tier.up_to


def split(owed: int, count: int, step: int) -> tuple[int, ...]:
    """`owed` in at most `count` parts: equal, in whole steps, the last one the rest."""
    each = -(-owed // (count * step)) * step
    full, rest = divmod(owed, each)
    return (each,) * full + ((rest,) if rest else ())
