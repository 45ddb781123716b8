"""Trunks of type twilio as an admin and an engine have them, over the stand-in: looked
at, called by, failed over, billed; a whole campaign that leaves nothing personal."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dialer import app, planning, switches
from dialer.channels.port import Cause, NoSeat, NotAnswered, Order
from dialer.channels.twilio import bills
from dialer.cli.main import dialer
from dialer.clock import SystemClock
from dialer.home import opened
from dialer.model import Disposition
from dialer.settings import Settings
from dialer.store import keys
from dialer.trunks.model import Trunks, load
from dialer.trunks.routes import Routes
from tests.contract.twilio_rig import free_port
from tests.dialer.test_trunks_routes import Switch
from tests.dialer.test_trunks_routes import trunk as plain
from tests.kit import twilio
from tests.kit.clock import FakeClock
from tests.kit.leaks import no_leaks
from tests.kit.stores import NOW
from tests.kit.twilio import Callee, Twilio
from tests.live import test_trunk_campaign as campaign

pytestmark = [pytest.mark.live, pytest.mark.slow]
NUMBER = "+8617000000001"
CLOCK = SystemClock()


def written(home: Path, there: Twilio) -> Trunks:
    for name, text in (("key", twilio.SECRET), ("token", twilio.TOKEN)):
        (home / f"{name}.secret").write_text(text)
        (home / f"{name}.secret").chmod(0o600)
    port = free_port()
    text = f"""
[twilio.main]
account = "{twilio.ACCOUNT}"
key = "{twilio.KEY}"
secret = {{ file = "key.secret" }}
token = {{ file = "token.secret" }}
api = "{there.api}"
public = "http://127.0.0.1:{port}"
port = {port}

