"""A real PostgreSQL for tests: Debian's, on a free loopback port, in its own folder.

Where there is none, `apt-get install postgresql` brings it. The server refuses to run
as root, so root starts it as `postgres`. It is ended, and its folder removed, by pid.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.kit.asterisk import CACHE, free_tcp

HELD = "pre-existing shared memory block"
PASSWORD = "of-the-test-bed"  # of every role
START = 30.0  #: seconds until it answers; it takes one
#: A crash of the machine may lose commits; a crash of the server does not.
FAST = ("fsync=off", "full_page_writes=off", "max_wal_size=4GB")


@cache
def programs() -> Path:
    """Where the server's programs are; installed first if they are not there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another may be installing
        if not (found := _found()):
            for words in (("update",), ("install", "-y", "postgresql")):
                command = ["apt-get", "-qq", *words]
                quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
                subprocess.run(command, check=True, capture_output=True, env=quiet)
            found = _found()
    if found is None:
        raise SystemExit("there is no PostgreSQL 15 or newer, and apt has none")
    return found


def _found() -> Path | None:
    there = [
        (int(path.parents[1].name), path.parent)
        for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")
    ]
    new = [entry for entry in there if entry[0] >= 15]
    return max(new)[1] if new else None


def unprivileged() -> list[str]:
    """What to put before a command that must not run as root."""
    if os.geteuid():
        return []
    who = pwd.getpwnam("postgres")
    return [
        *("setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}"),
        "--clear-groups",
    ]


@dataclass
class Server:
    """One that runs. It may be killed and started again."""

    folder: Path
    port: int
    options: tuple[str, ...] = FAST
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, user: str, database: str) -> str:
        """Without the password."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Also after a kill: what the dead had in memory may stay for a moment."""
        until = time.monotonic() + START
        while not self._started():
            log = (self.folder / "log").read_text()[-2000:]
            if HELD not in log.splitlines()[-2] or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL: {log}")
            time.sleep(0.05)

    def _started(self) -> bool:
        options = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
            "max_connections=120",
            *self.options,
        ]
        said = [word for option in options for word in ("-c", option)]
        with (self.folder / "log").open("ab") as out:
            self._process = subprocess.Popen(
                [
                    *unprivileged(),
                    *(str(programs() / "postgres"), "-D", str(self.folder / "data")),
                    *said,
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return self._answering()

    def _answering(self) -> bool:
        assert self._process is not None
        until = time.monotonic() + START
        while self._process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(psycopg.OperationalError):
                self.connect().close()
                return True
            time.sleep(0.02)
        return False

    def kill(self) -> None:
        """As a power cut does: no goodbye, nobody is left."""
        assert self._process is not None
        mine = children(self._process.pid)
        self._process.send_signal(signal.SIGSTOP)  # it starts no more
        for pid in {*mine, *children(self._process.pid), self._process.pid}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        _gone(self.port)

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)  # a fast shutdown
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def connect(
        self, user: str = "postgres", database: str = "postgres"
    ) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self.url(user, database), password=PASSWORD, autocommit=True
        )

    def run(self, script: str, database: str = "postgres") -> None:
        """As the superuser, statement by statement."""
        with self.connect(database=database) as connection:
            for statement in script.split(";\n"):
                if statement.strip():
                    connection.execute(statement.encode())

    def copy(self, template: str, name: str) -> None:
        """A new database that begins as another one stands."""
        said = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER accord_owner")
        with self.connect() as connection:
            connection.execute(
                said.format(sql.Identifier(name), sql.Identifier(template))
            )
            said = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC")
            connection.execute(said.format(sql.Identifier(name)))

    def drop(self, name: str) -> None:
        said = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with self.connect() as connection:
            connection.execute(said.format(sql.Identifier(name)))


def children(pid: int) -> set[int]:
    """Processes that this one started and that run."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return set(map(int, found.read_text().split())) if found.exists() else set()


def _gone(port: int) -> None:
    """Wait until nobody listens there."""
    until = time.monotonic() + START
    while time.monotonic() < until:
        with socket.socket() as end:
            if end.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.01)


@contextlib.contextmanager
def running(options: tuple[str, ...] = FAST) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="accord-pg-"))
    server = Server(folder, free_tcp(), options)
    try:
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if unprivileged():
            who = pwd.getpwnam("postgres")
            for path in (folder, secret):
                os.chown(path, who.pw_uid, who.pw_gid)
        made = subprocess.run(
            [
                *unprivileged(),
                *(str(programs() / "initdb"), "-D", str(folder / "data")),
                *("-U", "postgres", "-A", "scram-sha-256", "--no-sync"),
                *("--pwfile", str(secret), "-E", "UTF8", "--locale=C.UTF-8"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stderr}")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
