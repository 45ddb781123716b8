"""`dialer calls query` and `sync`: the analysts' store, asked and kept up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from dialer.cli.frame import Usage, emit, err, json_option, out, run, with_settings
from dialer.clock import Clock, SystemClock
from dialer.home import opened
from dialer.reports.export import csv_cells, plain, safe
from dialer.reports.query import Answer, Limits, Only, asked
from dialer.reports.questions import Question, questions
from dialer.reports.sync import Synced
from dialer.reports.sync import sync as follow
from dialer.settings import Settings, shipped
from dialer.store.port import StoreDown

DAY = click.DateTime(["%Y-%m-%d"])
SHOWN = 100  # rows on a terminal
MACHINE = 10_000  # rows in one JSON object


@click.command()
@click.argument("sql", required=False)
@click.option("--name", help="A ready question; see --list.")
@click.option("--list", "listed", is_flag=True, help="The ready questions.")
@click.option("--campaign", help="Only attempts and turns of this campaign (name).")
@click.option("--from", "since", type=DAY, help="Only of this day (callee's) or later.")
@click.option("--to", "until", type=DAY, help="Only of this day or earlier.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "jsonl"]),
    default="table",
    show_default=True,
    help="csv and jsonl have every row.",
)
@click.option("--limit", type=click.IntRange(1), help="At most so many rows.")
@click.option("--no-sync", is_flag=True, help="As it was last brought up to date.")
@json_option
@with_settings
def query(settings: Settings, /, as_json: bool, **given: Any) -> None:
    """Ask the analysts' store in SQL (DuckDB): views attempts, turns, agreements.

    Reads only; it is brought up to date first. All of it is masked.
    Example: dialer calls query "SELECT disposition, count(*) FROM attempts GROUP BY 1"
    """
    ready = questions(shipped("config") / "queries")
    if given["listed"]:
        _list(ready, as_json)
        return
    sql = _sql(given["sql"], given["name"], ready)
    if not given["no_sync"]:
        _catch_up(settings)
    only = Only(given["campaign"], _day(given["since"]), _day(given["until"]))
    limits = Limits(settings.analysts.memory, settings.analysts.seconds)
    with asked(settings.analysts_folder, sql, only, limits) as answer:
        _show(answer, "json" if as_json else given["form"], given["limit"])


def _day(given: datetime | None) -> Any:
    return given.date() if given else None


def _list(ready: dict[str, Question], as_json: bool) -> None:
    data = {"queries": [{"name": q.name, "about": q.about} for q in ready.values()]}

    def show() -> None:
        table = Table("name", "answers", box=None)
        for one in ready.values():
            table.add_row(one.name, Text(one.about))
        out.print(table)

    emit(data, as_json, show)


def _sql(sql: str | None, name: str | None, ready: dict[str, Question]) -> str:
    if (sql is None) == (name is None):
        raise Usage("give a question in SQL, or --name of a ready one (--list)")
    if name is None:
        return str(sql)
    if name not in ready:
        raise Usage(f"no ready question {name!r}; there are {', '.join(ready)}")
    return ready[name].sql


def _catch_up(settings: Settings) -> None:
    """What stands may be asked while another process writes, or the ledger is away."""
    try:
        done = run(_synced(settings, wait=False))
    except StoreDown as down:
        err.print(f"dialer: not brought up to date: {down}", markup=False)
    else:
        if done.busy:
            err.print("dialer: another process is bringing the store up to date")


async def _synced(
    settings: Settings, *, wait: bool = True, rebuild: bool = False
) -> Synced:
    async with opened(settings) as stores:
        now = SystemClock().now()
        folder = settings.analysts_folder
        return await follow(folder, stores, now, wait=wait, rebuild=rebuild)


# --- showing


def _show(answer: Answer, form: str, limit: int | None) -> None:
    match form:
        case "csv":
            sys.stdout.write(csv_cells([safe(name) for name in answer.columns]))
            for row in islice(answer.rows, limit):
                sys.stdout.write(csv_cells([safe(plain(value)) for value in row]))
        case "jsonl":
            for row in islice(answer.rows, limit):
                click.echo(json.dumps(_named(answer, row), ensure_ascii=False))
        case "json":
            rows, more = _some(answer.rows, limit or MACHINE)
            cells = [[plain(value) for value in row] for row in rows]
            data = {"columns": list(answer.columns), "rows": cells, "more": more}
            emit(data, True, lambda: None)
        case _:
            rows, more = _some(answer.rows, limit or SHOWN)
            _table(answer, rows, more)


def _some(
    rows: Iterator[tuple[Any, ...]], limit: int
) -> tuple[list[tuple[Any, ...]], bool]:
    found = list(islice(rows, limit))
    return found, next(rows, None) is not None


def _named(answer: Answer, row: tuple[Any, ...]) -> dict[str, Any]:
    values = [plain(value) for value in row]
    return dict(zip(answer.columns, values, strict=True))


def _table(answer: Answer, rows: list[tuple[Any, ...]], more: bool) -> None:
    table = Table(box=None)
    for i, name in enumerate(answer.columns):
        number = bool(rows) and isinstance(rows[0][i], int | float)
        table.add_column(Text(name), justify="right" if number else "left")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    out.print(table)
    if more:
        out.print("there are more: use --limit, or --format csv")


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}{'Z' if value.tzinfo else ''}"
    return "" if value is None else str(plain(value))


# --- keeping it


@click.command()
@click.option("--rebuild", is_flag=True, help="Read the whole journal anew.")
@click.option(
    "--every",
    type=click.FloatRange(1),
    metavar="SECONDS",
    help="Stay, and do it again and again.",
)
@json_option
@with_settings
def sync(settings: Settings, rebuild: bool, every: float | None, as_json: bool) -> None:
    """Bring the analysts' store up to the journal. (`query` does so by itself.)

    Example: dialer calls sync --every 60
    """
    if every:
        with suppress(KeyboardInterrupt):
            run(_stay(settings, every, SystemClock()))
        return
    done = run(_synced(settings, rebuild=rebuild))
    data = {
        "folder": str(settings.analysts_folder),
        "new": done.attempts,
        "entry": done.cursor,
        "files": done.files,
    }

    def show() -> None:
        where = f"{settings.analysts_folder}, {done.files} files"
        told = f"{done.attempts} attempts more in {where}, up to entry {done.cursor}"
        out.print(Text(told))

    emit(data, as_json, show)


async def _stay(settings: Settings, every: float, clock: Clock) -> None:
    async with opened(settings) as stores:
        while True:
            try:
                await follow(settings.analysts_folder, stores, clock.now())
            except StoreDown as down:
                err.print(f"dialer: not now: {down}", markup=False)
            await clock.sleep(every)