[trunk.cloud]
type = "twilio"
twilio = "main"
caller_ids = ["{twilio.OURS}"]
prefixes = ["+86"]
calls_per_second = 50
"""
    (home / "trunks.toml").write_text(text)
    return load(home / "trunks.toml", secrets=True)


@asynccontextmanager
async def world(
    home: Path, callees: Mapping[str, Callee], clock: SystemClock = CLOCK
) -> AsyncIterator[tuple[Twilio, Trunks]]:
    await asyncio.to_thread(home.mkdir, exist_ok=True)
    async with Twilio(callees, clock=clock) as there:
        yield there, await asyncio.to_thread(written, home, there)


async def command(home: Path, *words: str, code: int = 0) -> dict[str, Any]:
    line = ["--home", str(home), "trunks", *words, "--json"]
    told = await asyncio.to_thread(CliRunner().invoke, dialer, line)
    assert told.exit_code == code, (told.output, told.exception)
    found: dict[str, Any] = json.loads(told.stdout)
    return found


async def test_an_admin_sees_it_as_any_trunk(tmp_path: Path) -> None:
    async with world(tmp_path / "h", {NUMBER: Callee(rings=30)}) as (there, found):
        checked = await command(tmp_path / "h", "check")
        assert checked["trunks"] == {"cloud": "twilio.main"}
        async with switches.open_routes(found, found.trunk, CLOCK) as (routes, _):
            order = Order("a", NUMBER, ring_seconds=20)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(placed(routes, order))
                while not there.up():
                    await CLOCK.sleep(0.02)
                row = (await command(tmp_path / "h", "status"))["trunks"]["cloud"]
                task.cancel()
            assert row["reachable"]
            assert (row["channels_in_use"], row["channels"]) == (1, 30)
        (tmp_path / "h" / "key.secret").write_text("wrong")
        row = (await command(tmp_path / "h", "status"))["trunks"]["cloud"]
        assert row["carrier"] == "Twilio refuses us (401, error 20003)"
        wrong = load(tmp_path / "h" / "trunks.toml", secrets=True)
        async with switches.open_routes(wrong, wrong.trunk, CLOCK) as (routes, _):
            with pytest.raises(NoSeat, match="works now"):
                await placed(routes, order)


async def placed(routes: Routes, order: Order) -> None:
    async with routes.seat(order.number, "") as seat, seat.place(order):
        pass


@pytest.mark.parametrize(
    ("callee", "by"),
    [
        (Callee(answer="failed", sip="503"), "asterisk"),
        (Callee(error=21215), "asterisk"),
        (Callee(answer="failed", sip="503", alerts=True), Cause.CONGESTION),
        (Callee(answer="busy", sip="486"), Cause.BUSY),
        (Callee(answer="busy", sip="603"), Cause.DECLINED),
    ],
)
async def test_fail_over_between_twilio_and_asterisk_has_the_same_rules(
    tmp_path: Path, callee: Callee, by: str
) -> None:
    async with (
        world(tmp_path / "h", {NUMBER: callee}) as (_, found),
        switches.open_any(found, "twilio.main", CLOCK, []) as channel,
    ):
        other = Switch(FakeClock())
        trunks = {**found.trunk, "asterisk": plain(priority=2)}
        routes = Routes(trunks, {"twilio.main": channel, "main": other}, CLOCK)
        order = Order("a", NUMBER)
        if by == "asterisk":
            async with routes.seat(NUMBER, "") as seat, seat.place(order):
                assert seat.trunk == by
            return
        with pytest.raises(NotAnswered) as no:
            await placed(routes, order)
        assert no.value.cause == by
        assert other.sent == []


async def test_emergency_numbers_and_strange_caller_ids_are_not_sent(
    tmp_path: Path,
) -> None:
    async with world(tmp_path / "h", {}) as (there, found):
        async with switches.open_routes(found, found.trunk, CLOCK) as (routes, _):
            for number, caller_id in (("+86110", ""), (NUMBER, "+15555550100")):
                with pytest.raises(NoSeat, match="no trunk takes"):
                    async with routes.seat(number, caller_id):
                        pytest.fail("it has a seat")
        assert there.requests["create"] == 0


@pytest.mark.model
async def test_a_test_call_tells_of_sound_both_ways(tmp_path: Path) -> None:
    home = tmp_path / "h"
    there = {NUMBER: Callee(rings=0.5, keys="7", sound=bytes(320) * 50)}
    async with world(home, there):
        await asyncio.to_thread(
            CliRunner().invoke, dialer, ["--home", str(home), "init"]
        )
        asked = ("test-call", NUMBER, "--seconds", "2", "--language", "en")
        found = await command(home, *asked)
        assert found["answered"]
        assert found["keys"] == "7"
        assert found["answered_after"] - found["post_dial_delay"] > 0.2
        nobody = await command(
            home, "test-call", "+8617000000002", "--language", "en", code=1
        )
        assert nobody["cause"] == "unallocated"


@pytest.mark.model
async def test_every_call_of_a_campaign_ends_as_over_asterisk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The campaign file is the one that runs over Asterisk."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(bills, "PAUSES", (0.1, 0.2, 0.5))
    home, clock = tmp_path / "home", SystemClock(NOW - SystemClock().now())
    phones = [p.phones[0] for _, p in campaign.people().values()]
    callees = dict(
        zip(
            phones,
            (
                Callee(rings=0.5, keys="9"),
                Callee(answer="busy", sip="486"),
                Callee(answer="failed", sip="404"),
                Callee(answer="failed", sip="503"),
            ),
            strict=False,
        )
    )
    async with world(home, callees, clock) as (there, _):
        settings = Settings(home=home)
        await asyncio.to_thread(keys.create, settings.key_file)
        found, billed = await called(settings, clock)
        assert there.up() == 0
    ends = {name: (row.disposition, row.cause) for name, row in found.items()}
    assert ends["c_000001"][0] is Disposition.OPTED_OUT
    assert ends["c_000002"] == (Disposition.BUSY, "busy")
    assert ends["c_000003"] == (Disposition.UNALLOCATED, "unallocated")
    assert ends["c_000004"] == (Disposition.CONGESTION, "congestion")
    assert "no trunk takes this number" in found["c_000005"].verdict
    assert [json.loads(one)["price"] for one in billed] == ["-0.0130"]
    (home / "log.txt").write_text(caplog.text)
    for name in ("key", "token"):
        (home / f"{name}.secret").unlink()
    no_leaks(home, [*campaign.needles(), twilio.SECRET, twilio.TOKEN])


async def called(
    settings: Settings, clock: SystemClock
) -> tuple[dict[str, Any], list[str]]:
    """First attempts by contact; bills of the journal."""
    async with opened(settings) as stores:
        made = await campaign.filled(stores)
        await planning.plan(settings, stores, "c", clock, commit=True)
        async with app.engine(settings, stores, made, clock) as engine:
            await engine.run()
            for _ in range(100):
                rows = await stores.journal.after(0, 10_000)
                billed = [row.body for row in rows if row.kind == "trunk.bill"]
                if billed:
                    break
                await clock.sleep(0.05)
        attempts = [row async for row in stores.calls.list("c")]
        return {row.contact_id: row for row in attempts if row.n == 1}, billed
