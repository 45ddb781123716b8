"""What others are told by a whole engine: nothing personal, and the truth.

Real voices, a real recogniser, a real broker; the callees are the demo's.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dialer import demo, logs
from dialer.campaign.file import CampaignFile
from dialer.cli.start import prepare_home
from dialer.clock import Clock, SystemClock
from dialer.engine import Engine
from dialer.events import keys
from dialer.home import opened
from dialer.model import Case, Personal, Verdict
from dialer.reports.leaks import Search
from dialer.settings import Settings
from dialer.store.port import Campaign, Stores
from tests.kit.asterisk import free_tcp
from tests.kit.mosquitto import HOST, PASSWORD, USER, Mosquitto, running
from tests.kit.onlooker import Seen, onlooking
from tests.kit.stores import contact, imported, personal
from tests.live.test_demo import ROOT, some_callees, some_contacts

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.model]
CLOCK = SystemClock()
CALLED = (
    *("en-third-party", "en-opts-out-by-voice", "en-wrong-number", "en-network-busy"),
)


def configured(home: Path, there: Mosquitto, **more: str) -> Settings:
    """An installation whose dialer.toml names the broker and a free port."""
    secret = home / "mqtt.password"
    home.mkdir(exist_ok=True)
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    mqtt: dict[str, Any] = {
        "host": HOST,
        "port": there.port,
        "tls": False,
        "user": USER,
        "password_file": str(secret),
        "tenant": "t",
        **more,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in mqtt.items()]
    listen = f'[metrics]\nlisten = "{HOST}:{free_tcp()}"\n'
    text = "[events.mqtt]\n" + "\n".join(lines) + f"\n{listen}"
    (home / "dialer.toml").write_text(text)
    found: dict[str, Any] = {"home": home, "events": {"mqtt": mqtt}}
    found["metrics"] = {"listen": listen.split('"')[1]}
    return Settings.model_validate(found)


async def scrape(settings: Settings) -> str:
    host, _, port = settings.metrics.listen.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
    found = await reader.read()
    writer.close()
    return found.partition(b"\r\n\r\n")[2].decode()


def secrets(everybody: list[Personal]) -> set[str]:
    """Every unmasked value of the vault."""
    return {
        value
        for one in everybody
        for value in (one.name, *one.phones, one.id_number, one.account)
        if len(value) > 1
    }


def spoken_of(number: bytes, sink: bytes) -> bool:
    """Not as digits of an id or of a moment."""
    return bool(re.search(rb"(?<![\w.:-])" + re.escape(number) + rb"(?!\w)", sink))


@contextmanager
def log_lines(path: Path) -> Iterator[None]:
    logs.to_file(path)
    try:
        yield
    finally:
        logs.setup("auto", "warning", None)


async def test_nobody_is_told_anything_personal(tmp_path: Path) -> None:
    numbers = some_callees(tmp_path / "callees", CALLED)
    some_contacts(tmp_path / "contacts.csv", numbers)
    script = demo.Script.shipped(tmp_path / "callees", tmp_path / "contacts.csv")
    seen, scraped = Seen(), list[str]()
    with running() as there:
        settings = configured(tmp_path / "home", there)
        await asyncio.to_thread(prepare_home, settings)

        async def watch(
            stores: Stores, name: str, engine: Engine, clock: Clock
        ) -> None:
            while True:
                scraped.append(await scrape(settings))
                await clock.sleep(0.5)

        async with onlooking(there, seen):
            with log_lines(settings.home / "logs" / "dialer.jsonl"):
                result = await demo.play(
                    settings, script, lines=4, tell=lambda line: None, watch=watch
                )
            await seen.until(
                lambda s: s.last("accord/t/node/node-1/state")["state"] == "offline"
            )
    async with opened(settings) as stores:
        ids = {row.contact_id for row in result.rows}
        everybody = [await stores.vault.get(one) for one in ids]
    search = Search(secrets(everybody))
    sums = [str(one.amount).encode() for one in everybody]
    said = b"\n".join(topic.encode() + b" " + body for topic, body, _ in seen.got)
    told = "\n".join(scraped).encode()
    logged = (settings.home / "logs" / "dialer.jsonl").read_bytes()
    for sink in (said, told, logged):
        assert search.data(sink) == set()
        assert not [sum_ for sum_ in sums if spoken_of(sum_, sink)]
    assert result.leaks == []
    someone = everybody[0].name
    assert search.data(said + someone.encode()) == {someone}, "it would be found"
    assert all(spoken_of(s, b'{"sum":"' + s + b'"}') for s in sums), "and this"
    # and it was the truth
    calls, rows = seen.calls(), {row.attempt_id: row for row in result.rows}
    assert calls.keys() == rows.keys()
    ended = [e for e in seen.events() if getattr(e, "disposition", "")]
    assert {e.call: e.disposition for e in ended} == {  # type: ignore[attr-defined]
        name: row.disposition for name, row in rows.items() if row.dialing_at
    }
    assert b"call.turns" in said
    assert b"events: connected" in logged
    labels = {
        value
        for text in scraped
        for family in text_string_to_metric_families(text)
        for one in family.samples
        for value in one.labels.values()
    }
    assert "recogniser" in labels
    assert not any(search.data(value.encode()) for value in labels)
    last = scraped[-1]
    assert 'accord_attempts_total{disposition="congestion"}' in last
    assert "accord_turn_seconds_count 0.0" not in last


# --- the commands, in processes of their own


async def waiting_campaign(settings: Settings, folder: Path) -> None:
    """Somebody to be called in a year."""

    def later(case: Case, now: object) -> Verdict:
        return Verdict(False, next_allowed=CLOCK.now().replace(year=2100))

    plain = {"name": "autumn", "agency": {"en": "Concord"}, "callees": str(folder)}
    wanted = CampaignFile.model_validate(plain)
    async with opened(settings) as stores:
        await stores.vault.put({contact().contact_id: personal()})
        await imported(stores, [contact()])
        now = CLOCK.now()
        await stores.campaigns.create(
            Campaign("id-1", "autumn", "created", wanted.canonical(), now)
        )
        plan = stores.campaigns.plan("id-1", [], judge=later, now=now, commit=True)
        async for _ in plan:
            pass


async def dialer(home: Path, *words: str, code: int = 0, **env: str) -> str:
    command = ("-m", "dialer", "--home", str(home), *words)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command),
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = (await process.communicate())[:2]
    assert process.returncode == code, err.decode()
    assert b"Traceback" not in err
    return (out if code == 0 else err).decode()


@asynccontextmanager
async def engine(home: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    command = ("-m", "dialer", "--home", str(home), "campaign", "resume", "autumn")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, "--wait", "--json"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_node_is_seen_commanded_and_missed(tmp_path: Path) -> None:
    seen, home = Seen(), tmp_path / "home"
    state = "accord/t/campaign/id-1/state"
    node = "accord/t/node/node-1/state"
    with running() as there:
        settings = configured(home, there, commands=str(tmp_path / "commands.toml"))
        table = keys.create_key(tmp_path / "chen.pem", "chen")
        table = table.replace('["pause"]', '["pause", "drain"]')
        (tmp_path / "commands.toml").write_text(table)
        (tmp_path / "commands.toml").chmod(0o600)
        await asyncio.to_thread(prepare_home, settings)
        some_callees(tmp_path / "callees", ("en-network-busy",))
        await waiting_campaign(settings, tmp_path / "callees")
        chen = ("--node", "node-1", "--as", "chen", "--key", str(tmp_path / "chen.pem"))
        async with onlooking(there, seen):
            async with engine(home) as first:
                await seen.until(lambda s: s.last(node).get("state") == "online")
                await seen.until(lambda s: s.last(state).get("state") == "running")
                assert 'accord_campaigns{state="running"} 1.0' in await scrape(settings)
                sent = ("events", "command", "pause", "autumn", *chen)
                forged = ("events", "command", "resume", "autumn", *chen)
                await asyncio.gather(dialer(home, *sent), dialer(home, *forged))
                await seen.until(lambda s: s.last(state).get("state") == "paused")
                text = await scrape(settings)
                assert 'accord_events_commands_total{answer="taken"} 1.0' in text
                assert 'accord_events_commands_total{answer="refused"} 1.0' in text
                first.send_signal(signal.SIGKILL)
                await seen.until(lambda s: s.last(node).get("state") == "offline")
                assert seen.last(node)["why"] == "lost"
            async with engine(home) as second:
                await seen.until(lambda s: s.last(node).get("state") == "online")
                await dialer(home, "events", "command", "drain", *chen)
                assert await second.wait() == 0, "nothing under way: it ends"
                await seen.until(lambda s: s.last(node).get("state") == "offline")
                assert seen.last(node)["why"] == "stopped"
        wrong = {"ACCORD_MQTT_PASSWORD": "wrong"}
        tail = ("events", "tail", "--topic", "campaign/+/state", "--count", "1")
        said, last, refused = await asyncio.gather(
            dialer(home, "events", "status", "--json"),
            dialer(home, *tail),
            dialer(home, "events", "publish", "--once", code=1, **wrong),
        )
        told = json.loads(said)
        assert (told["behind"], told["answer"]) == (0, "connected")
        assert json.loads(last)["event"]["state"] == "running"
        assert refused.count("\n") == 1
        assert "refuses user 'accord'" in refused
    started = [topic for topic, _, _ in seen.got if topic.endswith("/started")]
    assert len(started) == 2
    async with opened(settings) as stores:
        rows = await stores.journal.after(0, 1000)
    taken = [
        json.loads(row.body)["command"] for row in rows if row.kind == "command.taken"
    ]
    assert taken == ["pause", "drain"]
