"""The policy file: what each creditor lets us offer, checked whole, with places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dialer.toml import FileError, Part, read

Product = Literal["loan", "card", "invoice", "rent"]
Sum = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=4)]
Months = Annotated[int, Field(ge=2, le=60)]
ANY = "*"


class OffersError(FileError):
    """The policy file is wrong."""


class Currency(Part):
    """How sums of one currency are written and rounded."""

    decimals: int = Field(ge=0, le=4)
    step: Sum
    smallest: Sum  # instalment

    def minor(self, amount: Decimal) -> int:
        """In the smallest unit there is. ValueError: it has more decimals."""
        scaled = amount.scaleb(self.decimals)
        if scaled != int(scaled):
            raise ValueError(f"{amount} has more than {self.decimals} decimals")
        return int(scaled)

    def major(self, minor: int) -> Decimal:
        return Decimal(minor).scaleb(-self.decimals)


class Discount(Part):
    """What may be taken off if the rest is paid at once."""

    overdue_days: int = Field(ge=0, le=36500)
    percent: int = Field(ge=1, le=90)
    up_to: Sum | None = None
    currency: str = ""


class Rule(Part):
    """The limits of one creditor; see config/offers.toml for each."""

    creditor: str = Field(min_length=1)
    products: tuple[Product, ...] = ()
    instalments: tuple[Months, ...] = ()
    deferral_months: int = Field(0, ge=0, le=12)
    first_due_days: int = Field(60, ge=1, le=90)
    grace_days: int = Field(5, ge=0, le=60)
    counter_percent: int = Field(50, ge=0, le=100)
    mediation: bool = True
    discount: tuple[Discount, ...] = ()


class Offers(Part):
    """The whole file."""

    currency: dict[str, Currency]
    rule: tuple[Rule, ...] = Field(min_length=1)

    def rule_for(self, creditor: str, product: str) -> Rule:
        """The most particular rule: the creditor counts before the product."""
        fits = [
            rule
            for rule in self.rule
            if rule.creditor in (creditor, ANY)
            and (not rule.products or product in rule.products)
        ]
        return max(fits, key=lambda r: (r.creditor != ANY, bool(r.products)))


def load_offers(path: Path) -> Offers:
    """Read a policy file. OffersError: unreadable, or wrong, with every place."""
    found = read(path, Offers, OffersError)
    problems = list(_problems(found))
    if problems:
        raise OffersError(str(path), problems)
    return found


def _problems(offers: Offers) -> Iterator[tuple[str, str]]:
    for code, currency in offers.currency.items():
        yield from _currency_problems(f"currency.{code}", currency)
    for i, rule in enumerate(offers.rule):
        yield from _rule_problems(f"rule.{i}", rule, offers)
    for (creditor, product), count in Counter(_claims(offers)).items():
        if count > 1:
            yield "rule", f"{count} rules for {creditor!r} and {product}"
    if not any(rule.creditor == ANY and not rule.products for rule in offers.rule):
        yield (
            "rule",
            'no rule for creditor "*" and all products: some accounts have none',
        )


def _claims(offers: Offers) -> Iterator[tuple[str, str]]:
    for rule in offers.rule:
        for product in rule.products or ("all products",):
            yield rule.creditor, product


def _currency_problems(place: str, currency: Currency) -> Iterator[tuple[str, str]]:
    for name in ("step", "smallest"):
        try:
            currency.minor(getattr(currency, name))
        except ValueError as error:
            yield f"{place}.{name}", str(error)


def _rule_problems(place: str, rule: Rule, offers: Offers) -> Iterator[tuple[str, str]]:
    if len(set(rule.instalments)) < len(rule.instalments):
        yield f"{place}.instalments", "a number of months stands twice"
    for i, tier in enumerate(rule.discount):
        where = f"{place}.discount.{i}"
        if tier.up_to is not None and not tier.currency:
            yield f"{where}.up_to", "needs a currency"
        if tier.currency and tier.currency not in offers.currency:
            yield f"{where}.currency", f"no [currency.{tier.currency}]"
    if not (rule.instalments or rule.deferral_months or rule.mediation):
        yield place, "allows nothing that every account could be offered"
