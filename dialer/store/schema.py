"""Create and upgrade the databases: forward only, by the migrations beside this."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from dialer.store.port import StoreError

#: The revision this program was written for, by database.
HEADS = {"vault": "vault_1", "ledger": "ledger_9"}
MOVED = "moved"  # stands for the revision in files whose rows are on a server now
MOVING = "moving"  # a table there while rows are being brought
REMEDY = "run `dialer db upgrade` (stop the engine and copy the home folder first)"


class SchemaError(StoreError):
    """The database is older or newer than this program."""


def revision(connection: Connection) -> str | None:
    """The revision of an open database; None: it has no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version"))
    return str(found.scalar_one())


def upgrade(engine: Engine, name: str) -> tuple[str | None, str]:
    """Bring database `name` (vault | ledger) to its head in one transaction, which
    holds the write lock from its start. -> (before, after)"""
    with engine.begin() as connection:
        return upgrade_on(connection, name)


def upgrade_on(connection: Connection, name: str) -> tuple[str | None, str]:
    """As `upgrade`, in the transaction that is under way."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parent / "migrations" / name)
    )
    before = revision(connection)
    if before not in (None, HEADS[name]):
        known(name, before)
    if before != HEADS[name]:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, HEADS[name]


def check(connection: Connection, name: str, *, ahead: int = 0) -> str | None:
    """Refuse a schema that is not this program's. `ahead`: so many migrations newer
    will do (a migration leaves the program before it able to run). -> None: it is
    empty, create it."""
    found = revision(connection)
    if inspect(connection).has_table(MOVING):
        raise SchemaError(
            f"the {name} database is not whole yet: let `dialer db move` or"
            " `dialer db restore` come to its end"
        )
    if found not in (None, HEADS[name]):
        if newer(name, found) in range(1, ahead + 1):
            return found
        known(name, found)
        raise SchemaError(
            f"the {name} database has schema {found}, and this program needs"
            f" {HEADS[name]}: {REMEDY}"
        )
    return found


def known(name: str, found: str | None) -> None:
    """Revisions are numbered: a higher one was made by a later program."""
    if found == MOVED:
        raise SchemaError(
            f"the {name} database was moved to a server: name it in [store] of"
            " dialer.toml (`dialer db move` told what to write there)"
        )
    after = newer(name, found)
    if after is None or after > 0:
        raise SchemaError(
            f"the {name} database has schema {found}, which this program does not"
            f" know (it knows up to {HEADS[name]}): use the version that made it"
        )


def newer(name: str, found: str | None) -> int | None:
    """By how many migrations a revision is newer than ours; None: it is not of ours."""
    kind, _, number = str(found).partition("_")
    mine = int(HEADS[name].partition("_")[2])
    return int(number) - mine if kind == name and number.isdigit() else None
