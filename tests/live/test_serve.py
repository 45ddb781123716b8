"""`dialer serve`: a node takes up what runs, leaves when told, has its name alone."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from dialer import app, planning, settings
from dialer.campaign.file import CampaignFile
from dialer.cli.start import prepare_home
from dialer.clock import SystemClock
from dialer.events import keys as event_keys
from dialer.home import opened
from dialer.model import Case, Verdict
from dialer.serve import service
from dialer.settings import Settings
from dialer.store import keys
from dialer.store.address import Addresses
from dialer.store.port import Campaign, Review, Stores
from tests.kit.asterisk import free_tcp
from tests.kit.mosquitto import HOST, PASSWORD, USER, Mosquitto
from tests.kit.mosquitto import running as mosquitto
from tests.kit.onlooker import Seen, onlooking
from tests.kit.postgres import Server
from tests.kit.stores import (
    KEY,
    contact,
    imported,
    installation,
    personal,
    planned,
    served,
)
from tests.live.test_demo import some_contacts
from tests.live.test_told import scrape

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
    made = await planning.create_campaign(stores, wanted, clock)
    await planning.plan(found, stores, "autumn", clock, commit=True)
    await stores.campaigns.set_state(made.campaign_id, "running", clock.now())


@pytest.mark.alone  # prompts are rendered: minutes on half a machine
async def test_a_node_calls_what_runs_until_it_is_drained(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    some_contacts(people, set(NUMBERS))
    found = settings.load(tmp_path / "home")
    await asyncio.to_thread(prepare_home, found)
    clock = SystemClock(AT - SystemClock().now())
    async with (
        opened(found) as stores,
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
    async with opened(found) as stores:
        assert [row.state for row in await stores.nodes.all()] == ["gone"]
        assert (await stores.campaigns.get("autumn")).state == "running"
        assert await stores.journal.cursor("evidence") == log[-1].seq


# --- as processes, two machines' homes, one server


@pytest.fixture
def addresses(server: Server) -> Iterator[Addresses]:
    with installation(server) as found:
        yield found


def home_of(folder: Path, found: Addresses, *more: str) -> Path:
    keys.write(folder / "keys/tenant.key", KEY)
    urls = {who: str(getattr(found, who)) for who in ("vault", "ledger", "evidence")}
    said = [f'{who} = "{url}"' for who, url in urls.items()]
    metrics = ["[metrics]", f'listen = "127.0.0.1:{free_tcp()}"']
    lines = [*more, "[store]", *said, *metrics]
    (folder / "dialer.toml").write_text("\n".join(lines))
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
    with dialer(one, "serve", "--node", "east") as east, killed(east):
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


@contextmanager
def killed(process: subprocess.Popen[str]) -> Iterator[None]:
    """However the test ends; nothing, where it has ended by itself."""
    try:
        yield
    finally:
        process.kill()


# --- what one node does for all, and what others are told


BEATS = ("[engine]", "beat_seconds = 0.5", "stale_seconds = 5")


def told(home: Path, there: Mosquitto, evidence: str) -> tuple[str, ...]:
    secret = home / "mqtt.password"
    secret.parent.mkdir(exist_ok=True, parents=True)
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    mqtt = [
        *("[events.mqtt]", f'host = "{HOST}"', f"port = {there.port}", "tls = false"),
        *(f'user = "{USER}"', f'password_file = "{secret}"', 'tenant = "t"'),
        f'commands = "{home.parent / "commands.toml"}"',
    ]
    return *BEATS, f"evidence = {evidence}", *mqtt


async def for_people(stores: Stores, callees: Path) -> None:
    """A campaign in which people talk, and somebody to be called in a year."""

    def later(case: Case, now: object) -> Verdict:
        return Verdict(False, next_allowed=SystemClock().now().replace(year=2100))

    plain = {
        "name": "autumn",
        "agency": {"en": "Concord"},
        "callees": str(busy(callees)),
        "lines": 3,
        "caller_id": "+861055550000",
        "pacing": {"mode": "progressive"},
    }
    text = CampaignFile.model_validate(plain).canonical()
    await stores.vault.put({contact().contact_id: personal()})
    await imported(stores, [contact()])
    now = SystemClock().now()
    await stores.campaigns.create(Campaign("id-1", "autumn", "created", text, now))
    await planned(stores, "id-1", judge=later)
    await stores.campaigns.set_state("id-1", "running", now)


async def done_by(stores: Stores, duty: str, node: str = "") -> str:
    """-> the node that does it, once one (or this one) does"""
    async with SystemClock().timeout(60):
        while not (found := (await stores.nodes.duties()).get(duty, "")) or (
            node and found != node
        ):
            await SystemClock().sleep(0.05)
    return found


async def test_a_node_that_dies_leaves_its_duties_to_another(
    tmp_path: Path, addresses: Addresses
) -> None:
    """Who publishes, who calls for people, who keeps the evidence log: real processes,
    a real broker; and each tells as an engine does."""
    clock, seen = SystemClock(), Seen()
    table = event_keys.create_key(tmp_path / "chen.pem", "chen")
    (tmp_path / "commands.toml").write_text(table.replace("pause", "drain"))
    (tmp_path / "commands.toml").chmod(0o600)
    with mosquitto() as there, ExitStack() as ends:
        homes = {
            name: home_of(
                tmp_path / name, addresses, *told(tmp_path / name, there, evidence)
            )
            for name, evidence in (("east", "true"), ("west", "false"), ("x", "true"))
        }
        async with served(addresses, node="office") as stores, onlooking(there, seen):
            await for_people(stores, tmp_path / "callees")
            lives = dict[str, subprocess.Popen[str]]()
            for name in ("east", "west"):
                lives[name] = dialer(homes[name], "serve", "--node", name)
                ends.enter_context(lives[name])
                ends.enter_context(killed(lives[name]))
            await seen.until(lambda s: started(s) == {"east", "west"})
            assert await done_by(stores, "evidence") == "east"
            with dialer(homes["x"], "serve", "--node", "x") as second:
                _, err = await asyncio.to_thread(second.communicate)
            assert second.returncode == 1
            assert "evidence log of this journal is kept by" in err
            assert "Traceback" not in err
            await done_by(stores, "pacing id-1")
            dead = await done_by(stores, "events")
            (left,) = {"east", "west"} - {dead}
            lives[dead].send_signal(signal.SIGKILL)
            await done_by(stores, "events", left)
            await done_by(stores, "pacing id-1", left)
            await stores.campaigns.set_state("id-1", "paused", clock.now())
            state = "accord/t/campaign/id-1/state"
            await seen.until(lambda s: s.last(state).get("state") == "paused")
            assert seen.last(f"accord/t/node/{dead}/state")["why"] == "lost"
            text = await scrape(settings.load(homes[left]))
            await stores.campaigns.set_state("id-1", "running", clock.now())
            assert "accord_lines 3.0" in text
            chen = ("--node", left, "--as", "chen", "--key", str(tmp_path / "chen.pem"))
            with dialer(homes[left], "events", "command", "drain", *chen) as sent:
                assert await asyncio.to_thread(sent.wait) == 0
            assert await asyncio.to_thread(lives[left].wait) == 0
            await seen.until(
                lambda s: s.last(f"accord/t/node/{left}/state")["why"] == "stopped"
            )
            rows = await stores.journal.after(0)
            found = [(row.subject, row.kind) for row in rows]
            assert found.count((left, "node.stopped")) == 1
            assert (dead, "node.stopped") not in found
            assert rows[-1].seq - newest(seen) <= 1  # `gone`, after it had left
            assert await stores.nodes.duties() == {}


def newest(seen: Seen) -> int:
    return max(int(json.loads(body).get("seq", 0)) for _, body, _ in seen.got)


def started(seen: Seen) -> set[str]:
    """The nodes that say they call."""
    topics = [topic for topic, _, _ in seen.got if topic.endswith("/started")]
    return {topic.split("/")[3] for topic in topics}
