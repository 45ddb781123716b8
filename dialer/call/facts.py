"""What the conversation may know of a case: vault, ledger and campaign in one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal
from zoneinfo import ZoneInfo

from dialer.model import Contact, Personal
from ivr.port import CaseFacts, Option


@dataclass(frozen=True, slots=True)
class OfferRule:
    """One way to repay that the creditor allows."""

    name: str
    months: int
    discount_percent: float = 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What a campaign says about its calls."""

    agency: dict[str, str]
    script: str
    product: str
    offers: tuple[OfferRule, ...]
    caller_id: str = ""
    hand_over_to: str = "people"


def options(amount: Decimal, offers: Sequence[OfferRule]) -> tuple[Option, ...]:
    """The offers worked out on one amount. Instalments are rounded up to whole
    units so that the last one is never the biggest."""
    found = []
    for offer in offers:
        total = amount * (100 - Decimal(str(offer.discount_percent))) / 100
        parts = offer.months if offer.name == "instalments" else 1
        each = (total / parts).quantize(Decimal(1), ROUND_UP) if parts > 1 else total
        found.append(Option(offer.name, offer.months, each, total))
    return tuple(found)


def case_facts(
    personal: Personal, contact: Contact, terms: Terms, now: datetime, number: int
) -> CaseFacts:
    """Build the case as the dialogue sees it; it lives for one call."""
    zones = contact.zones[number] or ("UTC",)
    amount = personal.amount or Decimal(0)
    language = contact.language
    return CaseFacts(
        language=language,
        script=terms.script,
        name=personal.name,
        agency=terms.agency[language],
        creditor=personal.creditor,
        account_tail=personal.account[-4:],
        amount=amount,
        currency=personal.currency,
        due=personal.due,
        today=now.astimezone(ZoneInfo(zones[0])),
        options=options(amount, terms.offers),
        stage=contact.stage,
        first_call=contact.calls == 0,
        zone=zones[0],
        product=personal.product or terms.product,
        role=personal.role,
    )


def secrets(personal: Personal) -> tuple[str, ...]:
    """Values the mask must find in whatever is said."""
    return tuple(
        value
        for value in (
            personal.name,
            personal.id_number,
            personal.account,
            *personal.phones,
        )
        if value
    )
