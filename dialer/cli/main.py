"""The root command and the list of its groups."""

from __future__ import annotations

from pathlib import Path

import click

from dialer import settings


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
@click.pass_context
def dialer(context: click.Context, home: Path, config: Path | None) -> None:
    """Lawful outbound calls, with evidence that others can verify."""
    context.obj = settings.load(home, config)
