"""`dialer agreements`: where each stands, payments, and a person's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from dialer import planning, repayment
from dialer.agreements.event import Signed, standing_of
from dialer.agreements.state import Standing, State
from dialer.cli.frame import Usage, emit, json_option, out, run, with_settings
from dialer.cli.lazy import LazyGroup
from dialer.clock import SystemClock
from dialer.home import opened
from dialer.settings import Settings
from dialer.store.port import AgreementRow

DAY = click.DateTime(["%Y-%m-%d"])
COLORS = {
    "active": "bold cyan",
    "kept": "bold green",
    "broken": "bold yellow",
    "closed": "dim",
}
#: What a person may say when closing; `replaced` is for a new agreement alone.
ENDS = click.Choice(["withdrawn", "settled", "kept", "mistake"])


#: Of another file, by `LazyGroup`.
BESIDE = {
    "export": (
        "replay:export",
        "Write every event of every agreement: tokens and days, no personal data.",
    ),
    "replay": (
        "replay:replay",
        "Compute every state anew from the signed events, and print the final hash.",
    ),
}


@click.group(cls=LazyGroup, where=BESIDE)
def agreements() -> None:
    """Repayment agreements: signed, and replayable by anyone with the public key."""


@agreements.command("list")
@click.option("--state", type=click.Choice([str(s) for s in State]))
@json_option
@with_settings
def list_(settings: Settings, state: str | None, as_json: bool) -> None:
    """All agreements, or those in one state.

    Example: dialer agreements list --state broken
    """

    async def read() -> list[AgreementRow]:
        async with opened(settings) as stores:
            rows = [row async for row in stores.agreements.list()]
            return [row for row in rows if state in (None, row.state)]

    found = run(read())
    data = {"agreements": [asdict(row) for row in found]}
    emit(data, as_json, lambda: show_rows(found))


def show_rows(rows: Sequence[AgreementRow]) -> None:
    """A line for each."""
    table = Table("agreement", "kind", "state", "paid", "next due", "made", box=None)
    for row in rows:
        table.add_row(
            Text(row.agreement),
            Text(row.kind),
            Text(row.state, COLORS.get(row.state, "")),
            Text(f"{row.covered} of {row.parts}" if row.parts else ""),
            Text(row.next_due or ""),
            Text(f"{row.made_at:%Y-%m-%d}"),
        )
    out.print(table)


@agreements.command()
@click.argument("agreement", metavar="ID")
@json_option
@with_settings
def show(settings: Settings, agreement: str, as_json: bool) -> None:
    """One agreement: its terms, its parts, every event. Sums stay in the vault.

    ID may be the beginning of an id. Example: dialer agreements show g_3f9c
    """

    async def read() -> tuple[AgreementRow, list[Signed]]:
        async with opened(settings) as stores:
            return await stores.agreements.show(agreement)

    row, events = run(read())
    terms = asdict(standing_of(events).terms)
    data = {
        **asdict(row),
        "terms": {**terms, "due": [day.isoformat() for day in terms["due"]]},
        "timeline": [{**asdict(e), "hash": e.hash} for e in events],
    }
    emit(data, as_json, lambda: show_agreement(row, events))


def show_agreement(row: AgreementRow, events: Sequence[Signed]) -> None:
    """One agreement for people."""
    standing = standing_of(events)
    line = Text(f"agreement {row.agreement}  {row.kind}  ", "bold")
    out.print(line.append(row.state, COLORS.get(row.state, "")))
    origin = f"call {row.call}" if row.call else "a person"
    out.print(Text(f"  made with  {origin}, {row.made_at:%Y-%m-%d %H:%M}Z"))
    for part, day in enumerate(standing.terms.due):
        out.print(Text(f"  part {part + 1:2}    {day}  {_part(standing, part)}"))
    for event in events:
        told = Text(f"  {event.seq:3} {event.at[:19]}Z  {event.kind:10} ")
        out.print(told.append(f"{event.hash[:16]}  {event.body}", "dim"))


def _part(standing: Standing, part: int) -> str:
    if part < standing.covered:
        return "paid"
    grace = f"late after {standing.terms.grace_days} days"
    return grace if part == standing.covered else ""


# --- what happens to one


@agreements.command("record-payment")
@click.argument("agreement", metavar="ID")
@click.option("--amount", help="What came, in the agreement's currency.")
@click.option(
    "--covers",
    type=click.IntRange(0),
    help="Parts covered so far, where no sum is known.",
)
@click.option("--on", type=DAY, required=True, help="The day it came.")
@json_option
@with_settings
def record_payment(
    settings: Settings,
    agreement: str,
    amount: str | None,
    covers: int | None,
    on: datetime,
    as_json: bool,
) -> None:
    """Record money that came, and what follows: part covered, restored, kept.

    Example: dialer agreements record-payment g_3f9c --amount 500 --on 2026-12-05
    """
    if (amount is None) == (covers is None):
        raise Usage("give either --amount or --covers")
    payment = repayment.Payment(on.date(), _sum(amount), covers)

    async def work() -> AgreementRow:
        async with opened(settings) as stores:
            policy, now = planning.offers(settings), SystemClock().now()
            return await repayment.pay(stores, policy, agreement, payment, now)

    _emit(run(work()), as_json)


def _sum(amount: str | None) -> Decimal | None:
    if amount is None:
        return None
    try:
        found = Decimal(amount)
    except InvalidOperation:
        raise Usage(f"--amount: {amount!r} is no amount, such as 500.00") from None
    if not found.is_finite() or not 0 < found < 10**12:
        raise Usage(f"--amount: {amount!r} is no sum that was paid")
    return found


def _emit(row: AgreementRow, as_json: bool) -> None:
    emit({"agreement": asdict(row)}, as_json, lambda: show_rows([row]))


@agreements.command()
@click.option("--on", type=DAY, help="As of this day (default: today).")
@json_option
@with_settings
def settle(settings: Settings, on: datetime | None, as_json: bool) -> None:
    """Write what time has brought: parts missed after their grace, plans kept.

    Campaigns do this too when they start. Example: dialer agreements settle
    """

    async def work() -> list[AgreementRow]:
        now = SystemClock().now()
        today = on.date() if on else repayment.earliest_day(now)
        if today > now.date():
            raise Usage(f"--on: {today} has not come yet")
        async with opened(settings) as stores:
            return await repayment.settle(stores, today, now)

    changed = run(work())
    data: dict[str, Any] = {"changed": [asdict(row) for row in changed]}
    emit(data, as_json, lambda: show_rows(changed))


@agreements.command()
@click.argument("agreement", metavar="ID")
@click.option("--why", type=ENDS, required=True)
@click.option("--by", required=True, help="Who decided it.")
@json_option
@with_settings
def close(settings: Settings, agreement: str, why: str, by: str, as_json: bool) -> None:
    """A person ends an agreement.

    Example: dialer agreements close g_3f9c --why withdrawn --by wang
    """

    async def work() -> AgreementRow:
        async with opened(settings) as stores:
            now = SystemClock().now()
            return await repayment.close(stores, agreement, why, by, now)

    _emit(run(work()), as_json)


@agreements.command()
@click.argument("agreement", metavar="ID")
@click.option(
    "--months", type=click.IntRange(1, 60), required=True, help="1: all at once."
)
@click.option("--first", type=DAY, required=True, help="The first due date.")
@click.option("--product", default="loan", show_default=True)
@click.option(
    "--confirmed",
    "nodes",
    multiple=True,
    required=True,
    help="What was read back and confirmed; three different ones at least.",
)
@click.option("--by", required=True, help="Who agreed it with them.")
@json_option
@with_settings
def renegotiate(
    settings: Settings, /, agreement: str, by: str, as_json: bool, **asked: Any
) -> None:
    """Another plan for what is left, within the creditor's policy, in its place.

    Example: dialer agreements renegotiate g_3f9c --months 6 --first 2027-01-05
    --confirmed plan --confirmed date --confirmed final --by wang
    """
    first: date = asked["first"].date()
    wish = repayment.Wanted(asked["months"], first, asked["product"], asked["nodes"])

    async def work() -> AgreementRow:
        async with opened(settings) as stores:
            policy, now = planning.offers(settings), SystemClock().now()
            return await repayment.renegotiate(
                stores, policy, agreement, wish, now=now, by=by
            )

    _emit(run(work()), as_json)
