"""Campaigns, calls and the journal: what every store must do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.model import Disposition, NextTry, Outcome, Turn
from dialer.store.journal import KINDS
from dialer.store.port import (
    Campaign,
    NotFound,
    Refused,
    Stores,
)
from tests.kit.stores import (
    LEASE,
    NODE,
    NOW,
    claimed,
    contact,
    dialed,
    kinds,
    running,
)

DAY = timedelta(days=1)


# --- campaigns


async def test_a_campaign_is_found_by_name_and_id_and_made_once(
    stores: Stores,
) -> None:
    campaign = Campaign("k1", "spring", "created", '{"lines":2}', NOW)
    await stores.campaigns.create(campaign)
    assert await stores.campaigns.get("k1") == campaign
    assert await stores.campaigns.get("spring") == campaign
    with pytest.raises(Refused, match="spring"):
        await stores.campaigns.create(replace(campaign, campaign_id="k2"))
    with pytest.raises(NotFound, match="summer"):
        await stores.campaigns.get("summer")
    earlier = Campaign("k0", "winter", "created", "{}", NOW - DAY)
    await stores.campaigns.create(earlier)
    assert await stores.campaigns.all() == [earlier, campaign]


LAWFUL = {
    ("created", "running"),
    ("running", "paused"),
    ("paused", "running"),
    ("running", "stopped"),
    ("paused", "stopped"),
    ("running", "done"),
    ("paused", "done"),
    ("done", "running"),
}
WAYS = {  # how a campaign gets into a state
    "created": (),
    "running": ("running",),
    "paused": ("running", "paused"),
    "stopped": ("running", "stopped"),
    "done": ("running", "done"),
}


@pytest.mark.parametrize("before", WAYS)
async def test_a_campaign_moves_only_as_the_table_says(
    stores: Stores, before: str
) -> None:
    for to in (*WAYS, "elsewhere"):
        name = f"{before}-{to}"
        await stores.campaigns.create(Campaign(name, name, "created", "{}", NOW))
        for state in WAYS[before]:
            await stores.campaigns.set_state(name, state, NOW)
        if (before, to) in LAWFUL:
            assert (await stores.campaigns.set_state(name, to, NOW)).state == to
        else:
            with pytest.raises(Refused, match=before):
                await stores.campaigns.set_state(name, to, NOW)
            assert (await stores.campaigns.get(name)).state == before


async def test_status_counts_everything_in_one_read(stores: Stores) -> None:
    await running(stores, [contact(i) for i in range(1, 5)])
    one = await dialed(stores)
    await stores.ledger.finish(one.attempt_id, Outcome(Disposition.BUSY, NOW))
    await dialed(stores)
    found = await stores.campaigns.status("spring")
    assert found.campaign.name == "spring"
    assert found.phases == {"due": 2, "dialing": 1, "done": 1}
    assert found.dispositions == {"busy": 1}
    assert found.refusals == {}
    assert found.next_due == NOW


# --- calls and journal


def spoken() -> tuple[Turn, ...]:
    return (
        Turn("us", 0.2, 3.5, "您好", 1, template="open.1", clauses=("cl-1",)),
        Turn("them", 4.0, 1.0, "是我", 1, intent="identity_yes", confidence=0.93),
        Turn(
            "us", 5.5, 2.0, "谢谢", 2, rights=("r1", "r2"), key=True, interrupted=True
        ),
    )


async def test_a_call_is_shown_by_a_unique_prefix(stores: Stores) -> None:
    await running(stores, [contact(1)])
    one = await dialed(stores)
    await stores.ledger.answered(one.attempt_id, NOW)
    outcome = Outcome(
        Disposition.PROMISED,
        NOW + timedelta(seconds=90),
        cause="16 normal",
        turns=spoken(),
        stage=4,
        facts={"date": "2026-12-05"},
        measures={"silence": 2.5},
    )
    await stores.ledger.finish(one.attempt_id, outcome)
    row, turns = await stores.calls.show(one.attempt_id[:9])
    assert tuple(turns) == spoken()
    assert (row.phone, row.language, row.n) == ("+86 170****0000", "zh", 1)
    assert (row.disposition, row.stage) == (Disposition.PROMISED, 4)
    assert (row.facts, row.measures) == (outcome.facts, outcome.measures)
    assert (row.dialing_at, row.answered_at, row.ended_at) == (NOW, NOW, outcome.at)
    assert json.loads(row.verdict) == {"allowed": True}
    for wrong in ("zz", "", one.attempt_id + "0", "%", "_"):
        with pytest.raises(NotFound):
            await stores.calls.show(wrong)


async def test_an_ambiguous_prefix_is_refused(stores: Stores) -> None:
    await running(stores, [contact(i) for i in range(1, 40)])
    ids = [row.attempt_id async for row in stores.calls.list("spring")]
    shared = next(a[0] for a in ids if sum(b[0] == a[0] for b in ids) > 1)
    with pytest.raises(Refused, match="several"):
        await stores.calls.show(shared)


async def test_calls_are_listed_in_order_by_campaign_and_limit(stores: Stores) -> None:
    await running(stores, [contact(i) for i in range(1, 4)])
    await running(stores, [contact(i) for i in range(4, 6)], "autumn")
    all_ids = [row.contact_id async for row in stores.calls.list()]
    assert all_ids == [f"c_{i:06d}" for i in range(1, 6)]
    autumn = [row.contact_id async for row in stores.calls.list("autumn", limit=1)]
    assert autumn == ["c_000004"]
    assert [row async for row in stores.calls.list("winter")] == []


async def test_the_journal_is_gapless_and_its_kinds_are_known(stores: Stores) -> None:
    await running(stores, [contact(i) for i in range(1, 4)])
    one = await dialed(stores)
    await stores.ledger.answered(one.attempt_id, NOW)
    again = NextTry(0, NOW + DAY, "no commitment")
    outcome = Outcome(
        Disposition.OPTED_OUT,
        NOW,
        turns=spoken(),
        flags=("do_not_call",),
        next_try=again,
    )
    await stores.ledger.finish(one.attempt_id, outcome)
    rows = await stores.journal.after(0)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert {row.kind for row in rows} <= set(KINDS)
    assert {len(row.salt) for row in rows} == {16}
    assert len({row.salt for row in rows}) == len(rows)
    assert all(row.at.endswith("Z") and len(row.at) == 27 for row in rows)
    assert await kinds(stores, one.attempt_id) == [
        "attempt.planned",
        "attempt.dialing",
        "attempt.answered",
        "call.turns",
        "attempt.ended",
    ]
    assert await stores.journal.after(len(rows)) == []
    assert [row.seq for row in await stores.journal.after(2, 2)] == [3, 4]


async def test_a_cursor_moves_and_is_kept(stores: Stores) -> None:
    await running(stores, [contact(1)])
    assert await stores.journal.cursor("evidence") == 0
    await stores.journal.move("evidence", 2)
    await stores.journal.move("evidence", 3)
    await stores.journal.move("mqtt", 1)
    assert await stores.journal.cursor("evidence") == 3
    rows = await stores.journal.after(0)
    assert await stores.journal.last() == rows[-1].seq
    with pytest.raises(Refused):
        await stores.journal.move("evidence", 999)


async def test_claims_carry_the_contact_with_its_stage(stores: Stores) -> None:
    people = [contact(i, stage=3, calls=2) for i in (1, 2)]
    await running(stores, people)
    found = await claimed(stores, 5)
    assert [one.contact for one in found] == people
    assert {(one.campaign_id, one.number, one.n) for one in found} == {("spring", 0, 1)}
    assert await claimed(stores, 5) == []
    await stores.ledger.rescue(NOW + LEASE, None)
    assert len(await claimed(stores, 5, now=NOW + LEASE)) == 2
    assert NODE == "node-1"


async def test_what_was_reached_is_told_by_hour_and_place(stores: Stores) -> None:
    """Only this campaign, only since, and an abandoned call is nobody reached."""
    ends = (
        Disposition.NO_ANSWER,
        Disposition.PROMISED,
        Disposition.ABANDONED,
        Disposition.VOICEMAIL,
    )
    await running(stores, [contact(i) for i in range(1, len(ends) + 2)])
    for i, end in enumerate(ends):
        at = NOW + timedelta(minutes=i)
        one = await dialed(stores, now=at)
        if end is not Disposition.NO_ANSWER:
            await stores.ledger.answered(one.attempt_id, at)
        await stores.ledger.finish(one.attempt_id, Outcome(end, at))
    await dialed(stores, now=NOW + DAY)  # not over: not counted
    (found,) = await stores.calls.reached("spring", NOW)
    assert found.hour == NOW.replace(minute=0, second=0, microsecond=0)
    assert found.zone == contact(1).zones[0][0]
    assert (found.dialed, found.spoke, found.abandoned) == (4, 1, 1)
    late = NOW + timedelta(minutes=1)
    assert [r.dialed for r in await stores.calls.reached("spring", late)] == [3]
    assert await stores.calls.reached("autumn", NOW) == ()
