"""`dialer offers`: what could be offered for a debt, and why not the rest."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from dialer import planning
from dialer.cli.frame import Usage, emit, json_option, out, with_settings
from dialer.clock import SystemClock
from dialer.offers.days import weekend
from dialer.offers.plans import Account, Found, Plan, offered
from dialer.offers.policy import Currency, Offers
from dialer.offers.proposal import (
    Accepted,
    Countered,
    Day,
    ForPerson,
    weigh_amount,
    weigh_date,
)
from dialer.settings import Settings

DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def offers() -> None:
    """Lawful ways to repay, by the creditor's policy."""


@offers.command("try")
@click.option("--amount", required=True, help="What is owed.")
@click.option("--currency", required=True, help="ISO 4217: CNY, USD ...")
@click.option("--creditor", default="", help="As it stands in the contacts file.")
@click.option(
    "--product",
    type=click.Choice(["loan", "card", "invoice", "rent"]),
    default="loan",
    show_default=True,
)
@click.option("--due", type=DAY, help="When it was due (default: not known).")
@click.option("--monthly", help="What the callee says they can pay a month.")
@click.option("--first", type=DAY, help="The day they propose for the first payment.")
@click.option("--on", type=DAY, help="The day of the call (default: today).")
@json_option
@with_settings
def try_(settings: Settings, /, as_json: bool, **asked: Any) -> None:
    """Plans for one made-up account, and what becomes of a proposal.

    Example: dialer offers try --amount 3000 --currency CNY --monthly 450
    """
    policy = planning.offers(settings)
    today = _day(asked["on"]) or SystemClock().now().date()
    account = Account(
        _sum(asked["amount"], "--amount"),
        asked["currency"].upper(),
        asked["creditor"],
        asked["product"],
        _day(asked["due"]),
    )
    if account.currency not in policy.currency:
        raise Usage(f"--currency: no [currency.{account.currency}] in the policy")
    money = policy.currency[account.currency]
    found = offered(policy, account, today)
    data: dict[str, Any] = {"plans": [plan_map(plan, money) for plan in found.plans]}
    if asked["monthly"] is not None:
        monthly = _sum(asked["monthly"], "--monthly")
        data["monthly"] = _answer(policy, account, monthly, today, money)
    if asked["first"] is not None:
        rule = policy.rule_for(account.creditor, account.product)
        day = weigh_date(rule, asked["first"].date(), today, weekend)
        data["first"] = _day_map(day)
    emit(data, as_json, lambda: _show(data, found, money, account.currency))


def _day(found: datetime | None) -> date | None:
    return found.date() if found else None


def _sum(text: str, option: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise Usage(f"{option}: {text!r} is no amount, such as 1234.50") from None
    if not found.is_finite() or not 0 <= found < 10**12:
        raise Usage(f"{option}: {text!r} is no sum of money")
    return found


def plan_map(plan: Plan, money: Currency) -> dict[str, Any]:
    """A plan as it is printed for machines: sums as plain decimals."""
    return {
        "kind": plan.kind,
        "months": plan.months,
        "parts": [str(money.major(part)) for part in plan.parts],
        "total": str(money.major(plan.total)),
    }


def _answer(
    policy: Offers, account: Account, monthly: Decimal, today: date, money: Currency
) -> dict[str, Any]:
    match weigh_amount(policy, account, monthly, today):
        case Accepted(plan):
            return {"answer": "accepted", "plan": plan_map(plan, money), "why": ""}
        case Countered(plan, why):
            return {"answer": "countered", "plan": plan_map(plan, money), "why": why}
        case ForPerson(why):
            return {"answer": "person", "plan": None, "why": why}


def _day_map(day: Day | ForPerson) -> dict[str, Any]:
    if isinstance(day, ForPerson):
        return {"answer": "person", **asdict(day), "day": None}
    answer = "accepted" if day.asked else "countered"
    return {"answer": answer, "day": day.day.isoformat(), "why": ""}


def _show(data: dict[str, Any], found: Found, money: Currency, code: str) -> None:
    table = Table("", "way", "months", "each", "last", "total", box=None)
    for i, plan in enumerate(found.plans, 1):
        table.add_row(*map(Text, _cells(str(i), plan, money, code)))
    out.print(table)
    for name, title in (("monthly", "their sum"), ("first", "their day")):
        if name in data:
            out.print(Text(f"{title}: {_told(data[name], code)}"))


def _cells(nth: str, plan: Plan, money: Currency, code: str) -> tuple[str, ...]:
    if not plan.parts:
        return nth, plan.kind, "", "", "", ""
    sums = (plan.each, plan.parts[-1], plan.total)
    each, last, total = (f"{money.major(part)}" for part in sums)
    return nth, plan.kind, str(plan.months), each, last, f"{total} {code}"


def _told(answer: dict[str, Any], code: str) -> str:
    told = [answer["answer"]]
    if answer.get("plan"):
        plan = answer["plan"]
        told.append(f"{plan['months']} x {plan['parts'][0]} {code}")
    told.append(answer.get("day") or "")
    told.append(f"({answer['why']})" if answer["why"] else "")
    return " ".join(filter(None, told))
