"""`dialer campaign recycle`: call again those whose last attempt ended in some way."""

from __future__ import annotations

import click

from dialer import planning
from dialer.campaign.plan import Summary
from dialer.campaign.retry import RECYCLABLE
from dialer.cli.frame import emit, json_option, out, run, with_settings
from dialer.cli.plan import show_plan
from dialer.clock import SystemClock
from dialer.home import opened
from dialer.settings import Settings

OUTCOMES = sorted(outcome.value for outcome in RECYCLABLE)


@click.command()
@click.argument("name")
@click.option(
    "--outcome",
    "outcomes",
    type=click.Choice(OUTCOMES),
    multiple=True,
    required=True,
    help="How the last attempt ended; may be given several times.",
)
@click.option("--dry-run", is_flag=True, help="Only tell; write nothing.")
@json_option
@with_settings
def recycle(
    settings: Settings,
    name: str,
    outcomes: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make one more attempt for everybody whose last one ended in these outcomes.

    The gate judges each of them: who may not be called is told, and left as is. Those
    who opted out, disputed, agreed or paid, and numbers that are wrong, cannot be
    recycled. Then `dialer campaign launch` or `resume` calls them.
    Example: dialer campaign recycle autumn --outcome no_answer --dry-run
    """

    async def made() -> Summary:
        async with opened(settings) as stores:
            clock = SystemClock()
            return await planning.recycle(
                settings, stores, name, outcomes, clock, commit=not dry_run
            )

    summary = run(made())
    count = summary.now + summary.waiting
    data = {**summary.as_dict(), "outcomes": list(outcomes), "dry_run": dry_run}
    data["recycled"] = 0 if dry_run else count

    def show() -> None:
        show_plan(summary)
        out.print(f"{count} would be recycled" if dry_run else f"{count} recycled")

    emit(data, as_json, show)
