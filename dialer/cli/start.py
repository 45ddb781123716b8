"""`dialer init`: an installation's folder, its key and its settings."""

from __future__ import annotations

import shutil

import click

from dialer.cli.frame import emit, json_option, out, run, with_settings
from dialer.home import opened
from dialer.settings import Settings, shipped
from dialer.store import keys


@click.command()
@json_option
@with_settings
def init(settings: Settings, as_json: bool) -> None:
    """Make an installation: folders, key, settings, empty databases.

    What is there already stays as it is. Example: dialer --home /srv/accord init
    """
    made = prepare_home(settings)
    data = {"home": str(settings.home), "key": str(settings.key_file), "made": made}

    def show() -> None:
        out.print(f"installation in {settings.home}")
        for one in made:
            out.print(f"  made {one}")
        out.print(f"keep a copy of {settings.key_file}: without it the vault is lost")

    emit(data, as_json, show)


def prepare_home(settings: Settings) -> list[str]:
    """Make what is missing. -> what was made."""
    made = []
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = settings.home / "dialer.toml"
    if not own.exists():
        shutil.copyfile(shipped("config") / "dialer.toml", own)
        made.append("dialer.toml")
    if keys.absent(settings.key_file):
        keys.create(settings.key_file)
        made.append("tenant key")
    if not settings.store.ledger and not settings.ledger_db.exists():
        run(_open_once(settings))
        made.append("databases")
    return made


async def _open_once(settings: Settings) -> None:
    async with opened(settings):
        pass
