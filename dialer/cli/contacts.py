"""`dialer contacts`: import, review, explain, batches, rejects."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from dialer import planning
from dialer.cli.frame import (
    Fail,
    Usage,
    emit,
    err,
    json_option,
    out,
    run,
    with_settings,
)
from dialer.cli.retries import lines, retries
from dialer.clock import SystemClock
from dialer.contacts import importer, listing, review, shown
from dialer.contacts.columns import mapping_of
from dialer.contacts.explain import Explanation, explain
from dialer.contacts.problem import Bad, FileRefused
from dialer.contacts.rules import load_rules
from dialer.garbage import settle
from dialer.home import opened
from dialer.settings import Settings, shipped
from dialer.store.port import Batch

SHOWN = 20  # problems on the terminal; the list on disk has them all
PLAIN_EVERY = 50_000  # rows between two plain lines of progress


def _user() -> str:
    return os.environ.get("ACCORD_USER") or getpass.getuser()


def _folder(settings: Settings) -> Path:
    return settings.home / "import"


AS = click.option("--as", "who", default=_user, help="Your name (default: the login).")


@click.group()
def contacts() -> None:
    """Import people to call, have them reviewed, ask why one may be called or not."""


@contacts.command("import")
@click.argument(
    "path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--map", "pairs", multiple=True, metavar="COLUMN=FIELD", help="Name a column."
)
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the list of rejected rows here.",
)
@AS
@json_option
@with_settings
def import_(
    settings: Settings,
    path: Path,
    pairs: tuple[str, ...],
    rejects: Path | None,
    who: str,
    as_json: bool,
) -> None:
    """Read a CSV file of contacts; every bad row is listed with its reason.

    Example: dialer contacts import people.csv --map 客户=name --as chen
    """
    if rejects:
        _make_private(rejects, path)
    with told():
        order = importer.Order(path, who, _folder(settings), mapping_of(pairs))
        report = run(_import(settings, order, quiet=as_json))
    if rejects and report.rejects.exists():
        shutil.copyfile(report.rejects, rejects)
    emit(shown.report_data(report), as_json, lambda: _show_report(report))
    batch = report.batch
    if batch.rejected == batch.rows_read:
        raise Fail(f"none of the {batch.rows_read} rows could be accepted")


def _make_private(rejects: Path, source: Path) -> None:
    """Before the import, so that a wrong place is told while nothing is done yet."""
    if rejects.resolve() == source.resolve():
        raise Usage("--rejects names the file that is being imported")
    rejects.touch(mode=0o600)
    rejects.chmod(0o600)


async def _import(
    settings: Settings, order: importer.Order, *, quiet: bool
) -> importer.Report:
    rules = load_rules(shipped("config") / "import.toml")
    async with opened(settings) as stores:
        with _progress(quiet) as progress:
            settle()  # rows come and go by the million: look through those only
            return await importer.import_file(
                order, stores, rules, now=SystemClock().now(), progress=progress
            )


@contextmanager
def _progress(quiet: bool) -> Iterator[importer.Progress]:
    """A bar on a terminal, a line now and then elsewhere."""
    if quiet:
        yield lambda done, total: None
        return
    if not err.is_terminal:
        yield _plain_line
        return
    columns = (TextColumn("rows"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("rows")
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _plain_line(done: int, total: int) -> None:
    if done % PLAIN_EVERY == 0 or done == total:
        err.print(f"{done} of {total} rows")


@contextmanager
def told() -> Iterator[None]:
    """Wrong files and numbers end in one message for each problem."""
    try:
        yield
    except FileRefused as error:
        raise (Usage if error.usage else Fail)(str(error)) from error
    except Bad as bad:
        raise Fail(f"the number {bad.reason}; expected {bad.expected}") from bad


def _say(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


def _show_report(report: importer.Report) -> None:
    if report.problems:
        _show_problems(report)
    for line in shown.report_lines(report):
        _say(line)


def _show_problems(report: importer.Report) -> None:
    first = report.problems[:SHOWN]
    rows = [(p.line, p.column, p.value, p.reason, p.expected) for p in first]
    out.print(_table(("line", "column", "value", "reason", "expected"), rows))
    if len(report.problems) > SHOWN:
        _say(f"and more: {report.rejects} has them all")


def _table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table that takes nothing in its cells for markup; the first never wraps."""
    table = Table(*names)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return table


