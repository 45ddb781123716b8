"""`dialer serve`: a node takes up what runs, leaves when told, has its name alone."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from dialer import app, settings
from dialer.campaign.file import CampaignFile
from dialer.cli.start import prepare_home
from dialer.clock import SystemClock
from dialer.serve import service
from dialer.settings import Settings
from dialer.store import keys
from dialer.store.address import Addresses
from dialer.store.port import Review, Stores
from tests.kit.postgres import Server
from tests.kit.stores import KEY, installation
from tests.live.test_demo import some_contacts

pytestmark = [pytest.mark.slow, pytest.mark.live, pytest.mark.model]
ROOT = Path(__file__).parents[2]
AT = datetime.fromisoformat("2026-11-24T13:30:00Z")  # lawful in New York
NUMBERS = ("25550101",)


def busy(folder: Path) -> Path:
    folder.mkdir()
    for number in NUMBERS:
        said = f'number = "+121{number}"\nlanguage = "en"\nanswer = "busy"\n'
        (folder / f"{number}.toml").write_text(said + "ring_seconds = 0.1\n")
    return folder


async def launched(
    found: Settings, stores: Stores, clock: SystemClock, people: Path
) -> None:
    report = await app.import_contacts(found, stores, people, "ann", clock)
    batch = report.batch.batch_id
    for who in ("bo", "cy"):
        await stores.contacts.review(batch, Review(who, True, clock.now()))
    wanted = CampaignFile.model_validate(
        {
            "name": "autumn",
            "agency": {"en": "Concord Mediation Services"},
            "callees": str(busy(people.parent / "callees")),
        }
    )
    made = await app.create_campaign(stores, wanted, clock)
    await app.plan(found, stores, "autumn", clock, commit=True)
    await stores.campaigns.set_state(made.campaign_id, "running", clock.now())


@pytest.mark.alone  # prompts are rendered: minutes on half a machine
async def test_a_node_calls_what_runs_until_it_is_drained(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    some_contacts(people, set(NUMBERS))
    found = settings.load(tmp_path / "home")
    await asyncio.to_thread(prepare_home, found)
    clock = SystemClock(AT - SystemClock().now())
    async with (
        app.opened(found) as stores,
        service(found, stores, clock) as (node, me),
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(node.run())
        await launched(found, stores, clock, people)  # while it is up
        while len(rung := [r async for r in stores.calls.list() if r.disposition]) < 1:
            assert not running.done()
            await clock.sleep(0.1)
        assert {row.disposition for row in rung} == {"busy"}
        assert {row.node for row in rung} == {None}
        assert node.campaigns == ["autumn"]
        await stores.nodes.drain(found.engine.node, now=clock.now())
        await running
        assert me.why == "told to drain"
        log = await stores.journal.after(0, 1000)
    async with app.opened(found) as stores:
        assert [row.state for row in await stores.nodes.all()] == ["gone"]
        assert (await stores.campaigns.get("autumn")).state == "running"
        assert await stores.journal.cursor("evidence") == log[-1].seq


# --- as processes, two machines' homes, one server


@pytest.fixture
def addresses(server: Server) -> Iterator[Addresses]:
    with installation(server) as found:
        yield found


def home_of(folder: Path, found: Addresses) -> Path:
    keys.write(folder / "keys/tenant.key", KEY)
    urls = {who: str(getattr(found, who)) for who in ("vault", "ledger", "evidence")}
    said = [f'{who} = "{url}"' for who, url in urls.items()]
    (folder / "dialer.toml").write_text("\n".join(["[store]", *said]))
    return folder


def dialer(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dialer", "--home", str(home), *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_machines_and_a_name(tmp_path: Path, addresses: Addresses) -> None:
    one, two = (home_of(tmp_path / name, addresses) for name in ("one", "two"))
    with dialer(one, "serve", "--node", "east") as east:
        assert east.stderr is not None
        assert "node east is up" in east.stderr.readline()
        with dialer(two, "serve", "--node", "east") as twin:
            said = twin.communicate(timeout=60)[1]
            assert twin.returncode == 1
            assert "a node named east is up" in said
            assert "Traceback" not in said
        with dialer(two, "node", "list", "--json") as listed:
            (row,) = json.loads(listed.communicate(timeout=60)[0])["nodes"]
            assert (row["node"], row["state"]) == ("east", "up")
        with dialer(two, "node", "drain", "west") as unknown:
            assert "no node named" in unknown.communicate(timeout=60)[1]
            assert unknown.returncode == 1
        east.send_signal(signal.SIGTERM)
        out, err = east.communicate(timeout=60)
        assert east.returncode == 0, err
        assert "east has left" in out
