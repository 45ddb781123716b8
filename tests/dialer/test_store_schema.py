"""The database itself refuses what the code promises never to write."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3.dbapi2 as sqlite
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql.base import PGDialect

from dialer.attempt import MOVES
from dialer.store import cases, finish, ledger, schema, tables
from dialer.store.port import StoreDown, StoreError, Stores
from dialer.store.prepared import Prepared
from dialer.store.sqlite import open_engine, upgrade_file
from dialer.store.vault_tables import vault
from tests.kit.stores import claimed, contact, dialed, opened, running

MIGRATIONS = Path(schema.__file__).parent / "migrations"


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened(tmp_path) as found:
        yield found


@pytest.fixture
def db(tmp_path: Path, stores: Stores) -> Iterator[Any]:
    """Another program at the same file."""
    with closing(sqlite.connect(str(tmp_path / "ledger.db"))) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


# --- the schema


@pytest.mark.parametrize("name", ["vault", "ledger"])
def test_the_migrations_make_the_tables_of_the_code(tmp_path: Path, name: str) -> None:
    metadata = {"vault": vault, "ledger": tables.ledger}[name]
    upgrade_file(tmp_path / "x.db", name)
    engine = open_engine(tmp_path / "x.db")
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master")
        made = {row[0]: row[1] for row in rows}
    engine.dispose()
    for table in metadata.tables.values():
        for rule in table.constraints:
            if isinstance(rule, CheckConstraint):
                assert str(rule.sqltext) in made[table.name], rule.name
        for index in table.indexes:
            where = index.dialect_options["sqlite"]["where"]
            assert where is None or made[str(index.name)].endswith(str(where))


@pytest.mark.parametrize("name", ["vault", "ledger"])
def test_the_head_is_the_last_migration(name: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS / name))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [schema.HEADS[name]]
    for step in script.walk_revisions():
        assert not hasattr(step.module, "downgrade"), "forward only"


def test_an_older_schema_names_the_remedy_and_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    upgrade_file(path, "ledger")
    with closing(sqlite.connect(str(path))) as connection:
        later = ("journal", "cursors", "agreement_events", "agreements")
        for table in (*later, "nodes", "starts", "seats", "duties"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DROP TABLE previews")
        for index in ("asked", "raised"):
            connection.execute(f"DROP INDEX ix_attempts_{index}")
        for column in ("attempts DROP COLUMN asked", "attempts DROP COLUMN priority"):
            connection.execute(f"ALTER TABLE {column}")
        for column in ("priority", "dated"):
            connection.execute(f"ALTER TABLE contacts DROP COLUMN {column}")
        connection.execute("UPDATE alembic_version SET version_num = 'ledger_2'")
        connection.commit()
    engine = open_engine(path)
    with (
        pytest.raises(schema.SchemaError, match="dialer db upgrade"),
        engine.begin() as connection,
    ):
        schema.check(connection, "ledger")
    engine.dispose()
    assert upgrade_file(path, "ledger") == ("ledger_2", schema.HEADS["ledger"])


@pytest.mark.parametrize("found", ["ledger_99", "vault_1", "abc"])
async def test_a_schema_of_a_later_program_is_left_alone(
    tmp_path: Path, found: str
) -> None:
    upgrade_file(tmp_path / "ledger.db", "ledger")
    with closing(sqlite.connect(str(tmp_path / "ledger.db"))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (found,))
        connection.commit()
    with pytest.raises(schema.SchemaError, match="does not know"):
        async with opened(tmp_path):
            pass
    with pytest.raises(schema.SchemaError, match="does not know"):
        upgrade_file(tmp_path / "ledger.db", "ledger")


async def test_a_file_that_is_no_database_is_an_error_without_a_trace(
    tmp_path: Path,
) -> None:
    noise = tmp_path / "ledger.db"
    noise.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises((StoreError, StoreDown), match="not a database"):
        async with opened(tmp_path):
            pass


async def test_the_ledger_is_readable_by_any_sqlite(tmp_path: Path) -> None:
    async with opened(tmp_path) as stores:
        await running(stores, [contact(1)])
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == (1,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_commits_are_synced_to_disk(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "x.db")
    with engine.begin() as connection:
        ask = connection.exec_driver_sql
        assert ask("PRAGMA synchronous").scalar() == 2  # FULL
        assert ask("PRAGMA journal_mode").scalar() == "wal"
        assert ask("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


@pytest.mark.parametrize(
    "statement", [ledger._claim, cases._facts.sized(2)[0], finish._next]
)
def test_the_statements_can_be_said_to_postgresql(statement: Prepared) -> None:
    dialect: Any = PGDialect
    said = str(statement._statement.compile(dialect=dialect()))
    assert "SKIP LOCKED" in said or statement is not ledger._claim


# --- constraints

TIME = "'2026-11-24T06:00:00.000000Z'"


async def test_one_open_attempt_per_number(stores: Stores, db: Any) -> None:
    await running(stores, [contact(1)])
    same = (
        "campaign_id, contact_id, position, number, account, phase, not_before, stage,"
        " verdict, rules"
    )
    copy = (
        f"INSERT INTO attempts (attempt_id, n, {same})"
        f" SELECT 'x', 2, {same} FROM attempts"
    )
    with pytest.raises(sqlite.IntegrityError, match=r"attempts\.number"):
        db.execute(copy)


async def test_one_row_for_each_try_of_a_contact(stores: Stores, db: Any) -> None:
    await running(stores, [contact(1), contact(2)])
    with pytest.raises(sqlite.IntegrityError, match=r"attempts\.campaign_id"):
        db.execute("UPDATE attempts SET contact_id = 'c_000001', number = 'n' || row")


BROKEN = [
    "phase = 'ringing'",
    "phase = 'reserved'",  # without node and lease
    "phase = 'dialing', node = 'n', lease_until = not_before",  # without dialing_at
    f"phase = 'talking', node = 'n', lease_until = {TIME}, dialing_at = {TIME}",
    "phase = 'unknown'",
    "phase = 'done'",
    f"phase = 'done', ended_at = {TIME}",
    "phase = 'done', disposition = 'busy'",
    "node = 'n'",
    f"answered_at = {TIME}",
    f"ended_at = {TIME}",
    "n = 0",
    "position = -1",
]


@pytest.mark.parametrize("change", BROKEN)
async def test_a_row_that_the_table_of_moves_cannot_make_is_refused(
    stores: Stores, db: Any, change: str
) -> None:
    await running(stores, [contact(1)])
    with pytest.raises(sqlite.IntegrityError, match="CHECK"):
        db.execute(f"UPDATE attempts SET {change}")


LEASE = f"node = 'n', lease_until = {TIME}"
FREE = "node = NULL, lease_until = NULL"
RANG = {  # rows of every phase in which the phone has rung
    "dialing": f"phase = 'dialing', {LEASE}",
    "talking": f"phase = 'talking', {LEASE}, answered_at = {TIME}",
    "unknown": "phase = 'unknown'",
    "done": f"phase = 'done', ended_at = {TIME}, disposition = 'busy'",
}


@pytest.mark.parametrize("before", RANG)
async def test_what_was_dialed_never_goes_back(
    stores: Stores, db: Any, before: str
) -> None:
    """The row itself cannot return to `due` or `reserved`, whatever code runs."""
    await running(stores, [contact(1)])
    db.execute(f"UPDATE attempts SET {RANG[before]}, dialing_at = {TIME}")
    clean = "ended_at = NULL, disposition = NULL, answered_at = NULL"
    for after, lease in (("due", FREE), ("reserved", LEASE)):
        with pytest.raises(sqlite.IntegrityError, match="never_back"):
            db.execute(f"UPDATE attempts SET phase = '{after}', {clean}, {lease}")
        reachable = {to for (phase, _), to in MOVES.items() if phase == before}
        assert after not in reachable


async def test_claimed_and_dialed_rows_satisfy_the_constraints(
    stores: Stores, db: Any
) -> None:
    await running(stores, [contact(1), contact(2)])
    await dialed(stores)
    await claimed(stores)
    found = db.execute("SELECT phase FROM attempts ORDER BY row").fetchall()
    assert found == [("dialing",), ("reserved",)]


async def test_the_ledgers_connection_reaches_no_other_file(tmp_path: Path) -> None:
    """R27 on files: whoever can say anything to the ledger still cannot read the
    vault."""
    async with opened(tmp_path) as stores:
        runner = stores.ledger._runner  # type: ignore[attr-defined]
        for said in (
            f"ATTACH '{tmp_path / 'vault.db'}' AS v",
            "ATTACH ':memory:' AS v",
        ):
            for ask in (
                runner.read,
                lambda job: runner.write(lambda w: job(w.connection)),
            ):
                with pytest.raises(StoreError, match="not authorized"):
                    await ask(lambda c, said=said: c.exec_driver_sql(said))
