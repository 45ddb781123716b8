"""`dialer db`: the schemas of the databases."""

from __future__ import annotations

from pathlib import Path

import click

from dialer.cli.frame import emit, json_option, out, with_settings
from dialer.settings import Settings
from dialer.store import schema
from dialer.store.sqlite import schema_of, upgrade_file


@click.group()
def db() -> None:
    """The databases: what schema they have, and bringing it up to date."""


def files(settings: Settings) -> dict[str, Path]:
    return {"vault": settings.vault_db, "ledger": settings.ledger_db}


@db.command()
@json_option
@with_settings
def upgrade(settings: Settings, as_json: bool) -> None:
    """Create the databases, or bring them up to date. Stop the engine first.

    Example: dialer db upgrade
    """
    done = {name: upgrade_file(path, name) for name, path in files(settings).items()}

    def show() -> None:
        for name, (before, after) in done.items():
            same = "is up to date" if before == after else f"was {before or 'new'}"
            out.print(f"{name}: {after} ({same})")

    emit(
        {name: {"before": b, "after": a} for name, (b, a) in done.items()},
        as_json,
        show,
    )


@db.command()
@json_option
@with_settings
def status(settings: Settings, as_json: bool) -> None:
    """Show the schemas; changes nothing.

    Example: dialer db status
    """
    found = {
        name: {
            "file": str(path),
            "schema": schema_of(path),
            "wanted": schema.HEADS[name],
        }
        for name, path in files(settings).items()
    }

    def show() -> None:
        for name, row in found.items():
            out.print(
                f"{name}: {row['schema'] or 'not made yet'}"
                f" (this program: {row['wanted']}) {row['file']}"
            )

    emit(found, as_json, show)
