"""`dialer simulate`: a made-up shift, with our pacing, gate and retry."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from dialer.campaign.retry import load_policy
from dialer.cli.frame import Usage, emit, json_option, out
from dialer.compliance import packs
from dialer.compliance.gate import make_judge
from dialer.settings import shipped
from dialer.simulate.figures import Figures
from dialer.simulate.parameters import Parameters, load
from dialer.simulate.simulate import MODES, Order, list_length
from dialer.simulate.simulate import simulate as simulated

MOST = 3_000_000  # people on a list that is as long as the shift needs
SAYS = "simulated: no call was placed, and nobody of the list exists"


@click.command()
@click.option("--mode", type=click.Choice(MODES), default="predictive")
@click.option(
    "--agents",
    type=click.IntRange(1, 500),
    default=50,
    help="Agents; agentless: lines.",
)
@click.option(
    "--live-rate",
    type=click.FloatRange(0.01, 0.95),
    default=0.15,
    help="Share of calls that a person answers.",
)
@click.option(
    "--talk",
    type=click.FloatRange(1, 3600),
    default=120.0,
    help="Mean seconds of a talk.",
)
@click.option(
    "--wrap",
    type=click.FloatRange(0, 3600),
    default=30.0,
    help="Mean seconds of an agent's work after a talk.",
)
@click.option(
    "--hours", type=click.FloatRange(0.1, 24), default=1.0, help="Length of the shift."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1)
@click.option(
    "--people",
    type=click.IntRange(1, 2_000_000),
    help="Length of the list (default: enough for agents who never wait).",
)
@click.option(
    "--parameters",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file like config/pacing.toml, which is the default.",
)
@json_option
def simulate(
    mode: str,
    agents: int,
    live_rate: float,
    talk: float,
    wrap: float,
    hours: float,
    seed: int,
    people: int | None,
    parameters: Path | None,
    as_json: bool,
) -> None:
    """Simulate a shift by hand, or with one of our ways of pacing.

    With the same --seed every mode meets the same people.
    Example: dialer simulate --mode predictive --agents 50 --live-rate 0.15
    """
    given = load(parameters or shipped("config") / "pacing.toml")
    order = Order(mode, agents, live_rate, talk, wrap, hours, seed, people or 0)
    if list_length(order, given) > MOST:
        raise Usage(f"needs a list of over {MOST} people: fewer agents or hours")
    found = run(order, given)
    data = told(order, given, found)
    emit(data, as_json, lambda: _show(data))


def run(order: Order, given: Parameters) -> Figures:
    """With the shipped packs, as they are in force on the first day of the list."""
    config = shipped("config")
    judge = make_judge(packs.load(config, today=given.list.start.date()))
    return simulated(order, given, judge, load_policy(config / "retry.toml"))


def told(order: Order, given: Parameters, found: Figures) -> dict[str, Any]:
    """For `--json`."""
    ordered = asdict(order) | {"people": list_length(order, given)}
    return {"simulated": True, **ordered, **asdict(found)}


def _show(data: dict[str, Any]) -> None:
    table = Table("figure", "value", title="simulated shift")
    for key, value in data.items():
        if key == "violations_by_rule":
            continue
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        table.add_row(key, shown)
    out.print(table)
    for rule, count in data["violations_by_rule"].items():
        out.print(f"violated: {rule}, {count} times")
    out.print(SAYS)
