"""`dialer calls`: list, show, export what became of attempts. All of it is masked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from dialer.cli.frame import Fail, emit, json_option, out, run, with_settings
from dialer.cli.lazy import LazyGroup
from dialer.cli.timeline import Shown, call_map, shown, timeline
from dialer.home import opened
from dialer.model import Disposition
from dialer.reports.export import Format, day, export, record
from dialer.settings import Settings
from dialer.store.port import AttemptRow

ENDS = click.Choice([str(one) for one in Disposition])
CAMPAIGN = click.option("--campaign", help="Only this campaign (name or id).")
DAY = click.DateTime(["%Y-%m-%d"])
DISPOSITION = click.option("--disposition", type=ENDS, help="Only this outcome.")


#: Of another file, by `LazyGroup`.
BESIDE = {
    "query": (
        "query:query",
        "Ask the analysts' store in SQL (DuckDB): views attempts, turns, agreements.",
    ),
    "sync": ("query:sync", "Bring the analysts' store up to the journal."),
}


@click.group(cls=LazyGroup, where=BESIDE)
def calls() -> None:
    """Look at call outcomes and masked transcripts."""


@asynccontextmanager
async def _listed(
    settings: Settings, campaign: str | None, disposition: str | None, limit: int | None
) -> AsyncIterator[AsyncIterator[AttemptRow]]:
    async with opened(settings) as stores:
        campaign_id = None
        if campaign:
            campaign_id = (await stores.campaigns.get(campaign)).campaign_id
        every = stores.calls.list(campaign_id, limit=None if disposition else limit)

        async def wanted() -> AsyncIterator[AttemptRow]:
            left = limit
            async for row in every:
                if disposition and row.disposition != disposition:
                    continue
                yield row
                left = left and left - 1
                if left == 0:
                    return

        yield wanted()


async def between(
    rows: AsyncIterator[AttemptRow], since: datetime | None, until: datetime | None
) -> AsyncIterator[AttemptRow]:
    """Those that ended on these days; all of them where no day is given."""
    first, last = since and since.date(), until and until.date()
    async for row in rows:
        ended = day(row)
        if (first or last) and ended is None:
            continue
        if ended and ((first and ended < first) or (last and ended > last)):
            continue
        yield row


@calls.command("list")
@CAMPAIGN
@DISPOSITION
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True)
@json_option
@with_settings
def list_(
    settings: Settings,
    campaign: str | None,
    disposition: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Attempts in the order of their creation, with how they ended.

    Example: dialer calls list --campaign autumn --disposition promised
    """

    async def read() -> list[AttemptRow]:
        async with _listed(settings, campaign, disposition, limit + 1) as rows:
            return [row async for row in rows]

    found = run(read())
    more, found = len(found) > limit, found[:limit]
    data = {"calls": [record(row) for row in found], "more": more}
    emit(data, as_json, lambda: _show_list(found, more))


def _show_list(rows: Sequence[AttemptRow], more: bool) -> None:
    table = Table(
        "call", "try", "phone", "outcome", "cause", "stage", "ended", box=None
    )
    for column in table.columns:
        column.no_wrap = True
    for row in rows:
        ended = f"{row.ended_at:%Y-%m-%d %H:%M}" if row.ended_at else ""
        cells = [row.attempt_id[:8], str(row.n), row.phone]
        cells += [row.disposition or row.phase, row.cause, str(row.stage), ended]
        table.add_row(*map(Text, cells))
    out.print(table)
    if more:
        out.print("there are more: use --limit")


@calls.command()
@click.argument("call", metavar="ID")
@json_option
@with_settings
def show(settings: Settings, call: str, as_json: bool) -> None:
    """One call: its timeline, what was measured and agreed, why it was allowed.

    ID may be the beginning of an id. Example: dialer calls show 3f9c
    """

    async def read() -> Shown:
        async with opened(settings) as stores:
            row, turns = await stores.calls.show(call)
            made = await stores.agreements.of_call(row.attempt_id)
            return shown(settings, row, turns, made)

    found = run(read())
    emit(call_map(found), as_json, lambda: out.print(timeline(found)))


@calls.command("export")
@CAMPAIGN
@DISPOSITION
@click.option(
    "--from", "since", type=DAY, help="Ended on this day (callee's) or later."
)
@click.option("--to", "until", type=DAY, help="Ended on this day or earlier.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet", "jsonl"]),
    default="csv",
    show_default=True,
)
@click.option(
    "--out",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file to write; an existing one is not overwritten.",
)
@click.option("--force", is_flag=True, help="Overwrite it.")
@json_option
@with_settings
def export_(
    settings: Settings,
    campaign: str | None,
    disposition: str | None,
    since: datetime | None,
    until: datetime | None,
    form: Format,
    path: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Write outcomes for analysis: masked, safe to open in a spreadsheet.

    Every attempt, also those that are not over; with --from or --to those that are.

    Example: dialer calls export --format csv --out outcomes.csv
    """
    if path.exists() and not force:
        raise Fail(f"{path} exists; give another name, or --force")
    if not path.parent.is_dir():
        raise Fail(f"{path.parent}: no such folder")

    async def write() -> int:
        async with _listed(settings, campaign, disposition, None) as rows:
            return await export(between(rows, since, until), path, form)

    count = run(write())
    data = {"file": str(path), "format": form, "rows": count}
    emit(data, as_json, lambda: out.print(Text(f"{count} rows in {path}")))
