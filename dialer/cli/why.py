"""`dialer campaign why`: who is not called, by which rule, and until when."""

from __future__ import annotations

from datetime import datetime

import click
from rich.markup import escape
from rich.table import Table

from dialer.campaign.file import parse
from dialer.campaign.forecast import Forecast
from dialer.campaign.funnel import Funnel
from dialer.cli.compliance import book_of
from dialer.cli.frame import emit, err, json_option, out, run, with_settings
from dialer.cli.progress import bar
from dialer.clock import SystemClock
from dialer.compliance.gate import make_judge
from dialer.compliance.localtime import shown
from dialer.compliance.stages import stage_of
from dialer.home import opened
from dialer.settings import Settings

BAR = 40  # characters of the longest bar
PLAIN_EVERY = 100_000  # contacts between two plain lines of progress
ZONES = 5  # named in a line; --json has all


@click.command()
@click.argument("name")
@json_option
@with_settings
def why(settings: Settings, name: str, as_json: bool) -> None:
    """Why contacts are not called: where they stop, until when, and the next 3 days.

    Example: dialer campaign why autumn
    """
    now = SystemClock().now()
    found = run(_funnel(settings, name, now, quiet=as_json))
    emit({"name": name, **found.as_dict()}, as_json, lambda: show(found))


async def _funnel(
    settings: Settings, name: str, now: datetime, *, quiet: bool
) -> Funnel:
    book = book_of(settings, now.date())
    judge = make_judge(book)
    funnel = Funnel(now, stage_of(book), shown, Forecast(judge, now))
    async with opened(settings) as stores:
        campaign = await stores.campaigns.get(name)
        batches = parse(campaign.settings).batches
        wanted = set(batches)
        total = sum(
            batch.accepted
            for batch in await stores.contacts.batches()
            if not wanted or batch.batch_id in wanted
        )
        with bar() as progress:
            task = progress.add_task("contacts", total=total, note="")
            async for chunk in stores.campaigns.why(
                campaign.campaign_id, batches, judge=judge, now=now
            ):
                before = funnel.imported // PLAIN_EVERY
                funnel.add(chunk)
                progress.update(task, completed=funnel.imported)
                passed = funnel.imported // PLAIN_EVERY > before
                if passed and not quiet and not err.is_terminal:
                    err.print(f"{funnel.imported} of {total} contacts")
    return funnel


def show(found: Funnel) -> None:
    """The funnel for people."""
    _show_stages(found)
    if found.finished:
        ends = ", ".join(f"{n} {name}" for name, n in found.finished.most_common())
        out.print(f"finished, not called again: {ends}")
    for line in lines(found):
        out.print(escape(line), soft_wrap=True)
    _show_forecast(found)


def _show_stages(found: Funnel) -> None:
    table = Table("", "contacts", "stopped here", "rule", "for example")
    for name, left in found.left():
        stage = found.stages.get(name)
        if stage is None or not stage.stopped:
            table.add_row(name, str(left))
            continue
        rows = stage.reasons.most_common()
        for n, (rule, count) in enumerate(rows):
            first = (name, str(left)) if n == 0 else ("", "")
            table.add_row(*first, str(count), rule, escape(stage.details[rule]))
    out.print(table)


def lines(found: Funnel) -> list[str]:
    """What the callable do, and what the others wait for."""
    told = [
        f"callable: {found.callable['now']} now, {found.callable['later']} later "
        f"(their next try is not due), {found.callable['in_hand']} being called"
    ]
    for until, opening in found.by_opening():
        zones = sorted(opening.zones)
        named = ", ".join(zones[:ZONES]) + (" ..." if len(zones) > ZONES else "")
        many = f"{len(zones)} zone{'s' * (len(zones) > 1)}"
        told.append(
            f"{opening.contacts} outside hours until {until} in {many} ({named}; "
            f"first at {opening.at:%Y-%m-%d %H:%M} UTC)"
        )
    never = sum(stage.never for stage in found.stages.values())
    if never:
        told.append(f"{never} wait for something that time alone does not bring")
    return told


def _show_forecast(found: Funnel) -> None:
    hours = found.forecast.hours()
    most = max(n for _, n in hours)
    if not most:
        out.print("nobody may be called in the next 3 days")
        return
    table = Table("hour (UTC)", "numbers", "", title="may be called, as things stand")
    for at, n in hours:
        if n:
            table.add_row(f"{at:%a %d %H:00}", str(n), "#" * max(1, BAR * n // most))
    out.print(table)