@contacts.command("review")
@click.argument("batch")
@AS
@click.option("--approve/--reject", "approved", default=None, help="Your decision.")
@click.option("--note", default="", help="Why; it is kept with the decision.")
@json_option
@with_settings
def review_(
    settings: Settings,
    batch: str,
    who: str,
    approved: bool | None,
    note: str,
    as_json: bool,
) -> None:
    """Approve or reject a batch: two people approve, and not its importer.

    Example: dialer contacts review b_1f --as li --approve
    """
    if approved is None:
        raise Usage("say --approve or --reject")

    async def decide() -> Batch:
        now = SystemClock().now()
        said = review.signed(who, approved=approved, note=note, at=now)
        async with opened(settings) as stores:
            return await review.decide(stores.contacts, batch, said)

    found = run(decide())
    emit(shown.batch_data(found), as_json, lambda: _show_standing(found))


def _show_standing(batch: Batch) -> None:
    standing = review.standing(batch)
    if standing.approved:
        _say(f"batch {batch.batch_id} may be dialed, where the gate allows it")
    else:
        _say(f"batch {batch.batch_id} is not dialed: {'; '.join(standing.reasons)}")


@contacts.command()
@json_option
@with_settings
def batches(settings: Settings, as_json: bool) -> None:
    """All batches, what is in them, and who has reviewed them.

    Example: dialer contacts batches
    """
    found = run(_batches(settings))

    names = ("batch", "file", "by", "read = accepted + rejected + twice", "review")

    def row(b: Batch) -> Sequence[object]:
        standing = review.standing(b)
        word = "approved" if standing.approved else "; ".join(standing.reasons)
        counts = f"{b.rows_read} = {b.accepted} + {b.rejected} + {b.duplicates}"
        return (b.batch_id, b.file, b.importer, counts, word)

    def show() -> None:
        out.print(_table(names, map(row, found)))

    emit({"batches": [shown.batch_data(b) for b in found]}, as_json, show)


async def _batches(settings: Settings) -> list[Batch]:
    async with opened(settings) as stores:
        return await stores.contacts.batches()


@contacts.command()
@click.argument("batch")
@click.option("--duplicates", is_flag=True, help="The duplicates instead.")
@json_option
@with_settings
def rejects(settings: Settings, batch: str, duplicates: bool, as_json: bool) -> None:
    """Every rejected row of a batch: line, column, masked value, reason, expected.

    Example: dialer contacts rejects b_1f
    """
    found = review.pick(run(_batches(settings)), batch)
    path = importer.lists_of(_folder(settings), found.batch_id)[duplicates]
    if not path.exists():
        raise Fail(f"{path} is gone; import the file again on this machine")
    names = listing.DUPLICATES if duplicates else listing.REJECTS
    rows = [dict(zip(names, row, strict=True)) for row in listing.read(path)]

    def show() -> None:
        out.print(_table(names, [list(row.values()) for row in rows]))

    emit({"batch": found.batch_id, "file": str(path), "rows": rows}, as_json, show)


@contacts.command("explain")
@click.argument("number")
@click.option("--country", default="CN", help="Where a number without + is local.")
@click.option("--at", type=click.DateTime(), help="Judge at this time, in UTC.")
@json_option
@with_settings
def explain_(
    settings: Settings, number: str, country: str, at: datetime | None, as_json: bool
) -> None:
    """Why a number may or may not be called now: provenance, review, marks, calls; and
    what became of its attempts, by which rule there is another, and when.

    Example: dialer contacts explain "+86 138 0013 8000"
    """
    now = at.replace(tzinfo=UTC) if at else SystemClock().now()

    async def ask() -> tuple[Explanation, list[list[dict[str, Any]]]]:
        judge = planning.judge(settings, now.date())
        async with opened(settings) as stores:
            found = await explain(number, country.upper(), stores, judge=judge, now=now)
            ids = [about.contact.contact_id for about in found.contacts]
            return found, [await retries(stores, i, SystemClock()) for i in ids]

    with told():
        found, tried = run(ask())
    data = shown.explanation_data(found)
    for about, attempts in zip(data["contacts"], tried, strict=True):
        about["retries"] = attempts

    def show() -> None:
        for line in shown.explanation_lines(found):
            _say(line)
        for attempts in tried:
            for line in lines(attempts):
                _say(line)

    emit(data, as_json, show)
