"""`dialer db`: the databases, their schemas, backups, and the way to a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from dialer.cli.frame import Usage, emit, err, json_option, out, run, with_settings
from dialer.cli.progress import bar
from dialer.clock import SystemClock
from dialer.home import alone, opened
from dialer.settings import Settings
from dialer.store import backup as backups
from dialer.store import move as moves
from dialer.store import postgres, roles, schema
from dialer.store.address import Address, Addresses
from dialer.store.copying import Told
from dialer.store.port import StoreError
from dialer.store.sqlite import schema_of, upgrade_file


@click.group()
def db() -> None:
    """The databases: their schema, backups, and moving to a server."""


TO = click.option(
    "--to",
    "url",
    required=True,
    metavar="URL",
    help="postgresql://OWNER@HOST[:PORT]/NAME: databases NAME_vault, NAME_ledger.",
)
QUIET: Told = lambda table, done, total: None  # noqa: E731


def files(settings: Settings) -> dict[str, Path]:
    return {"vault": settings.vault_db, "ledger": settings.ledger_db}


def server(settings: Settings, url: str) -> tuple[Addresses, str]:
    """-> the databases that a URL stands for, the role that owns them."""
    passwords = Path(settings.store.passwords) if settings.store.passwords else None
    base = Address.parse("owner", url, passwords)
    name = base.database
    owner = base.role or f"{name}_owner"

    def address(who: str, kind: str) -> Address:
        found = base.url.set(username=f"{name}_{who}", database=f"{name}_{kind}")
        return replace(base, name=who, url=found)

    return Addresses(
        address("vault", "vault"),
        address("ledger", "ledger"),
        address("evidence", "ledger"),
    ), owner


@contextmanager
def told(title: str, quiet: bool) -> Iterator[Told]:
    """A bar on a terminal; elsewhere a line a table."""
    if quiet:
        yield QUIET
        return
    with bar() as progress:
        task = progress.add_task(title, note="")
        last = ""

        def show(table: str, done: int, total: int) -> None:
            nonlocal last
            progress.update(task, completed=done, total=total, note=table)
            if not err.is_terminal and table != last:
                err.print(f"{title}: {table}, {total} rows")
            last = table

        yield show


@db.command()
@json_option
@with_settings
def upgrade(settings: Settings, as_json: bool) -> None:
    """Create the databases, or bring them up to date. Stop the engine first.

    On a server: as the role that owns the tables; the other roles get what they need.
    Example: dialer db upgrade
    """
    found = settings.store.addresses()
    if found:
        owner = settings.store.owner
        done = {
            name: postgres.upgrade_database(address.owned_by(owner), name, found)
            for name, address in found.items().items()
        }
    else:
        done = {n: upgrade_file(path, n) for n, path in files(settings).items()}

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
    addresses = settings.store.addresses()
    found = dict[str, dict[str, Any]]()
    if addresses:
        for name, address in addresses.items().items():
            found[name] = {"url": str(address), "schema": postgres.schema_of(address)}
    else:
        for name, path in files(settings).items():
            found[name] = {"file": str(path), "schema": schema_of(path)}
    for name, row in found.items():
        row["wanted"] = schema.HEADS[name]

    def show() -> None:
        for name, row in found.items():
            out.print(
                f"{name}: {row['schema'] or 'not made yet'}"
                f" (this program: {row['wanted']}) {row.get('file') or row['url']}"
            )

    emit(found, as_json, show)


@db.command("roles")
@TO
@json_option
@with_settings
def print_roles(settings: Settings, url: str, as_json: bool) -> None:
    """Write what a database administrator runs once: roles and empty databases.

    Example: dialer db roles --to postgresql://accord_owner@db.example/accord | psql
    """
    said = roles.script(*server(settings, url))
    emit({"script": said}, as_json, lambda: click.echo(said, nl=False))


@db.command()
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
@with_settings
def backup(settings: Settings, folder: Path, as_json: bool) -> None:
    """Write both databases to a new folder; the engine may run meanwhile.

    Personal data stays sealed: the tenant key is not in it, keep that apart.
    Example: dialer db backup /srv/backups/2026-11-24
    """
    source = settings.store.addresses() or files(settings)
    with told("backup", as_json) as show:
        found = backups.backup(source, folder, SystemClock().now(), show)
    emit(found, as_json, lambda: _described(folder, found))


@db.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@json_option
@with_settings
def restore(settings: Settings, folder: Path, as_json: bool) -> None:
    """Put a backup into an installation that has no data yet.

    What was called since the backup is not in it. So running campaigns are left
    paused: bring the do-not-call list up to date before you resume them.
    Example: dialer db restore /srv/backups/2026-11-24
    """
    found = backups.checked(folder)
    with alone(settings), told("restore", as_json) as show:
        addresses = settings.store.addresses()
        if addresses:
            source = {name: folder / f"{name}.db" for name in backups.NAMES}
            moves.move(source, addresses, settings.store.owner, show, mark=False)
        else:
            backups.restore_files(folder, files(settings))
        paused = run(_pause_all(settings))

    def tell() -> None:
        _described(folder, found)
        for name in paused:
            out.print(f"paused: {name}")

    emit({**found, "paused": paused}, as_json, tell)


async def _pause_all(settings: Settings) -> list[str]:
    async with opened(settings) as stores:
        running = [c for c in await stores.campaigns.all() if c.state == "running"]
        for campaign in running:
            now = SystemClock().now()
            await stores.campaigns.set_state(campaign.campaign_id, "paused", now)
        return [campaign.name for campaign in running]


def _described(folder: Path, found: dict[str, Any]) -> None:
    for name in backups.NAMES:
        rows = sum(found[name]["rows"].values())
        out.print(f"{name}: {rows} rows, schema {found[name]['schema']}")
    out.print(f"{folder}, made at {found['made_at']}")


@db.command()
@TO
@json_option
@with_settings
def move(settings: Settings, url: str, as_json: bool) -> None:
    """Carry this installation's SQLite files to a server, every row compared.

    Stop everything first. Cut off, run it again: it goes on. At the end the files are
    marked as moved, so that no engine calls from them. The owner's password is
    ACCORD_OWNER_PASSWORD, or in the file that store.passwords names.
    Example: dialer db move --to postgresql://accord_owner@db.example/accord
    """
    if settings.store.ledger:
        raise Usage("this installation is on a server already")
    target, owner = server(settings, url)
    if not settings.home.is_dir():
        raise StoreError(f"{settings.home}: no installation here")
    with alone(settings), told("move", as_json) as show:
        found = moves.move(files(settings), target, owner, show)
    table = {who: str(getattr(target, who)) for who in ("vault", "ledger", "evidence")}

    def tell() -> None:
        for name, rows in found.items():
            out.print(f"{name}: {sum(rows.values())} rows, each compared")
        out.print("Now write this into dialer.toml:\n\n[store]", markup=False)
        for who, said in table.items():
            click.echo(f'{who} = "{said}"')
        click.echo(f'owner = "{owner}"')

    emit({"rows": found, "store": {**table, "owner": owner}}, as_json, tell)
