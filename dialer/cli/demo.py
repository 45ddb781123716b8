"""`dialer demo`: the main job, end to end, on one machine."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
from rich.table import Table

from dialer import demo, logs
from dialer.cli.frame import Fail, emit, err, json_option, out, run
from dialer.cli.launch import watch
from dialer.cli.plan import show_plan
from dialer.cli.start import prepare_home
from dialer.cli.timeline import shown, timeline
from dialer.clock import Clock
from dialer.engine import Engine
from dialer.settings import Settings, load
from dialer.store.port import Stores

PATH = click.Path(path_type=Path, exists=True)


@click.command("demo")
@click.option("--callees", type=PATH, help="A folder of your own callees.")
@click.option("--contacts", type=PATH, help="A contact file of your own.")
@click.option("--lines", type=click.IntRange(1, 64), help="Calls at once.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-home"),
    show_default=True,
    help="Folder for everything the demo writes; an earlier demo's is replaced.",
)
@json_option
def demo_command(
    callees: Path | None,
    contacts: Path | None,
    lines: int | None,
    keep: Path,
    as_json: bool,
) -> None:
    """Run the whole job on synthetic people: nobody real is called.

    Example: dialer demo --lines 4 --json
    """
    demo.fresh_home(keep)
    settings = load(keep)
    prepare_home(settings)
    logs.to_file(keep / "logs" / "dialer.jsonl")
    script = demo.Script.shipped(callees, contacts)

    def tell(line: str) -> None:
        if not as_json:
            err.print(line)

    async def board(
        stores: Stores, campaign_id: str, engine: Engine, clock: Clock
    ) -> None:
        await watch(stores, campaign_id, engine, clock, quiet=as_json)

    tell(f"the calendar is set to {script.at:%Y-%m-%d %H:%M} UTC, a lawful hour")
    result = run(demo.play(settings, script, lines=lines, tell=tell, watch=board))
    emit(result.as_dict(), as_json, lambda: show(settings, result))
    bad = result.violations or result.leaks or not result.verified
    if bad:
        raise Fail("the demo found violations, leaks or unverifiable evidence")


def show(settings: Settings, result: demo.Result) -> None:
    """Everything for people to look at."""
    if result.status:
        outcomes(result)
    show_plan(result.summary)
    if result.shown:
        out.print(timeline(shown(settings, *result.shown)))
    unmet = [one for one in result.expected if one[2] != one[3]]
    for name, _, wanted, got in unmet:
        why = " (no contact that may be called has its number)" * (got == "not called")
        out.print(f"  {name}: expected {wanted}, got {got}{why}")
    out.print(
        f"callees that ended as their file says: {result.met} of {len(result.expected)}"
    )
    out.print(f"gate violations: {len(result.violations)}")
    for line in result.violations:
        out.print(f"  {line}")
    out.print(f"unmasked leaks outside the vault: {len(result.leaks)}")
    verdict = "verified" if result.verified else "NOT VERIFIED"
    out.print(f"evidence: {result.entries} entries, {verdict}")
    for problem in result.problems:
        out.print(f"  {problem}")
    out.print(f"analysts' store: {result.analysed} attempts; try `calls query --list`")
    out.print(
        f"{result.seconds:.0f} s. Everything lies in {settings.home}: ledger/, vault/, "
        f"evidence/, analysts/, logs/, import/; look with "
        f"`dialer --home {settings.home} calls list`"
    )


def outcomes(result: demo.Result) -> None:
    """The outcome table."""
    table = Table("outcome", "attempts", "answered", title="what became of the calls")
    ends = Counter(str(r.disposition or r.phase) for r in result.rows)
    answered = Counter(
        str(r.disposition or r.phase) for r in result.rows if r.answered_at
    )
    for name, count in ends.most_common():
        table.add_row(name, str(count), str(answered[name]))
    out.print(table)
