"""The root command and the list of its commands."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

from dialer.cli.lazy import LazyGroup

#: Each command: where it is, and what the help says of it (a test holds both together).
COMMANDS = {
    "agreements": (
        "agreements:agreements",
        "Repayment agreements: signed, and replayable by anyone with the public key.",
    ),
    "calls": ("calls:calls", "Look at call outcomes and masked transcripts."),
    "campaign": ("campaign:campaign", "Create, plan, launch and watch campaigns."),
    "compliance": (
        "compliance:compliance",
        "May this number be called now, and by which rules.",
    ),
    "contacts": (
        "contacts:contacts",
        "Import people to call, have them reviewed, ask why one may be called or not.",
    ),
    "db": ("db:db", "The databases: their schema, backups, and moving to a server."),
    "demo": (
        "demo:demo_command",
        "Run the whole job on synthetic people: nobody real is called.",
    ),
    "donotcall": (
        "donotcall:donotcall",
        "Whom not to call: people, numbers, debts, creditors.",
    ),
    "events": ("events:events", "Events over MQTT (docs/events.md)."),
    "evidence": (
        "evidence:evidence",
        "The transparency log over the journal: sign it, prove from it, verify it.",
    ),
    "init": (
        "start:init",
        "Make an installation: folders, key, settings, empty databases.",
    ),
    "keys": (
        "keys:keys",
        "The tenant key: without it the vault cannot be read, by anyone.",
    ),
    "models": ("models:models", "Speech models: list, check, fetch."),
    "node": (
        "serve:node",
        "The nodes that place calls: who is up, and telling one to leave.",
    ),
    "offers": ("offers:offers", "Lawful ways to repay, by the creditor's policy."),
    "serve": (
        "serve:serve",
        "Call all running campaigns until told to stop; with others, where there are.",
    ),
    "simulate": (
        "simulate:simulate",
        "Simulate a shift by hand, or with one of our ways of pacing.",
    ),
    "templates": ("templates:templates", "What we say: check it, read it, try it."),
    "trunks": (
        "trunks:trunks",
        "Trunks: check their file, configure Asterisk, see how they are, call a phone.",
    ),
}


@click.group(
    cls=LazyGroup,
    where=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
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
    home: Path | None,
    config: Path | None,
    log_format: str | None,
    log_level: str | None,
) -> None:
    """Lawful outbound calls, with evidence that others can verify."""
    from dialer import logs, settings  # whoever only asks for help needs neither

    context.obj = found = settings.load(home or settings.default_home(), config)
    own = found.logs
    file = Path(own.file).expanduser() if own.file else None
    logs.setup(log_format or own.format, log_level or own.level, file)
