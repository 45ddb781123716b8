"""`dialer campaign abandoned`: how many callees met nobody, as regulators count it."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from dialer.campaign.abandonment import standings
from dialer.campaign.pacing.ceiling import Standing
from dialer.cli.frame import emit, json_option, out, run, with_settings
from dialer.clock import SystemClock
from dialer.home import opened
from dialer.settings import Settings


@click.command()
@click.argument("name")
@json_option
@with_settings
def abandoned(settings: Settings, name: str, as_json: bool) -> None:
    """Calls that a person answered and nobody of ours took, by each definition.

    Example: dialer campaign abandoned autumn
    """

    async def read() -> list[Standing]:
        async with opened(settings) as stores:
            found = await stores.campaigns.get(name)
            calls = await stores.calls.reached(found.campaign_id, found.created_at)
            return standings(calls, SystemClock().now())

    rows = [as_dict(one) for one in run(read())]
    emit({"name": name, "abandoned": rows}, as_json, lambda: _show(rows))


def as_dict(one: Standing) -> dict[str, Any]:
    """`rate` is None while nobody has answered; `hours` None: the whole campaign."""
    return {
        "rule": one.ceiling.rule,
        "hours": one.ceiling.hours,
        "answered": one.answered,
        "abandoned": one.abandoned,
        "rate": one.abandoned / one.answered if one.answered else None,
        "ceiling": one.ceiling.share,
        "credit": one.credit,
    }


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("rule", "period", "answered", "abandoned", "rate", "credit, calls")
    for row in rows:
        hours, rate = row["hours"], row["rate"]
        table.add_row(
            row["rule"],
            f"{hours} hours" if hours else "campaign",
            str(row["answered"]),
            str(row["abandoned"]),
            "-" if rate is None else f"{100 * rate:.2f} %",
            f"{row['credit']:.1f}",
        )
    out.print(table)
