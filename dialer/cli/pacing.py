"""How calls are paced for people: what `dialer campaign status` tells of it."""

from __future__ import annotations

import json
from typing import Any

from rich.markup import escape

from dialer.campaign.account import Account, ceilings
from dialer.campaign.file import parse
from dialer.cli.abandoned import as_dict
from dialer.cli.frame import out
from dialer.clock import SystemClock
from dialer.home import engine_runs
from dialer.settings import Settings
from dialer.store.port import Campaign, Reached, Stores


async def standing(
    settings: Settings, stores: Stores, found: Campaign
) -> dict[str, Any]:
    """The mode; with people, abandoned calls by each definition, and what the engine
    last told of its agents and lines (`engine`; None: none runs for this campaign)."""
    wanted = parse(found.settings).pacing
    data: dict[str, Any] = {"mode": wanted.mode}
    if not wanted.people:
        return data

    async def reached() -> tuple[Reached, ...]:
        return tuple(await stores.calls.reached(found.campaign_id, found.created_at))

    clock = SystemClock()
    account = Account(reached, ceilings(wanted.at_most))
    await account.refresh(clock.elapsed())
    data["abandoned"] = [as_dict(one) for one in account.standings(clock.now())]
    data["engine"] = _engine(settings, found)
    return data


def _engine(settings: Settings, found: Campaign) -> dict[str, Any] | None:
    try:
        told = json.loads(settings.pacing_figures.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    here = told.get("campaign") == found.name and engine_runs(settings)
    return dict(told) if here else None


def show(data: dict[str, Any]) -> None:
    """The same for people; nothing for bots."""
    if "abandoned" not in data:
        return
    out.print(f"pacing: {data['mode']}")
    for one in data["abandoned"]:
        told = f"{one['abandoned']} of {one['answered']} answered"
        out.print(f"  abandoned by {one['rule']}: {told}, {one['credit']:.1f} left")
    if engine := data["engine"]:
        agents = ", ".join(f"{n} {name}" for name, n in engine["agents"].items())
        out.print(f"  agents: {agents}")
        lines = f"{engine['calls_ringing']} ringing, {engine['target_lines']} wanted"
        out.print(f"  calls: {lines}; works as {engine['works_as']}")
        out.print(escape(f"  because: {engine['why']}"), soft_wrap=True)
