"""The root command and the list of its groups."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

from dialer import settings
from dialer.cli.abandoned import abandoned
from dialer.cli.agreements import agreements
from dialer.cli.calls import calls
from dialer.cli.campaign import campaign
from dialer.cli.compliance import compliance
from dialer.cli.contacts import contacts
from dialer.cli.db import db
from dialer.cli.demo import demo_command
from dialer.cli.donotcall import donotcall
from dialer.cli.evidence import evidence
from dialer.cli.keys import keys
from dialer.cli.models import models
from dialer.cli.offers import offers
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
@click.version_option(version("accord-dialer"), prog_name="dialer")
@click.pass_context
def dialer(context: click.Context, home: Path, config: Path | None) -> None:
    """Lawful outbound calls, with evidence that others can verify."""
    context.obj = settings.load(home, config)


for command in (
    agreements,
    calls,
    campaign,
    compliance,
    contacts,
    db,
    demo_command,
    donotcall,
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
templates.add_command(render)
for command in (replay, export):
    agreements.add_command(command)
campaign.add_command(why)
