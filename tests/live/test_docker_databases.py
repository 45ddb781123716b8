"""docker/postgres run natively: its first start, and who reaches what."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.kit.asterisk import free_tcp
from tests.kit.docker import DOCKER, SERVICES, prepared, process, steps
from tests.kit.postgres import programs, unprivileged

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """As the service has it, after its first start. -> its port, the secrets"""
    binaries = programs()
    home, port = Path("/tmp") / f"accord-docker-{os.getpid()}", free_tcp()
    shutil.rmtree(home, ignore_errors=True)
    secrets = home / "secrets"
    for folder in (secrets, home / "vault", home / "ledger", home / "data"):
        folder.mkdir(parents=True)
    prepared(secrets)
    secrets.chmod(0o755)
    if os.geteuid() == 0:
        who = pwd.getpwnam("postgres").pw_uid
        for path in (
            home,
            *home.iterdir(),
            *secrets.glob("db_*"),
            secrets / "postgres_key",
        ):
            os.chown(path, who, -1)
    as_them = unprivileged()
    made = [
        *as_them,
        str(binaries / "initdb"),
        "-D",
        str(home / "data"),
        "-U",
        "postgres",
    ]
    options = SERVICES["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    subprocess.run([*made, *options], check=True, capture_output=True, cwd=home)
    (command,) = (
        s.words for s in steps(DOCKER / "postgres/Dockerfile") if s.name == "CMD"
    )
    hba = str(DOCKER / "postgres/pg_hba.conf")
    shutil.copy(hba, home / "pg_hba.conf")
    words = [
        w.replace("/run/secrets", str(secrets)).replace("/etc/accord", str(home))
        for w in command[1:]
    ]
    own = ["-c", f"port={port}", "-c", f"unix_socket_directories={home}"]
    server = [*as_them, str(binaries / "postgres"), "-D", str(home / "data")]
    try:
        with process([*server, *words, *own], home / "log", port):
            script = (DOCKER / "postgres/init.sql").read_text("utf-8")
            script = script.replace("/run/secrets", str(secrets))
            script = script.replace("/var/lib/accord", str(home))
            psql = [
                *as_them,
                str(binaries / "psql"),
                "-qX",
                "-h",
                str(home),
                "-p",
                str(port),
                "-U",
                "postgres",
            ]
            done = subprocess.run(
                psql,
                input=script,
                capture_output=True,
                text=True,
                check=False,
                cwd=home,
            )
            assert (done.returncode, done.stderr) == (0, "")
            yield port, secrets
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_each_role_reaches_its_own_database_over_tls_alone(
    cluster: tuple[int, Path],
) -> None:
    port, secrets = cluster

    def reach(
        role: str, database: str, **other: str
    ) -> psycopg.Connection[tuple[object, ...]]:
        who = role.removeprefix("accord_")
        found = {
            "host": "postgres",  # whom the certificate names
            "hostaddr": "127.0.0.1",
            "sslmode": "verify-full",
            "sslrootcert": str(secrets / "ca"),
            "password": (secrets / f"db_{who}").read_text().strip(),
            **other,
        }
        return psycopg.connect(dbname=database, user=role, port=port, **found)  # type: ignore[arg-type]

    mine = {
        "accord_vault": {"accord_vault"},
        "accord_ledger": {"accord_ledger"},
        "accord_evidence": {"accord_ledger"},
        "accord_owner": {"accord_vault", "accord_ledger"},
    }
    for role, databases in mine.items():
        for database in ("accord_vault", "accord_ledger", "postgres"):
            if database in databases:
                with reach(role, database) as open_:
                    made = "CREATE TABLE of_mine (x int)"
                    if role == "accord_owner":
                        open_.execute(made)
                        open_.rollback()
                    else:
                        with pytest.raises(psycopg.errors.InsufficientPrivilege):
                            open_.execute(made)
            else:
                with pytest.raises(psycopg.OperationalError, match="pg_hba"):
                    reach(role, database)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        reach("accord_ledger", "accord_ledger", sslmode="disable", sslrootcert="")
    with pytest.raises(psycopg.OperationalError, match="password"):
        reach("accord_ledger", "accord_ledger", password="wrong")
    passwords = (secrets / "passwords").read_text()
    assert "accord_owner" not in passwords
    own = secrets / "mine"
    own.write_text(passwords.replace(":5432:", f":{port}:"))
    own.chmod(0o600)
    reach("accord_vault", "accord_vault", password="", passfile=str(own)).close()
