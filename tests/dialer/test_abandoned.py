"""A campaign's abandoned calls by each definition, from the ledger."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop
from click.testing import CliRunner, Result

from dialer.campaign.abandonment import standings
from dialer.cli.abandoned import abandoned
from dialer.cli.start import init
from dialer.home import opened
from dialer.settings import Settings
from dialer.store.port import Campaign, Reached
from tests.kit.stores import NOW

DAY = timedelta(days=1)


def hour(ago: timedelta, spoke: int, lost: int) -> Reached:
    return Reached(NOW - ago, "Asia/Shanghai", 1000, spoke, lost)


def test_each_definition_counts_its_own_period() -> None:
    rows = [
        hour(40 * DAY, 90, 10),
        hour(3 * DAY, 99, 1),
        hour(timedelta(hours=2), 48, 2),
    ]
    us, gb, all_ = standings(rows, NOW)
    assert (us.answered, us.abandoned) == (150, 3)
    assert (gb.answered, gb.abandoned) == (50, 2)
    assert (all_.answered, all_.abandoned) == (250, 13)
    assert gb.credit == pytest.approx(0.03 * 50 - 2)


def typed(settings: Settings, *args: str) -> Result:
    return CliRunner().invoke(abandoned, list(args), obj=settings)


def test_a_campaign_without_calls_has_no_rate(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert CliRunner().invoke(init, [], obj=settings).exit_code == 0

    async def made() -> None:
        async with opened(settings) as stores:
            await stores.campaigns.create(Campaign("k", "k", "created", "{}", NOW))

    uvloop.run(made())
    found = json.loads(typed(settings, "k", "--json").output)["abandoned"]
    assert [row["hours"] for row in found] == [720, 24, None]
    assert {row["rate"] for row in found} == {None}
    assert "campaign" in typed(settings, "k").output
