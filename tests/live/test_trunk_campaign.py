"""A campaign over trunks: the whole path of a call, by a real Asterisk and carrier."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from dialer import app, planning
from dialer.campaign.file import CampaignFile
from dialer.clock import SystemClock
from dialer.home import opened
from dialer.model import Contact, Disposition, Personal
from dialer.settings import Settings
from dialer.store import keys
from dialer.store.port import AttemptRow, Batch, Campaign, Review, Stores
from tests.kit.leaks import no_leaks
from tests.kit.stores import NOW, contact, personal
from tests.live.test_trunks import trunk, world

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.model]
#: What the carrier does with the last digits of a number; the first answers, presses
#: nine when it has been told who calls, and stays.
PLAN = """
[network]
exten => _+8617000000001,1,Ringing()
 same => n,Wait(1)
 same => n,Answer()
 same => n,Wait(12)
 same => n,SendDTMF(9)
 same => n,Wait(60)
exten => _+8617000000002,1,Hangup(17)
exten => _+8617000000003,1,Hangup(1)
exten => _+8617000000004,1,Hangup(34)
"""
NO_TRUNK = "+442079460000"
WANTED = CampaignFile.model_validate(
    {
        "name": "c",
        "agency": {"en": "Concord Mediation Services"},
        "channel": "trunks",
        "lines": 5,
    }
)


def people() -> dict[str, tuple[Contact, Personal]]:
    found = dict[str, tuple[Contact, Personal]]()
    for i in range(1, 6):
        someone = replace(personal(i), name="Avery Stone", currency="USD")
        if i == 5:
            someone = replace(someone, phones=(NO_TRUNK,))
        found[f"c_{i:06d}"] = contact(i, language="en"), someone
    return found


def needles() -> list[str]:
    everybody = [someone for _, someone in people().values()]
    phones = [phone for someone in everybody for phone in someone.phones]
    return [*phones, everybody[0].name, *(someone.id_number for someone in everybody)]


async def filled(stores: Stores) -> Campaign:
    """A running campaign with everybody planned."""
    everybody = people()
    await stores.vault.put({name: someone for name, (_, someone) in everybody.items()})
    await stores.contacts.open_batch(Batch("b", "b.csv", "im", NOW, "importing"))
    contacts = [tokens for tokens, _ in everybody.values()]
    counts = {"rows_read": 5, "rejected": 0, "duplicates": 0, "at": NOW}
    await stores.contacts.add("b", contacts, **counts, finished=True)  # type: ignore[arg-type]
    for reviewer in ("one", "two"):
        await stores.contacts.review("b", Review(reviewer, True, NOW))
    made = Campaign("c", "c", "created", WANTED.canonical(), NOW)
    await stores.campaigns.create(made)
    await stores.campaigns.set_state("c", "running", NOW)
    return made


async def called(settings: Settings) -> dict[str, AttemptRow]:
    """Run the campaign; the first attempt of each contact."""
    clock = SystemClock(NOW - SystemClock().now())
    async with opened(settings) as stores:
        made = await filled(stores)
        await planning.plan(settings, stores, "c", clock, commit=True)
        async with app.engine(settings, stores, made, clock) as engine:
            await engine.run()
        rows = [row async for row in stores.calls.list("c")]
        return {row.contact_id: row for row in rows if row.n == 1}


async def test_every_call_ends_as_the_carrier_made_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plan = {"extensions.conf": PLAN}
    trunks = trunk("north", "@", 'prefixes = ["+86"]')
    (tmp_path / "home").mkdir()
    with world(tmp_path / "home", trunks, plan, numbers=False) as made:
        settings = Settings(home=tmp_path / "home")
        keys.create(settings.key_file)
        found = await called(settings)
        assert made.engine.channels() == 0
        assert made.carrier.channels() == 0
    ends = {name: (row.disposition, row.cause) for name, row in found.items()}
    assert ends["c_000001"][0] is Disposition.OPTED_OUT
    assert ends["c_000002"] == (Disposition.BUSY, "busy")
    assert ends["c_000003"] == (Disposition.UNALLOCATED, "unallocated")
    assert ends["c_000004"] == (Disposition.CONGESTION, "congestion")
    assert {found[f"c_{i:06d}"].facts["trunk"] for i in range(1, 5)} == {"north"}
    waits = found["c_000005"]
    assert waits.phase == "due"  # no trunk goes there: not dialed, and it says why
    assert "no trunk takes this number" in waits.verdict
    assert waits.dialing_at is None
    figures = json.loads(settings.trunk_figures.read_text())["trunks"]["north"]
    assert figures["calls"] == 4
    (tmp_path / "home" / "log.txt").write_text(caplog.text)
    no_leaks(tmp_path / "home", needles())
