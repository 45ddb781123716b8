"""The root command and the list of its groups."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

from dialer import logs, settings
from dialer.cli.abandoned import abandoned
from dialer.cli.agreements import agreements
from dialer.cli.calls import calls
from dialer.cli.campaign import campaign
from dialer.cli.compliance import compliance
from dialer.cli.contacts import contacts
from dialer.cli.db import db
from dialer.cli.demo import demo_command
from dialer.cli.donotcall import donotcall
from dialer.cli.events import events
from dialer.cli.evidence import evidence
from dialer.cli.keys import keys
from dialer.cli.models import models
from dialer.cli.offers import offers
from dialer.cli.preview import accept, next_, pass_
from dialer.cli.query import query, sync
from dialer.cli.recycle import recycle
from dialer.cli.render import render
from dialer.cli.replay import export, replay
from dialer.cli.serve import node, serve
from dialer.cli.simulate import simulate
from dialer.cli.start import init
from dialer.cli.templates import templates
from dialer.cli.trunks import trunks
from dialer.cli.why import why


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=settings.default_home,
    help="Folder of this installation (default: $ACCORD_HOME or ./accord-home).",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A settings file (default: HOME/dialer.toml).",
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "json", "console"]),
    help="How logs look on stderr (default: [logs] format).",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="From where on they are written (default: [logs] level).",
)
@click.version_option(version("accord-dialer"), prog_name="dialer")
@click.pass_context
def dialer(
    context: click.Context,
    home: Path,
    config: Path | None,
    log_format: str | None,
    log_level: str | None,
) -> None:
    """Lawful outbound calls, with evidence that others can verify."""
    context.obj = found = settings.load(home, config)
    own = found.logs
    file = Path(own.file).expanduser() if own.file else None
    logs.setup(log_format or own.format, log_level or own.level, file)


for command in (
    agreements,
    calls,
    campaign,
    compliance,
    contacts,
    db,
    demo_command,
    donotcall,
    events,
    evidence,
    init,
    keys,
    models,
    node,
    offers,
    serve,
    simulate,
    templates,
    trunks,
):
    dialer.add_command(command)
campaign.add_command(recycle)
campaign.add_command(abandoned)
for command in (next_, accept, pass_):
    campaign.add_command(command)
templates.add_command(render)
for command in (replay, export):
    agreements.add_command(command)
campaign.add_command(why)
for command in (query, sync):
    calls.add_command(command)
