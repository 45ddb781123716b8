"""`dialer keys`: the tenant key that all personal data is sealed with."""

from __future__ import annotations

import os

import click

from dialer.cli.frame import Fail, emit, json_option, out, run, with_settings
from dialer.settings import Settings
from dialer.store.keys import create
from dialer.store.rotate import rotate as rotate_keys


@click.group()
def keys() -> None:
    """The tenant key: without it the vault cannot be read, by anyone."""


@keys.command()
@json_option
@with_settings
def init(settings: Settings, as_json: bool) -> None:
    """Make the tenant key, once.

    Example: dialer keys init
    """
    path, vault = settings.key_file, settings.vault_db
    if settings.store.vault:
        vault = settings.home / "nowhere"  # the server's is proven when it is opened
    if vault.exists() and not path.exists():
        raise Fail(f"{vault} was made with another key: put that key back at {path}")
    create(path)
    emit({"key_file": str(path), "version": 1}, as_json, lambda: told(path))


def told(path: object) -> None:
    out.print(f"The tenant key is in {path} (mode 0600).")
    out.print("Keep a copy apart from the database: lost, the vault is lost.")


@keys.command()
@json_option
@with_settings
def rotate(settings: Settings, as_json: bool) -> None:
    """Seal all data keys with a new tenant key; goes on where a crash left it.

    Example: dialer keys rotate
    """
    found = settings.store.addresses()
    vault = found.vault if found else settings.vault_db
    moved = run(rotate_keys(vault, settings.key_file, os.environ))
    emit(
        {"records": moved},
        as_json,
        lambda: out.print(f"{moved} records are sealed with the new key."),
    )
