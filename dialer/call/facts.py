"""What the conversation may know of a case: vault, ledger and campaign in one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from dialer.call.bargain import PolicyBargain
from dialer.model import Contact, Personal
from dialer.offers.days import Closed, ClosedIn, weekends
from dialer.offers.plans import Account, Found, Plan, Wish, offered, others
from dialer.offers.policy import Offers
from ivr.port import CaseFacts, Option


@dataclass(frozen=True, slots=True)
class Terms:
    """What a campaign says about its calls, and what creditors let it offer."""

    agency: dict[str, str]
    script: str
    product: str
    wishes: tuple[Wish, ...]  # none: what the policy finds best
    policy: Offers
    caller_id: str = ""
    hand_over_to: str = "people"
    closed_in: ClosedIn = weekends  # days on which nobody can pay


def account(personal: Personal, product: str) -> Account:
    """What the policy needs to know of the debt."""
    return Account(
        personal.amount or Decimal(0),
        personal.currency,
        personal.creditor,
        product,
        personal.due,
    )


def plans(personal: Personal, terms: Terms, today: date) -> Found:
    """The lawful ways to repay this account, in the order they are spoken."""
    return offered(terms.policy, account(personal, terms.product), today, terms.wishes)


def unlisted(
    personal: Personal, terms: Terms, today: date, spoken: Found
) -> tuple[Plan, ...]:
    """What is lawful too, and may be agreed to if they propose it or something near."""
    debt = account(personal, terms.product)
    return others(terms.policy, debt, today, spoken.plans)


def closed_for(contact: Contact, terms: Terms) -> Closed:
    """The days on which this callee cannot pay."""
    return terms.closed_in(next(iter(contact.locations), ""))


def option(plan: Plan, owed: Decimal, policy: Offers, currency: str) -> Option:
    """A plan as the dialogue speaks it."""
    money = policy.currency.get(currency)
    if money is None or not plan.parts:
        return Option(plan.kind, plan.months, Decimal(0), owed)
    each, total = money.major(plan.each), money.major(plan.total)
    last = money.major(plan.parts[-1]) if plan.parts[-1] != plan.each else Decimal(0)
    return Option(plan.kind, plan.months, each, total, last)


def case_facts(
    personal: Personal, contact: Contact, terms: Terms, now: datetime, number: int
) -> CaseFacts:
    """Build the case as the dialogue sees it; it lives for one call."""
    zones = contact.zones[number] or ("UTC",)
    today = now.astimezone(ZoneInfo(zones[0]))
    amount = personal.amount or Decimal(0)
    language = contact.language
    found = plans(personal, terms, today.date())
    more = unlisted(personal, terms, today.date(), found)

    def spoken(chosen: tuple[Plan, ...]) -> tuple[Option, ...]:
        money = terms.policy, personal.currency
        return tuple(option(plan, amount, *money) for plan in chosen)

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
        today=today,
        options=spoken(found.plans),
        others=spoken(more),
        bargain=PolicyBargain(
            terms.policy,
            account(personal, terms.product),
            today.date(),
            (*found.plans, *more),
            closed_for(contact, terms),
        ),
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
