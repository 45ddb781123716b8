"""Trunks on real Asterisks: rendered, reloaded, looked at, tested, failed over.

One Asterisk is ours and reads what `dialer trunks render` wrote; another is a carrier.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dialer import switches
from dialer.channels.port import Audio, Cause, ChannelDown, NotAnswered, Order
from dialer.cli.main import dialer
from dialer.clock import SystemClock
from dialer.trunks.health import State
from dialer.trunks.model import Trunks, load
from dialer.trunks.render import install, render, wanted
from dialer.trunks.routes import Change, Routes
from speech.audio import level_db
from tests.contract.rig import tone
from tests.kit import asterisk, sip
from tests.kit.asterisk import Asterisk

pytestmark = [pytest.mark.live, pytest.mark.slow]
CONFIG = Path(__file__).parents[2] / "config" / "asterisk"
NUMBER = "+8617000000001"
#: Of our Asterisk, before anything is rendered.
BARE = {"extensions.conf": "[general]\n", "modules.conf": asterisk.WEBSOCKET}
DIALPLAN = """
[network]
exten => {number},1,Ringing()
 same => n,Wait(1)
 same => n,Answer()
 same => n,Playback({home}/tone1)
 same => n,SendDTMF(7)
 same => n,Echo()
"""


@dataclass(frozen=True, slots=True)
class World:
    home: Path  # of the installation
    engine: Asterisk
    carrier: Asterisk
    trunks: Trunks

    def run(self, *words: str, code: int = 0) -> dict[str, Any]:
        """A command of ours with --json, its output read."""
        told = CliRunner().invoke(
            dialer, ["--home", str(self.home), "trunks", *words, "--json"]
        )
        assert told.exit_code == code, (told.output, told.exception)
        found: dict[str, Any] = json.loads(told.stdout)
        return found


def trunk(name: str, port: object, more: str = "") -> str:
    return f"""
[trunk.{name}]
asterisk = "main"
hosts = ["127.0.0.1:{port}"]
caller_ids = ["+861055550000"]
qualify_seconds = 1
{more}
"""


@contextmanager
def world(
    home: Path,
    trunks: str,
    carrier_config: dict[str, str],
    *,
    numbers: bool = True,
    websocket: int = 8787,
) -> Iterator[World]:
    """`trunks`: with @ for the carrier's port. Ours is reloaded with what we render.
    numbers: the carrier answers NUMBER; else its dialplan is all in the config."""
    ours, theirs, listen = (asterisk.free_udp() for _ in range(3))
    (home / "tone1.sln").write_bytes(tone(1.0))
    plan = DIALPLAN.format(number=NUMBER, home=home)
    config = {
        "extensions.conf": plan if numbers else "",
        "pjsip.conf": asterisk.endpoint("ours", listen, "network"),
    }
    for name, text in carrier_config.items():
        config[name] = config.get(name, "") + text
    with (
        asterisk.running(config, sip=theirs) as carrier,
        asterisk.running(BARE, sip=ours) as engine,
    ):
        (home / "ami.secret").write_text("rendered-secret")
        (home / "ami.secret").chmod(0o600)
        main = f"""
