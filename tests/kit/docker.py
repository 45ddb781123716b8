"""docker/ as tests read it, and its commands run natively."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import signal
import socket
import subprocess
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = sorted(DOCKER.rglob("Dockerfile"))
PATIENCE = 30.0  #: seconds to start


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a Dockerfile."""

    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """An exec form's words; else those that are not options."""
        if self.rest.startswith("["):
            return [str(word) for word in json.loads(self.rest)]
        return [w for w in shlex.split(self.rest) if not w.startswith("--")]


def steps(path: Path) -> list[Step]:
    lines = path.read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", text)
    return [Step(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def settings(n: int) -> dict[str, Any]:
    return tomllib.loads((DOCKER / f"config/engine-{n}.toml").read_text("utf-8"))


def prepared(folder: Path) -> str:
    done = subprocess.run(
        [str(DOCKER / "prepare"), str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@contextlib.contextmanager
def process(command: list[str], log: Path, port: int) -> Iterator[None]:
    """Run it until it answers there, and to the end of the block."""
    with log.open("ab") as out:
        ran = subprocess.Popen(command, stdout=out, stderr=out, cwd=log.parent)
    try:
        until = time.monotonic() + PATIENCE
        while not _answers(port):
            assert ran.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.02)
        yield
    finally:
        ran.send_signal(signal.SIGINT)
        ran.wait(20)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
