"""What `contacts explain` tells of a contact's attempts."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from dialer.cli.retries import lines, retries
from dialer.model import Disposition, NextTry, Outcome
from dialer.store.port import Campaign
from tests.kit.clock import FakeClock
from tests.kit.stores import NOW, contact, dialed, imported, opened, planned

SETTINGS = {
    "name": "spring",
    "agency": {"zh": "和信"},
    "retry": {"busy": {"after_minutes": 20, "times": 2}},
}


async def test_each_attempt_its_rule_and_when_the_next_is_due(tmp_path: Path) -> None:
    async with opened(tmp_path) as stores:
        await imported(stores, [contact(1)])
        made = Campaign("spring", "spring", "created", json.dumps(SETTINGS), NOW)
        await stores.campaigns.create(made)
        await stores.campaigns.set_state("spring", "running", NOW)
        await planned(stores, "spring")
        at = NOW
        for how in (Disposition.BUSY, Disposition.VOICEMAIL, Disposition.OPTED_OUT):
            one = await dialed(stores, now=at)
            after = at + timedelta(hours=1)
            again = None if how is Disposition.OPTED_OUT else NextTry(0, after, "")
            await stores.ledger.finish(one.attempt_id, Outcome(how, at, next_try=again))
            at = after
        (found,) = await retries(stores, "c_000001", FakeClock(at))
    busy, voicemail, stopped = found["attempts"]
    assert busy["rule"] == {
        "when": "after",
        "after_minutes": 20.0,
        "times": 2,
        "other_number": "then",
    }
    assert busy["rule_of"] == "campaign.retry.busy"
    assert busy["next_due"] == (NOW + timedelta(hours=1)).isoformat()
    assert voicemail["rule_of"] == "config/retry.toml [voicemail]"
    assert (stopped["rule"], stopped["next_due"]) == (None, None)
    assert "never tried again" in stopped["why"]
    assert found["best_hour"] is None
    told = "\n".join(lines([found]))
    for words in ("ended busy", "after 20 min", "attempt 2 follows", "not known yet"):
        assert words in told
