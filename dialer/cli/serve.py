"""`dialer serve` and `dialer node`: processes that place calls, on many machines."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import click

from dialer import meters
from dialer.cli.frame import Fail, emit, err, json_option, out, run, with_settings
from dialer.clock import SystemClock
from dialer.home import opened
from dialer.serve import Service, service
from dialer.settings import Settings
from dialer.store.port import NodeRow


@click.command()
@click.option("--node", metavar="NAME", help="This node's name (default: engine.node).")
@json_option
@with_settings
def serve(settings: Settings, node: str | None, as_json: bool) -> None:
    """Call all running campaigns until told to stop; with others, where there are.

    SIGTERM, Ctrl-C or `dialer node drain` end it: no new calls, those under way may
    end. Example: dialer serve --node east-1
    """
    if node:
        own = settings.engine.model_copy(update={"node": node})
        settings = settings.model_copy(update={"engine": own})
    why = run(_serve(settings, quiet=as_json))
    if why.startswith("node "):
        raise Fail(why)
    name = settings.engine.node
    data = {"node": name, "why": why or "stopped"}
    emit(data, as_json, lambda: out.print(f"{name} has left: {data['why']}"))


async def _serve(settings: Settings, *, quiet: bool) -> str:
    """-> why it left; empty: it was told to here."""

    def tell(said: str) -> None:
        if not quiet:
            err.print(said, markup=False)

    metrics = meters.made(settings)
    async with (
        opened(settings, metrics) as stores,
        service(settings, stores, SystemClock(), metrics) as (found, me),
    ):
        drain_on_interrupt(found, tell)
        tell(f"node {settings.engine.node} is up")
        await found.run(tell)
        return me.why


def drain_on_interrupt(found: Service, tell: Callable[[str], None]) -> None:
    """The first signal lets calls end; the next one cuts them."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    asked = 0

    def interrupted() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            tell("draining: calls under way may end (again: they are cut)")
            found.stop()
        elif task:
            task.cancel()

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, interrupted)


@click.group()
def node() -> None:
    """The nodes that place calls: who is up, and telling one to leave."""


@node.command("list")
@json_option
@with_settings
def list_nodes(settings: Settings, as_json: bool) -> None:
    """Who is up, drains, or is gone, and when each was last seen.

    Example: dialer node list
    """

    async def read() -> list[NodeRow]:
        async with opened(settings) as stores:
            return await stores.nodes.all()

    found = run(read())
    rows: list[dict[str, Any]] = [
        {
            "node": row.node,
            "state": row.state,
            "started_at": row.started_at.isoformat(),
            "seen_at": row.seen_at.isoformat(),
        }
        for row in found
    ]

    def show() -> None:
        for row in found:
            out.print(f"{row.node}: {row.state}, seen {row.seen_at:%Y-%m-%d %H:%M:%S}")
        if not found:
            out.print("no node was ever up: `dialer serve` starts one")

    emit({"nodes": rows}, as_json, show)


@node.command()
@click.argument("name")
@json_option
@with_settings
def drain(settings: Settings, name: str, as_json: bool) -> None:
    """Tell a node to take no new calls and leave when those under way have ended.

    Example: dialer node drain east-1
    """

    async def tell() -> None:
        async with opened(settings) as stores:
            await stores.nodes.drain(name, now=SystemClock().now())

    run(tell())
    data = {"node": name, "state": "draining"}
    emit(data, as_json, lambda: out.print(f"{name}: draining"))
