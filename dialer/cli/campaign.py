"""`dialer campaign`: create, plan, launch, pause, resume, stop, status (why: `why`)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from dialer import app, meters
from dialer.campaign import file
from dialer.campaign.plan import Summary
from dialer.cli import pacing
from dialer.cli.frame import emit, err, json_option, out, run, with_settings
from dialer.cli.progress import bar
from dialer.clock import Clock, SystemClock
from dialer.engine import Engine, engine_runs
from dialer.settings import Settings
from dialer.store.port import Campaign, Status, Stores

NAME = click.argument("name")


@click.group()
def campaign() -> None:
    """Create, plan, launch and watch campaigns."""


@campaign.command()
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
    async with app.opened(settings) as stores:
        return await app.create_campaign(stores, wanted, SystemClock())


@campaign.command("list")
@json_option
@with_settings
def list_(settings: Settings, as_json: bool) -> None:
    """All campaigns and their states.

    Example: dialer campaign list
    """

    async def read() -> list[Campaign]:
        async with app.opened(settings) as stores:
            return await stores.campaigns.all()

    found = run(read())
    data = {"campaigns": [{"name": c.name, "state": c.state} for c in found]}

    def show() -> None:
        for one in found:
            out.print(f"{one.name:30} {one.state}")

    emit(data, as_json, show)


@campaign.command()
@NAME
@json_option
@with_settings
def plan(settings: Settings, name: str, as_json: bool) -> None:
    """Dry run: who may be called now, who later, who not, and why. Writes nothing.

    Example: dialer campaign plan autumn
    """

    async def dry_run() -> Summary:
        async with app.opened(settings) as stores:
            return await app.plan(settings, stores, name, SystemClock(), commit=False)

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


@campaign.command()
@NAME
@click.option("--wait", is_flag=True, help="Stay until nothing is ever due again.")
@click.option("--lines", type=click.IntRange(1, 500), help="Calls at once.")
@json_option
@with_settings
def launch(
    settings: Settings, name: str, wait: bool, lines: int | None, as_json: bool
) -> None:
    """Plan, then call whoever may be called now, until nobody is due.

    Example: dialer campaign launch autumn --wait
    """
    _drive(settings, name, wait=wait, lines=lines, as_json=as_json, replan=True)


@campaign.command()
@NAME
@click.option("--wait", is_flag=True, help="Stay until nothing is ever due again.")
@click.option("--lines", type=click.IntRange(1, 500), help="Calls at once.")
@json_option
@with_settings
def resume(
    settings: Settings, name: str, wait: bool, lines: int | None, as_json: bool
) -> None:
    """Go on with a paused or interrupted campaign.

    Where an engine is running already, it takes up the work; else this one does.
    Example: dialer campaign resume autumn
    """
    _drive(settings, name, wait=wait, lines=lines, as_json=as_json, replan=False)


@campaign.command()
@NAME
@json_option
@with_settings
def pause(settings: Settings, name: str, as_json: bool) -> None:
    """No new calls until `resume`; calls under way go on.

    Example: dialer campaign pause autumn
    """
    _set_state(settings, name, "paused", as_json)


@campaign.command()
@NAME
@json_option
@with_settings
def stop(settings: Settings, name: str, as_json: bool) -> None:
    """No new calls, ever; calls under way may end within the grace.

    Example: dialer campaign stop autumn
    """
    _set_state(settings, name, "stopped", as_json)


def _set_state(settings: Settings, name: str, state: str, as_json: bool) -> None:
    async def change() -> Campaign:
        async with app.opened(settings) as stores:
            found = await stores.campaigns.get(name)
            now = SystemClock().now()
            return await stores.campaigns.set_state(found.campaign_id, state, now)

    changed = run(change())
    data = {"name": changed.name, "state": changed.state}
    emit(data, as_json, lambda: out.print(f"{changed.name}: {changed.state}"))


@campaign.command()
@NAME
@json_option
@with_settings
def status(settings: Settings, name: str, as_json: bool) -> None:
    """Where a campaign stands: attempts by phase and outcome, why the rest waits.

    Example: dialer campaign status autumn
    """

    async def read() -> tuple[Status, dict[str, Any]]:
        async with app.opened(settings) as stores:
            found = await stores.campaigns.get(name)
            status = await stores.campaigns.status(found.campaign_id)
            return status, await pacing.standing(settings, stores, found)

    found, paced = run(read())
    data = {**as_dict(found), "pacing": paced}

    def show() -> None:
        show_status(found)
        pacing.show(paced)

    emit(data, as_json, show)


def as_dict(found: Status) -> dict[str, Any]:
    """A status for `--json`."""
    return {
        "name": found.campaign.name,
        "state": found.campaign.state,
        "phases": dict(found.phases),
        "dispositions": dict(found.dispositions),
        "refusals": dict(found.refusals),
        "next_due": found.next_due.isoformat() if found.next_due else None,
    }


def show_status(found: Status) -> None:
    """A status for people."""
    out.print(f"[bold]{found.campaign.name}[/]: {found.campaign.state}")
    for title, counts in (
        ("phase", found.phases),
        ("outcome", found.dispositions),
        ("why not called", found.refusals),
    ):
        if counts:
            table = Table(title, "attempts")
            for key, count in sorted(counts.items(), key=lambda kv: -kv[1]):
                table.add_row(key, str(count))
            out.print(table)
    if found.next_due:
        out.print(f"next attempt is due at {found.next_due:%Y-%m-%d %H:%M} UTC")


def _drive(
    settings: Settings,
    name: str,
    *,
    wait: bool,
    lines: int | None,
    as_json: bool,
    replan: bool,
) -> None:
    found = run(_driven(settings, name, wait, lines, replan=replan, quiet=as_json))

    def show() -> None:
        show_status(found)
        out.print(_last_word(found))

    emit(as_dict(found), as_json, show)


def _last_word(found: Status) -> str:
    if found.campaign.state == "paused":
        return f"paused: `dialer campaign resume {found.campaign.name}` goes on"
    if found.next_due and found.campaign.state == "running":
        return (
            f"nobody else may be called before {found.next_due:%Y-%m-%d %H:%M} UTC: "
            f"run `dialer campaign resume {found.campaign.name}` then, or use --wait"
        )
    return f"{found.campaign.state}"


async def _driven(
    settings: Settings,
    name: str,
    wait: bool,
    lines: int | None,
    *,
    replan: bool,
    quiet: bool,
) -> Status:
    clock, metrics = SystemClock(), meters.made(settings)
    async with app.opened(settings, metrics) as stores:
        found = await stores.campaigns.get(name)
        if replan:
            summary = await app.plan(settings, stores, name, clock, commit=True)
            if not quiet:
                show_plan(summary)
        if found.state != "running":
            now = clock.now()
            await stores.campaigns.set_state(found.campaign_id, "running", now)
        if settings.store.ledger or engine_runs(settings):
            if not quiet:
                err.print(await _who_calls(settings, stores))
            return await stores.campaigns.status(found.campaign_id)
        async with app.engine(
            settings, stores, found, clock, lines=lines, metrics=metrics
        ) as engine:
            pause_on_interrupt(engine, stores, found, clock)
            async with asyncio.TaskGroup() as group:
                board = group.create_task(
                    watch(stores, found.campaign_id, engine, clock, quiet=quiet)
                )
                await engine.run(wait=wait)
                board.cancel()
        return await stores.campaigns.status(found.campaign_id)


async def _who_calls(settings: Settings, stores: Stores) -> str:
    if not settings.store.ledger:
        return "another engine is running here and takes up the work"
    up = [row.node for row in await stores.nodes.all() if row.state == "up"]
    if not up:
        return "no node is up: start `dialer serve` where calls are to be placed"
    return f"nodes that take up the work: {', '.join(up)}"


def pause_on_interrupt(
    engine: Engine, stores: Stores, found: Campaign, clock: Clock
) -> None:
    """The first Ctrl-C pauses the campaign and lets calls end; the next one cuts."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    asked = 0

    def interrupted() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            err.print("pausing: calls under way may end (Ctrl-C again cuts them)")
            engine.pause()
        elif task:
            task.cancel()

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, interrupted)


