"""Three nodes and a server, and what may happen to them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dialer.store.address import Addresses
from dialer.store.port import FlagRow, Stores
from tests.chaos.node import REFUSED, addresses
from tests.kit.cutting import Cut
from tests.kit.postgres import Server, children
from tests.kit.stores import contact, running, served

ROOT = Path(__file__).parents[2]
CUTS = 0.02  #: of a node's commits: half of them happen, and nobody is told
NODES = {"east": 0.0, "west": 300.0, "north": -300.0}  # and how wrong their clocks are


class Storm:
    """Nodes that are started again whenever they end, until it is calm."""

    def __init__(self, home: Path, server: Server, seed: int) -> None:
        self.home = home
        self.server = server
        self.chance = random.Random(seed)
        self.happened = Counter[str]()
        self.faults = list[str]()
        self._lives = dict[str, subprocess.Popen[str]]()
        self._calm = False

    # --- people

    async def fill(self, found: Addresses, people: int) -> None:
        """Two debts each over two numbers; half of them will opt out meanwhile."""
        urls = {
            who: str(getattr(found, who)) for who in ("vault", "ledger", "evidence")
        }
        (self.home / "addresses.json").write_text(json.dumps(urls))
        everybody = [
            contact(2 * i + j, person=f"p_{i}", numbers=(f"n_{2 * i + j}",))
            for i in range(people)
            for j in (0, 1)
        ]
        self.chance.shuffle(everybody)
        phones = {f"n_{i}": f"+86170{i:08d}" for i in range(2 * people)}
        (self.home / "numbers.json").write_text(json.dumps(phones))
        async with served(found) as stores:
            await running(stores, everybody)

    def by_another_way(self, name: str, port: int) -> None:
        """From its next start on a node reaches the databases by this port."""
        told = (self.home / "addresses.json").read_text()
        told = told.replace(f":{self.server.port}/", f":{port}/")
        (self.home / f"addresses-{name}.json").write_text(told)

    def cut(self) -> Cut:
        """What becomes of a commit: most happen."""
        drawn = self.chance.random()
        found = Cut.AFTER if drawn < CUTS / 2 else Cut.BEFORE
        if drawn >= CUTS:
            return Cut.NOT
        self.happened[f"cut {found.name.lower()} a commit"] += 1
        return found

    async def opt_out(self, stores: Stores, person: int) -> None:
        at = (await stores.nodes.all())[0].seen_at
        row = FlagRow("do_not_call", "person", f"p_{person}", at, "operator")
        await stores.flags.add([row])

    # --- nodes

    def start(self, name: str) -> None:
        words = ["-m", "tests.chaos.node", str(self.home), name, str(NODES[name])]
        self._lives[name] = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tend(self) -> None:
        """Start again what has ended; look at why it did."""
        for name, process in list(self._lives.items()):
            if process.poll() is None:
                continue
            said = process.communicate()[1]
            if process.returncode not in (0, REFUSED, -signal.SIGKILL):
                self.faults.append(f"{name} ended with {process.returncode}: {said}")
            self.happened[f"ended with {process.returncode}"] += 1
            if self._calm and process.returncode == 0:
                del self._lives[name]
            else:
                self.start(name)

    # --- what happens

    def kill_a_node(self) -> None:
        self._lives[self.chance.choice(list(NODES))].send_signal(signal.SIGKILL)

    def freeze_a_node(self) -> None:
        """Longer than it takes to be taken for dead, half of the time."""
        life = self._lives[self.chance.choice(list(NODES))]
        life.send_signal(signal.SIGSTOP)
        pause(self.chance.choice((0.5, 3.5)))
        life.send_signal(signal.SIGCONT)

    def freeze_the_server(self) -> None:
        """With all its sessions; longer than silent nodes are waited for."""
        pids = [self.server.pid, *children(self.server.pid)]
        for pid in pids:
            signal_to(pid, signal.SIGSTOP)
        pause(self.chance.choice((0.5, 4.0)))
        for pid in reversed(pids):
            signal_to(pid, signal.SIGCONT)

    def kill_the_server(self) -> None:
        self.server.kill()
        pause(self.chance.random())
        self.server.start()

    def a_second_of_that_name(self) -> None:
        """It is refused; or it stays, where the first had just been killed, and is
        killed itself."""
        name = self.chance.choice(list(NODES))
        words = ["-m", "tests.chaos.node", str(self.home), name, "0"]
        try:
            done = subprocess.run(
                [sys.executable, *words],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )
        except subprocess.TimeoutExpired:
            self.happened["second of a name took over"] += 1
            if self._lives[name].poll() is None:
                self.faults.append(f"two nodes are {name}")
            return
        self.happened[f"second of a name ended with {done.returncode}"] += 1

    def rage(self, kills: int) -> None:
        """So many kills of nodes at random moments, and other things between."""
        others: list[Callable[[], None]] = [
            self.freeze_a_node,
            self.kill_the_server,
            self.freeze_the_server,
        ]
        for _ in range(kills):
            self.await_calls(self.chance.randrange(1, 12))
            self.kill_a_node()
            self.happened["kill_a_node"] += 1
            self.tend()
            if self.chance.random() < 0.25:
                other = self.chance.choice(others)
                other()
                self.happened[other.__name__] += 1
            self.tend()

    def await_calls(self, more: int, patience: float = 10.0) -> None:
        """Until so many more calls were placed, or for so many seconds."""
        before, until = self.calls(), time.monotonic() + patience
        while self.calls() < before + more and time.monotonic() < until:
            self.tend()
            pause(0.02)

    def calls(self) -> int:
        record = self.home / "carrier.jsonl"
        return record.read_bytes().count(b"\n") if record.exists() else 0

    def open_attempts(self) -> int:
        with self.server.connect(database=self._database()) as db:
            said = "SELECT count(*) FROM attempts WHERE phase <> 'done'"
            row = db.execute(said).fetchone()
            assert row is not None
            return int(row[0])

    def _database(self) -> str:
        return addresses(self.home).ledger.database

    def calm_down(self, seconds: float) -> None:
        """Let the nodes finish, then drain them."""
        until = time.monotonic() + seconds
        while self.open_attempts() and time.monotonic() < until:
            self.tend()
            pause(0.1)
        self._calm = True
        while self._lives and time.monotonic() < until:
            with self.server.connect(database=self._database()) as db:
                db.execute("UPDATE nodes SET state = 'draining' WHERE state = 'up'")
            self.tend()
            pause(0.2)
        self.faults += [f"{name} does not leave" for name in self._lives]

    def end(self) -> None:
        for process in self._lives.values():
            process.kill()
            process.communicate()


def signal_to(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def with_passwords() -> None:
    for who in ("VAULT", "LEDGER", "EVIDENCE", "OWNER"):
        os.environ[f"ACCORD_{who}_PASSWORD"] = "of-the-test-bed"
