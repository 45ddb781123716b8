"""Mosquitto, Debian's, on a free loopback port, with its own configuration.

The machine's own `mosquitto`, else unpacked from apt into the cache as SIPp is.
`python -m tests.kit.mosquitto` fetches it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.kit.asterisk import CACHE, download, free_tcp, program, unpack
from tests.kit.certs import write_certificates

PREFIX = CACHE / "mosquitto"
DONE = PREFIX / ".complete"
HOST = "127.0.0.1"
START = 10.0  #: seconds to take connections; it takes 0.05
USER, PASSWORD = "accord", "of-the-test-bed"
ONLOOKER = "onlooker"  #: may read all, write nothing
ACL = f"""user {USER}
topic readwrite accord/#
user {ONLOOKER}
topic read accord/#
"""


def fetch(name: str = "usr/sbin/mosquitto") -> tuple[str, ...]:
    """How to start it (or `usr/bin/mosquitto_passwd`); fetched first if it must be."""
    if found := shutil.which(Path(name).name) or shutil.which(f"/{name}"):
        return (found,)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "mosquitto.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another may be fetching
        if not DONE.exists():
            with tempfile.TemporaryDirectory() as folder:
                unpack(download(Path(folder), "mosquitto"), PREFIX)
            DONE.touch()
    return program(PREFIX, name)


@dataclass
class Mosquitto:
    """One that can be killed, frozen and started again on the same port."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        command = [*fetch(), "-c", str(self.folder / "mosquitto.conf")]
        with (self.folder / "log").open("ab") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, cwd=self.folder
            )
        until = time.monotonic() + START
        while time.monotonic() < until and self.process.poll() is None:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((HOST, self.port), 1),
            ):
                return
            time.sleep(0.01)
        raise RuntimeError(f"Mosquitto: {(self.folder / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """As the power's end; what it held in memory is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@contextlib.contextmanager
def running(
    *, tls: bool = False, acl: str = ACL, keeps: bool = False
) -> Iterator[Mosquitto]:
    """Users `accord` and `onlooker` have the same password. With `tls` the folder has
    the authority's `ca.pem`. keeps: retained messages survive it."""
    with tempfile.TemporaryDirectory(prefix="mosquitto-") as name:
        folder = Path(name)
        folder.chmod(0o700)
        users = folder / "users"
        users.touch(mode=0o600)
        keep = [*fetch("usr/bin/mosquitto_passwd"), "-b", str(users)]
        for user in (USER, ONLOOKER):
            subprocess.run([*keep, user, PASSWORD], check=True, capture_output=True)
        (folder / "acl").write_text(acl)
        there = Mosquitto(folder, free_tcp())
        lines = [
            f"listener {there.port} {HOST}",
            "allow_anonymous false",
            f"password_file {users}",
            f"acl_file {folder / 'acl'}",
            "max_inflight_messages 0",
            "max_queued_messages 0",
            f"user {_user()}",
            f"persistence {str(keeps).lower()}",
            *([f"persistence_location {folder}/", "autosave_interval 1"] * keeps),
        ]
        if tls:
            write_certificates(folder, HOST)
            lines += [f"certfile {folder}/server.pem", f"keyfile {folder}/server.key"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        there.start()
        try:
            yield there
        finally:
            there.kill()


def _user() -> str:
    """Root would become `mosquitto`, who may not read the folder."""
    return "root" if os.geteuid() == 0 else str(os.geteuid())


if __name__ == "__main__":
    print(*fetch())  # noqa: T201
