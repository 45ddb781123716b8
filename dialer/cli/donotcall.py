"""`dialer donotcall`: lists of whom not to call, in and out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dialer.cli.contacts import AS, told
from dialer.cli.frame import Fail, emit, err, json_option, out, run, with_settings
from dialer.clock import SystemClock
from dialer.contacts import stoplist
from dialer.home import opened
from dialer.settings import Settings

SHOWN = 20  # problems on the terminal; --json has all


@click.group()
def donotcall() -> None:
    """Whom not to call: people, numbers, debts, creditors. Nothing takes one off."""


@donotcall.command("import")
@click.argument(
    "path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--country", default="CN", help="Where a number without + is local.")
@json_option
@with_settings
def import_(settings: Settings, path: Path, country: str, as_json: bool) -> None:
    """Read a CSV file of whom not to call; it holds from the next call on, everywhere.

    Columns: scope (person, number, account, creditor, all; default number), number,
    id_number, name, account, creditor, flag (default do_not_call), until. Exit code 1
    when a row could not be read; the others are stored.

    Example: dialer donotcall import robinson.csv
    """

    async def take_in() -> stoplist.Report:
        async with opened(settings) as stores:
            now = SystemClock().now()
            return await stoplist.take_in(path, stores, country.upper(), now)

    with told():
        report = run(take_in())
    data = {
        "rows": report.rows,
        "new": report.new,
        "known": report.known,
        "problems": [str(problem) for problem in report.problems],
    }
    emit(data, as_json, lambda: _show(report))
    if report.problems:
        sys.exit(1)


def _show(report: stoplist.Report) -> None:
    for problem in report.problems[:SHOWN]:
        err.print(str(problem), markup=False, soft_wrap=True)
    more = len(report.problems) - SHOWN
    if more > 0:
        err.print(f"and {more} more")
    out.print(
        f"{report.rows} rows: {report.new} new, {report.known} known already, "
        f"{len(report.problems)} not read"
    )


@donotcall.command()
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@AS
@json_option
@with_settings
def export(settings: Settings, path: Path, who: str, as_json: bool) -> None:
    """Write all marks in force, in clear, to a new file that only you may read.

    Example: dialer donotcall export list.csv --as chen
    """
    if path.exists():
        raise Fail(f"{path} exists; give another name")

    async def write_out() -> tuple[int, int]:
        now = SystemClock().now()
        async with opened(settings) as stores:
            body = {"file": path.name}
            await stores.journal.note(now, "list.exported", who, body)
            return await stoplist.write_out(path, stores, now)

    written, unnamed = run(write_out())

    def show() -> None:
        text = f"{written} marks -> {path}"
        if unnamed:
            text += f"; {unnamed} name nothing that the vault knows, and are left out"
        out.print(text, soft_wrap=True)

    emit({"rows": written, "left_out": unnamed, "file": str(path)}, as_json, show)
