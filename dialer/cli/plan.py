"""`dialer campaign create` and `plan`: nobody is called."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from dialer import planning
from dialer.campaign import file
from dialer.campaign.plan import Summary
from dialer.cli.campaign import NAME
from dialer.cli.frame import emit, json_option, out, run, with_settings
from dialer.clock import SystemClock
from dialer.home import opened
from dialer.settings import Settings
from dialer.store.port import Campaign


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--priority", type=click.IntRange(0, 9), help="Of contacts that have none."
)
@json_option
@with_settings
def create(settings: Settings, path: Path, priority: int | None, as_json: bool) -> None:
    """Check a campaign file and store the campaign.

    Example: dialer campaign create autumn.toml
    """
    made = run(_create(settings, path, priority))
    data = {"campaign": made.campaign_id, "name": made.name, "state": made.state}
    emit(data, as_json, lambda: out.print(f"{made.name}: {made.state}"))


async def _create(settings: Settings, path: Path, priority: int | None) -> Campaign:
    wanted = file.load(path)
    if priority is not None:
        wanted = wanted.model_copy(update={"priority": priority})
    async with opened(settings) as stores:
        return await planning.create_campaign(stores, wanted, SystemClock())


@click.command()
@NAME
@json_option
@with_settings
def plan(settings: Settings, name: str, as_json: bool) -> None:
    """Dry run: who may be called now, who later, who not, and why. Writes nothing.

    Example: dialer campaign plan autumn
    """

    async def dry_run() -> Summary:
        async with opened(settings) as stores:
            return await planning.plan(
                settings, stores, name, SystemClock(), commit=False
            )

    summary = run(dry_run())
    emit(summary.as_dict(), as_json, lambda: show_plan(summary))


def show_plan(summary: Summary) -> None:
    """The plan for people."""
    out.print(
        f"{summary.contacts} contacts: {summary.now} callable now, "
        f"{summary.waiting} later, {summary.blocked} blocked"
    )
    if summary.reasons:
        table = Table("rule", "contacts", "for example", title="why not now")
        for rule, count in summary.reasons.most_common():
            table.add_row(rule, str(count), summary.details[rule])
        out.print(table)
    for at, count in sorted(summary.later.items()):
        out.print(f"{count} open at {at:%Y-%m-%d %H:%M} UTC")