async def watch(
    stores: Stores,
    campaign_id: str,
    engine: Engine,
    clock: Clock,
    *,
    quiet: bool,
) -> None:
    """A bar on a terminal, a line when something changed elsewhere, until cancelled."""
    if quiet:
        return
    last = ""
    if not err.is_terminal:
        while True:
            found = await stores.campaigns.status(campaign_id)
            line = progress_line(found.phases, engine)
            if line != last:
                err.print(line)
            last = line
            await clock.sleep(2.0)
    with bar() as progress:
        task = progress.add_task("calls", note="")
        while True:
            found = await stores.campaigns.status(campaign_id)
            done = found.phases.get("done", 0)
            total = sum(found.phases.values())
            note = progress_line(found.phases, engine)
            progress.update(task, total=total, completed=done, note=note)
            await clock.sleep(0.5)


def progress_line(phases: Mapping[str, int], engine: Engine) -> str:
    """One line: how many attempts stand where."""
    prompts = engine.rendering
    return (
        f"{phases.get('done', 0)} done, {phases.get('talking', 0)} talking, "
        f"{phases.get('dialing', 0)} ringing, {phases.get('reserved', 0)} in hand, "
        f"{phases.get('due', 0)} due" + (f", rendering {prompts}" if prompts else "")
    )