[asterisk.main]
port = {engine.ami}
user = "engine"
secret = {{ file = "ami.secret" }}
config = "{engine.home / "etc"}"
bind = "127.0.0.1"
sip_port = {listen}
tls_port = {asterisk.free_tcp()}
websocket_port = {websocket}
ca_file = "{home / "ca.pem"}"
"""
        (home / "trunks.toml").write_text(main + trunks.replace("@", str(theirs)))
        found = load(home / "trunks.toml", secrets=True)
        made = World(home, engine, carrier, found)
        new = render(found, "main", (CONFIG / "extensions.conf").read_text())
        install(engine.home / "etc", wanted(engine.home / "etc", new))
        engine.command("core reload")
        yield made


@asynccontextmanager
async def opened(made: World) -> AsyncIterator[tuple[Routes, list[Change]]]:
    chosen = switches.choose(made.trunks, [])
    clock = SystemClock()
    async with switches.open_routes(made.trunks, chosen, clock) as (routes, changes):
        told = list[Change]()
        yield routes, told
        while not changes.empty():
            told.append(changes.get_nowait())


async def call(routes: Routes, attempt: str) -> str:
    """-> the trunk that it went out by"""
    order = Order(attempt, NUMBER, ring_seconds=5)
    async with routes.seat(NUMBER, "") as seat, seat.place(order) as line:
        async for heard in line.hear():
            if isinstance(heard, Audio) and level_db(heard.pcm) > -30:
                return seat.trunk
    raise AssertionError("nothing was heard")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_rendered_applied_looked_at_and_rendered_again(home: Path) -> None:
    dead = asterisk.free_udp()
    with world(home, trunk("north", "@") + trunk("dead", dead), {}) as made:
        assert made.run("render", "--apply")["diff"] == ""
        text = (home / "trunks.toml").read_text()
        (home / "trunks.toml").write_text(text + 'codecs = ["alaw"]\n')
        diff = made.run("render", "--apply")["diff"]
        assert "+endpoint/allow = !all,alaw" in diff
        assert "rendered-secret" not in diff
        shown = made.engine.command("pjsip show endpoint dead")
        assert "(alaw)" in shown
        made.engine.command("pjsip qualify north")
        rows = made.run("status")["trunks"]
        assert rows["north"]["reachable"]
        assert rows["north"]["round_trip_ms"] > 0
        assert rows["north"]["channels_in_use"] == 0


def test_the_first_time_says_what_to_do_by_hand(home: Path) -> None:
    with world(home, trunk("north", "@"), {}) as made:
        text = (home / "trunks.toml").read_text()
        (home / "trunks.toml").write_text(text.replace('"engine"', '"newcomer"'))
        words = ["--home", str(home), "trunks", "render", "--apply"]
        refused = CliRunner().invoke(dialer, words)
        assert "core reload" in str(refused.exception)
        made.engine.command("core reload")
        assert made.run("render", "--apply")["diff"] == ""
        assert made.run("status")["trunks"]["north"]["channels"] == 30


async def test_what_a_carrier_refuses_goes_out_by_the_next(home: Path) -> None:
    with sip.peer("503 Service Unavailable") as full:
        trunks = trunk("north", full, "failures = 2") + trunk(
            "south", "@", "priority = 2"
        )
        with world(home, trunks, {}) as made:
            async with opened(made) as (routes, told):
                for n in range(3):
                    assert await call(routes, f"a{n}") == "south"
            rows = routes.status()
            assert rows["north"]["causes"] == {"congestion": 2}
            assert rows["north"]["state"] == "off"
            assert rows["south"]["answer_seizure_ratio"] == 1
            assert [(c.trunk, c.state) for c in told] == [("north", State.OFF)]
            assert made.engine.channels() == 0


async def test_a_busy_callee_is_not_called_by_the_next(home: Path) -> None:
    with sip.peer("486 Busy Here") as busy:
        trunks = trunk("north", busy) + trunk("south", "@", "priority = 2")
        with world(home, trunks, {}) as made:
            async with opened(made) as (routes, _):
                with pytest.raises(NotAnswered) as no:
                    await call(routes, "a")
            assert no.value.cause is Cause.BUSY
            assert routes.status()["south"]["calls"] == 0


async def test_a_carrier_that_is_not_there_is_never_sent_a_call(home: Path) -> None:
    trunks = trunk("north", asterisk.free_udp()) + trunk("south", "@", "priority = 2")
    with world(home, trunks, {}) as made:
        made.engine.command("pjsip qualify north")
        await seen(made, "north", "Unreachable")
        async with opened(made) as (routes, told):
            assert await call(routes, "a") == "south"
        assert routes.status()["north"]["calls"] == 0
        assert (told[0].trunk, told[0].state) == ("north", State.UNREACHABLE)


async def seen(made: World, name: str, status: str) -> None:
    """Wait until our Asterisk has found that out."""
    clock = SystemClock()
    async with (
        switches.open_switch(made.trunks, "main", clock) as switch,
        clock.timeout(10),
    ):
        while {peer.status for peer in await switch.peers(name)} != {status}:
            await clock.sleep(0.1)


@pytest.mark.model
def test_a_test_call_tells_of_sound_both_ways(home: Path) -> None:
    with world(home, trunk("north", "@", 'codecs = ["ulaw"]'), {}) as made:
        made.carrier.command("pjsip set logger off")
        CliRunner().invoke(dialer, ["--home", str(home), "init"])
        found = made.run("test-call", NUMBER, "--seconds", "3", "--language", "en")
        assert found["answered"]
        assert found["keys"] == "7"
        assert found["heard_level_db"] > -30
        assert found["voice_seconds"] > 1  # our own prompt, echoed
        assert found["packets_received"] > 100
        assert found["packets_sent"] > 100
        assert found["codec"] == "ulaw"
        # the carrier rings at once, and answers a second later
        assert found["answered_after"] - found["post_dial_delay"] > 0.5
        nobody = made.run("test-call", "+8617000000002", "--language", "en", code=1)
        assert nobody["cause"] == "unallocated"


async def test_a_trunk_whose_sound_goes_over_websocket(home: Path) -> None:
    trunks = trunk("north", "@", 'media = "websocket"')
    with world(home, trunks, {}, websocket=asterisk.free_tcp()) as made:
        async with opened(made) as (routes, _):
            assert await call(routes, "a") == "north"
            order = Order("b", NUMBER, ring_seconds=5)
            async with routes.seat(NUMBER, "") as seat, seat.place(order):
                assert "WebSocket/accord" in made.engine.command("core show channels")
            seen = await asyncio.to_thread(made.run, "status")  # takes no port
            assert seen["trunks"]["north"]["reachable"]
            with pytest.raises(ChannelDown, match="cannot listen"):
                async with opened(made):
                    pytest.fail("two engines have one port")
        assert made.engine.channels() == 0
