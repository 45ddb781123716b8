"""What becomes of agreements: payments, time, a person's word. Days are arguments."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from dialer.agreements.event import Signed, standing_of
from dialer.agreements.state import (
    Closed,
    Event,
    Paid,
    Standing,
    advance,
    following,
)
from dialer.agreements.sums import covered, fresh
from dialer.model import Commitment
from dialer.offers.days import schedule, weekend
from dialer.offers.plans import Account, Refusal, Wish, desk, make
from dialer.offers.policy import Offers
from dialer.offers.proposal import ForPerson, weigh_date
from dialer.store.port import AgreementRow, Refused, Stores


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came. `covers`: parts covered by all payments, where no sum is known
    (the vault's were erased, or there never was one)."""

    on: date
    amount: Decimal | None = None
    covers: int | None = None


def earliest_day(now: datetime) -> date:
    """The day that it is wherever it is still the earliest (UTC-12): nobody is late
    while their own day lasts."""
    return (now - timedelta(hours=12)).date()


def then(standing: Standing, event: Event | None, today: date) -> list[Event]:
    """`event`, and all that it and the days bring after it. Unfit."""
    found = list[Event]()
    day = max(today, standing.day or today)
    while event := event or following(standing, day):
        found.append(event)
        standing, event = advance(standing, event), None
    return found


async def settle(stores: Stores, today: date, now: datetime) -> list[AgreementRow]:
    """Write what time has brought: parts missed, plans kept. -> what changed"""
    changed = list[AgreementRow]()
    late = [row async for row in stores.agreements.list() if _may_move(row, today)]
    for row in late:
        _, events = await stores.agreements.show(row.agreement)
        new = then(standing_of(events), None, today)
        if new:
            seq = len(events)
            add = stores.agreements.append(row.agreement, new, now, seq=seq)
            changed.append(await add)
    return changed


def _may_move(row: AgreementRow, today: date) -> bool:
    """Cheap: without its events."""
    if row.state not in ("active", "broken") or not row.parts:
        return False
    return row.next_due is None or row.next_due < today.isoformat()


async def pay(
    stores: Stores, policy: Offers, agreement: str, payment: Payment, now: datetime
) -> AgreementRow:
    """Record a payment and what follows from it. Refused: more than is owed, of a day
    to come, or no sum is known and `covers` was not said."""
    row, events = await stores.agreements.show(agreement)
    standing = standing_of(events)
    if payment.on > now.date() + timedelta(days=1):
        raise Refused(f"{payment.on} has not come yet")
    if row.state not in ("active", "broken"):
        raise Refused(f"agreement {row.agreement} is {row.state}: nothing is due")
    event = await _paid(stores, policy, payment, standing, events)
    new = then(standing, event, earliest_day(now))
    return await stores.agreements.append(row.agreement, new, now, seq=len(events))


async def _paid(
    stores: Stores,
    policy: Offers,
    payment: Payment,
    standing: Standing,
    events: Sequence[Signed],
) -> Paid:
    terms = standing.terms
    if payment.amount is None or not terms.commit:
        if payment.covers is None:
            raise Refused("no sum is known for this agreement: say how many parts")
        return Paid(payment.on, payment.covers, "")
    sums = await stores.vault.sums(terms.commit)
    new = _minor(policy, sums.currency, payment.amount)
    before = await paid_so_far(stores, events)
    if before + new > sum(sums.sums):
        raise Refused("that is more than is still owed under this agreement")
    one = fresh(sums.currency, (new,))
    await stores.vault.keep(one)
    parts = max(covered(sums.sums, before + new), standing.covered)
    return Paid(payment.on, parts, one.commit, new if terms.sums else None)


def _minor(policy: Offers, code: str, amount: Decimal) -> int:
    money = policy.currency.get(code)
    if money is None:
        raise Refused(f"the policy of offers has no [currency.{code}]")
    try:
        return money.minor(amount)
    except ValueError as error:
        raise Refused(f"not a sum of {code}: {error}") from error


async def paid_so_far(stores: Stores, events: Sequence[Signed]) -> int:
    """The sum of all payments, minor units."""
    total = 0
    for signed in events:
        event = signed.event
        if isinstance(event, Paid) and event.commit:
            total += sum((await stores.vault.sums(event.commit)).sums)
    return total


async def close(
    stores: Stores, agreement: str, why: str, by: str, now: datetime
) -> AgreementRow:
    """A person ends it. Refused: it is closed already."""
    row, events = await stores.agreements.show(agreement)
    standing = standing_of(events)
    if row.state == "closed":
        raise Refused(f"agreement {row.agreement} is closed already")
    today = earliest_day(now)
    event = Closed(max(today, standing.day or today), why, by)
    return await stores.agreements.append(row.agreement, [event], now, seq=len(events))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person has agreed with them, in place of what was agreed before."""

    months: int  # 1: all at once
    first: date
    product: str
    nodes: tuple[str, ...]  # read back and confirmed


async def renegotiate(
    stores: Stores,
    policy: Offers,
    agreement: str,
    wanted: Wanted,
    *,
    now: datetime,
    by: str,
) -> AgreementRow:
    """A new agreement over what is left. Refused: the policy does not allow it, or no
    sum is known. Unfit: too little was confirmed."""
    row, events = await stores.agreements.show(agreement)
    terms = standing_of(events).terms
    if not terms.commit:
        raise Refused("no sum is known for this agreement: close it and begin anew")
    sums = await stores.vault.sums(terms.commit)
    left = sum(sums.sums) - await paid_so_far(stores, events)
    personal = await stores.vault.get(row.contact_id)
    debt = Account(
        policy.currency[sums.currency].major(left),
        sums.currency,
        personal.creditor,
        wanted.product,
        personal.due,
    )
    today = earliest_day(now)
    rule = policy.rule_for(debt.creditor, debt.product)
    due = schedule(wanted.first, wanted.months, weekend)
    if isinstance(weigh_date(rule, wanted.first, today, weekend), ForPerson):
        raise Refused(f"{wanted.first} is not a lawful first day")
    parts = _parts(policy, debt, wanted, today)
    new = fresh(sums.currency, parts)
    await stores.vault.keep(new)
    commitment = Commitment(
        kind="instalments" if wanted.months > 1 else "full",
        due=due,
        grace_days=rule.grace_days,
        currency=sums.currency,
        commit=new.commit,
        nodes=wanted.nodes,
        on=max(today, row.made_at.date()),
        sums=new.sums if terms.sums else (),
    )
    name = f"g_{secrets.token_hex(10)}"
    return await stores.agreements.replace(row.agreement, name, commitment, now, by=by)


def _parts(
    policy: Offers, debt: Account, wanted: Wanted, today: date
) -> tuple[int, ...]:
    here = desk(policy, debt, today)
    if here is None:
        raise Refused("nothing is left to pay")
    if wanted.months == 1:
        return (here.owed,)
    made = make(here, Wish("instalments", wanted.months))
    if isinstance(made, Refusal):
        raise Refused(made.why)
    return made.parts
