"""`dialer db` between files and a server: moved, backed up, restored, row by row."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dialer import settings
from dialer.cli.db import server as server_of
from dialer.cli.main import dialer
from dialer.home import opened
from dialer.model import Disposition, NextTry, Outcome
from dialer.settings import Settings
from dialer.store import keys, schema
from dialer.store.port import Stores
from dialer.store.sqlite import open_sqlite
from tests.kit.postgres import Server
from tests.kit.stores import (
    KEY,
    LEASE,
    NOW,
    PEN,
    allow,
    contact,
    imported,
    personal,
    running,
    served,
)

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]
MANY = 12_000  # contacts that nobody calls: six chunks


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = tmp_path / "home"
    keys.write(found / "keys/tenant.key", KEY)
    return found


@pytest.fixture
def url(server: Server, tmp_path: Path) -> Iterator[str]:
    """Where `--to` leads: roles and empty databases as `db roles` writes them."""
    name = f"m{os.getpid()}"
    to = server.url(f"{name}_owner", name)
    said = run_now(tmp_path, "db", "roles", "--to", to)
    lines = [line for line in said.splitlines() if not line.startswith("\\")]
    roles = [f"{name}_{who}" for who in ("owner", "vault", "ledger", "evidence")]
    lines += [f"ALTER ROLE {role} PASSWORD 'of-the-test-bed';" for role in roles]
    server.run("\n".join(lines))
    yield to
    for database in ("vault", "ledger"):
        server.drop(f"{name}_{database}")
    server.run(";\n".join(f"DROP ROLE {role}" for role in roles))


async def run(home: Path, *words: str, fails: int = 0) -> str:
    return await asyncio.to_thread(run_now, home, *words, fails=fails)


def run_now(home: Path, *words: str, fails: int = 0) -> str:
    done = CliRunner().invoke(dialer, ["--home", str(home), *words])
    if fails and done.exception and not isinstance(done.exception, SystemExit):
        return str(done.exception)  # `main` prints it
    assert done.exit_code == fails, done.output + repr(done.exception)
    return done.stdout


async def fill(stores: Stores, many: int = 0) -> None:
    """Contacts, calls with an opt-out and a next try, a cursor of the journal."""
    await stores.vault.put({f"c_{i:06d}": personal(i) for i in range(1, 6)})
    await running(stores, [contact(i) for i in range(1, 6)])
    if many:
        await imported(stores, [contact(i) for i in range(100, 100 + many)], "others")
    found = await stores.ledger.claim("spring", 3, node="n", now=NOW, lease=LEASE)
    for one in found:
        ask = stores.ledger.dialing
        await ask(one.attempt_id, node="n", now=NOW, judge=allow)
    ends = Outcome(Disposition.OPTED_OUT, NOW, flags=("do_not_call",), cause="a\tb\\N")
    await stores.ledger.finish(found[0].attempt_id, ends)
    again = Outcome(Disposition.BUSY, NOW, next_try=NextTry(0, NOW, "busy"))
    await stores.ledger.finish(found[1].attempt_id, again)
    await stores.journal.move("evidence", 3)


async def whole(stores: Stores) -> list[Any]:
    """All that an installation knows."""
    return [
        [row async for row in stores.calls.list()],
        await stores.journal.after(0, 100_000),
        await stores.flags.all(),
        await stores.contacts.batches(),
        await stores.contacts.find("n_000002"),
        await stores.vault.get("c_000003"),
        await stores.journal.cursor("evidence"),
        stores.vault.token("number", "+86"),
    ]


def on_server(home: Path, told: dict[str, Any]) -> Settings:
    """An installation whose settings name what the move told."""
    lines = [f'{name} = "{value}"' for name, value in told["store"].items()]
    (home / "dialer.toml").write_text("\n".join(["[store]", *lines]))
    return settings.load(home)


async def test_a_move_that_is_killed_goes_on_and_every_row_arrives(
    home: Path, url: str, tmp_path: Path
) -> None:
    files = settings.load(home)
    async with open_sqlite(files.vault_db, files.ledger_db, KEY, lambda: PEN) as stores:
        await fill(stores, MANY)
        before = await whole(stores)
    kill_in_the_middle(home, url)
    with pytest.raises(schema.SchemaError, match="not whole yet"):
        async with served_by(url):
            pass
    async with open_sqlite(files.vault_db, files.ledger_db, KEY) as stores:
        assert await whole(stores) == before  # the files are as they were

    other = tmp_path / "other"
    keys.write(other / "keys/tenant.key", keys.new_key())
    async with opened(settings.load(other)):
        pass
    assert "another installation" in await run(
        other, "db", "move", "--to", url, fails=1
    )

    told = json.loads(await run(home, "db", "move", "--to", url, "--json"))
    assert told["rows"]["ledger"]["contacts"] == MANY + 5
    assert told["rows"]["vault"]["records"] == 5
    with pytest.raises(schema.SchemaError, match="moved to a server"):
        async with opened(files):
            pass
    async with opened(on_server(home, told)) as stores:
        assert await whole(stores) == before
        (one, *_) = await stores.ledger.claim(
            "spring", 9, node="n", now=NOW, lease=LEASE
        )
        verdict = await stores.ledger.dialing(
            one.attempt_id, node="n", now=NOW, judge=allow
        )
        assert verdict.allowed
        later = Outcome(Disposition.BUSY, NOW, next_try=NextTry(0, NOW, "busy"))
        await stores.ledger.finish(one.attempt_id, later)  # numbered on from theirs
    assert await run(home, "db", "move", "--to", url, fails=2) == ""
    assert json.loads(await run(home, "db", "status", "--json"))["ledger"]["schema"]
    assert "of-the-test-bed" not in await run(home, "db", "status") + json.dumps(told)
    assert "has data" in await run(
        tmp_path / "other", "db", "move", "--to", url, fails=1
    )


def kill_in_the_middle(home: Path, url: str) -> None:
    words = ["-m", "dialer", "--home", str(home), "db", "move", "--to", url]
    with subprocess.Popen(
        [sys.executable, *words], stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as it:
        assert it.stderr is not None
        for line in it.stderr:
            if "numbers" in line:
                it.send_signal(signal.SIGKILL)
                break
    assert it.returncode == -signal.SIGKILL


def served_by(url: str) -> Any:
    return served(server_of(Settings(home=Path()), url)[0])


async def test_backups_of_either_engine_are_restored_on_either(
    home: Path, url: str, tmp_path: Path
) -> None:
    files = settings.load(home)
    async with open_sqlite(files.vault_db, files.ledger_db, KEY, lambda: PEN) as stores:
        await fill(stores)
        before = await whole(stores)
        saved = tmp_path / "saved"
        await run(home, "db", "backup", str(saved))  # while it is open
    assert {p.name for p in saved.iterdir()} == {
        "ledger.db",
        "vault.db",
        "manifest.json",
    }
    assert saved.stat().st_mode & 0o077 == 0
    raw = b"".join(path.read_bytes() for path in saved.iterdir())
    assert personal(3).name.encode() not in raw
    assert personal(3).phones[0].encode() not in raw
    assert "never written over" in await run(home, "db", "backup", str(saved), fails=1)
    assert "has data" in await run(home, "db", "restore", str(saved), fails=1)

    moved = tmp_path / "moved"
    keys.write(moved / "keys/tenant.key", KEY)
    name = url.rpartition("/")[2]
    on_server(moved, {"store": addresses_of(url) | {"owner": f"{name}_owner"}})
    told = json.loads(await run(moved, "db", "restore", str(saved), "--json"))
    assert told["paused"] == ["spring"]
    async with opened(settings.load(moved)) as stores:
        assert (await stores.campaigns.get("spring")).state == "paused"
        restored = await whole(stores)
    assert restored[0] == before[0]
    assert restored[1][:-1] == before[1]  # and the pause
    assert restored[2:] == before[2:]

    await run(moved, "db", "backup", str(tmp_path / "again"))
    back = tmp_path / "back"
    keys.write(back / "keys/tenant.key", KEY)
    await run(back, "db", "restore", str(tmp_path / "again"))
    async with opened(settings.load(back)) as stores:
        assert await whole(stores) == restored

    with (tmp_path / "again/vault.db").open("r+b") as file:
        file.seek(4000)
        file.write(b"x")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert "is not what" in await run(
        fresh, "db", "restore", str(tmp_path / "again"), fails=1
    )
    assert not (fresh / "vault").exists()


def addresses_of(url: str) -> dict[str, str]:
    found = server_of(Settings(home=Path()), url)[0]
    return {who: str(getattr(found, who)) for who in ("vault", "ledger", "evidence")}


def test_what_cannot_be_moved_is_refused(home: Path, url: str) -> None:
    assert "no database" in run_now(home, "db", "move", "--to", url, fails=1)
    told = run_now(home, "db", "move", "--to", "mysql://x/y", fails=1)
    assert "not of the form" in told
