"""`dialer campaign`: list, pause, stop, status; the others have files of their own."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from dialer.cli import pacing
from dialer.cli.frame import emit, json_option, out, run, with_settings
from dialer.cli.lazy import LazyGroup
from dialer.clock import SystemClock
from dialer.home import opened
from dialer.settings import Settings
from dialer.store.port import Campaign, Status

NAME = click.argument("name")
#: Of other files, by `LazyGroup`.
BESIDE = {
    "abandoned": (
        "abandoned:abandoned",
        "Calls that a person answered and nobody of ours took, by each definition.",
    ),
    "accept": (
        "preview:accept",
        "Have the case called that you were shown, once you are free and the gate"
        " allows.",
    ),
    "create": ("plan:create", "Check a campaign file and store the campaign."),
    "launch": (
        "launch:launch",
        "Plan, then call whoever may be called now, until nobody is due.",
    ),
    "next": (
        "preview:next_",
        "The next case of a preview campaign: read it, then accept it or pass it over.",
    ),
    "pass": (
        "preview:pass_",
        "Pass over the case that you were shown: it is offered again after an hour.",
    ),
    "plan": (
        "plan:plan",
        "Dry run: who may be called now, who later, who not, and why.",
    ),
    "recycle": (
        "recycle:recycle",
        "Make one more attempt for everybody whose last one ended in these outcomes.",
    ),
    "resume": ("launch:resume", "Go on with a paused or interrupted campaign."),
    "why": (
        "why:why",
        "Why contacts are not called: where they stop, until when, and the next 3"
        " days.",
    ),
}


@click.group(cls=LazyGroup, where=BESIDE)
def campaign() -> None:
    """Create, plan, launch and watch campaigns."""


@campaign.command("list")
@json_option
@with_settings
def list_(settings: Settings, as_json: bool) -> None:
    """All campaigns and their states.

    Example: dialer campaign list
    """

    async def read() -> list[Campaign]:
        async with opened(settings) as stores:
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
        async with opened(settings) as stores:
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
        async with opened(settings) as stores:
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
