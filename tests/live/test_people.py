"""A campaign for people who talk: a real queue with a member, by a real Asterisk."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from dialer import app, planning
from dialer.campaign.file import CampaignFile
from dialer.clock import SystemClock
from dialer.home import opened
from dialer.settings import Settings
from dialer.store import keys
from dialer.store.port import AttemptRow, Campaign, Stores
from tests.kit import asterisk
from tests.kit.leaks import no_leaks
from tests.kit.stores import NOW, contact, imported, personal
from tests.live.test_trunks import World, trunk, world

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.model]
DESK = "+8617000000999"
#: The network: two people who pick up and stay, and the desk where an agent sits.
PLAN = f"""
[network]
exten => _+861700000000[12],1,Ringing()
 same => n,Wait(3)
 same => n,Answer()
 same => n,Wait(90)
exten => {DESK},1,Ringing()
 same => n,Wait(1)
 same => n,Answer()
 same => n,Wait(5)
"""
QUEUE = "[people]\nstrategy = rrmemory\nringinuse = no\nmember => PJSIP/desk,0,ann\n"
ANN = "PJSIP/desk queue people"
WANTED = {
    "name": "c",
    "agency": {"en": "Concord Mediation Services"},
    "channel": "trunks",
    "lines": 5,
    "caller_id": "+861055550000",
    "pacing": {"mode": "progressive", "wrap_seconds": 1, "agent_seconds": 8},
}


def sit_down(made: World, carrier: int) -> None:
    """Put an agent's phone and their queue into our Asterisk."""
    etc = made.engine.home / "etc"
    phone = asterisk.endpoint("desk", carrier, "accord-in", match=False, user=DESK)
    with (etc / "pjsip.conf").open("a") as file:
        file.write(phone)
    (etc / "queues.conf").write_text(QUEUE)
    made.engine.command("module reload res_pjsip.so")
    made.engine.command("module load app_queue.so")


async def filled(stores: Stores) -> Campaign:
    people = range(1, 3)
    await stores.vault.put({f"c_{i:06d}": personal(i) for i in people})
    await imported(stores, [contact(i, language="en") for i in people])
    settings = CampaignFile.model_validate(WANTED).canonical()
    made = await stores.campaigns.create(Campaign("c", "c", "created", settings, NOW))
    await stores.campaigns.set_state("c", "running", NOW)
    return made


async def called(settings: Settings, made: World) -> dict[str, AttemptRow]:
    """Run the campaign; the agent goes while the second callee's phone rings."""
    clock = SystemClock(NOW - SystemClock().now())
    async with opened(settings) as stores:
        campaign = await filled(stores)
        await planning.plan(settings, stores, "c", clock, commit=True)
        async with app.engine(settings, stores, campaign, clock) as engine:

            async def leave() -> None:
                people = engine.desk.people
                while people is None or people.placed < 2:
                    await clock.sleep(0.2)
                made.engine.command(f"queue pause member {ANN}")

            async with asyncio.TaskGroup() as group:
                away = group.create_task(leave())
                await engine.run()
                away.cancel()
        rows = [row async for row in stores.calls.list("c")]
        return {row.contact_id: row for row in rows if row.n == 1}


async def test_callees_go_to_the_member_of_a_queue_or_are_told_who_called(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    plan = {"extensions.conf": PLAN}
    with world(home, trunk("north", "@", ""), plan, numbers=False) as made:
        sit_down(made, made.carrier.sip)
        settings = Settings(home=home)
        keys.create(settings.key_file)
        found = await called(settings, made)
        taken = made.engine.command("queue show people")
        assert made.engine.channels() == 0
    ends = [found[f"c_{i:06d}"].disposition for i in (1, 2)]
    assert sorted(map(str, ends)) == ["abandoned", "handed_over"]
    assert "has taken 1 calls" in taken
    told = json.loads(settings.pacing_figures.read_text())
    assert (told["placed"], told["answered"], told["abandoned"]) == (2, 2, 1)
    assert told["queue"] == "people"
    phones = [personal(i).phones[0] for i in (1, 2)]
    no_leaks(home, [*phones, personal(1).name])
