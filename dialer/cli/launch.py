"""`dialer campaign launch` and `resume`: calls are placed, and watched."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping

import click

from dialer import app, meters, planning
from dialer.cli.campaign import NAME, as_dict, show_status
from dialer.cli.frame import emit, err, json_option, out, run, with_settings
from dialer.cli.plan import show_plan
from dialer.cli.progress import bar
from dialer.clock import Clock, SystemClock
from dialer.engine import Engine
from dialer.home import engine_runs, opened
from dialer.settings import Settings
from dialer.store.port import Campaign, Status, Stores

WAIT = click.option(
    "--wait", is_flag=True, help="Stay until nothing is ever due again."
)
LINES = click.option("--lines", type=click.IntRange(1, 500), help="Calls at once.")


@click.command()
@NAME
@WAIT
@LINES
@json_option
@with_settings
def launch(
    settings: Settings, name: str, wait: bool, lines: int | None, as_json: bool
) -> None:
    """Plan, then call whoever may be called now, until nobody is due.

    Example: dialer campaign launch autumn --wait
    """
    _drive(settings, name, wait=wait, lines=lines, as_json=as_json, replan=True)


@click.command()
@NAME
@WAIT
@LINES
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
    async with opened(settings, metrics) as stores:
        found = await stores.campaigns.get(name)
        if replan:
            summary = await planning.plan(settings, stores, name, clock, commit=True)
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
