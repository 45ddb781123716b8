"""What every store must do: the suite for `dialer.store.port`, on real files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.model import Consent, Disposition, NextTry, Outcome, Turn
from dialer.store.journal import KINDS
from dialer.store.port import (
    Batch,
    Campaign,
    FlagRow,
    NotFound,
    Refused,
    Review,
    Stores,
)
from tests.kit.stores import (
    LEASE,
    NODE,
    NOW,
    claimed,
    contact,
    dialed,
    imported,
    kinds,
    opened,
    personal,
    running,
)

DAY = timedelta(days=1)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened(tmp_path) as found:
        yield found


# --- vault


async def test_what_is_put_is_got_and_the_first_record_stays(stores: Stores) -> None:
    assert await stores.vault.put({"c_1": personal(1), "c_2": personal(2)}) == 2
    assert await stores.vault.put({"c_1": personal(9), "c_3": personal(3)}) == 1
    assert await stores.vault.get("c_1") == personal(1)
    bare = replace(personal(4), amount=None, due=None, sources=())
    await stores.vault.put({"c_4": bare})
    assert await stores.vault.get("c_4") == bare
    with pytest.raises(NotFound, match="no contact named 'c_9'"):
        await stores.vault.get("c_9")


async def test_tokens_are_stable_opaque_and_apart_by_kind(stores: Stores) -> None:
    token = stores.vault.token
    assert token("number", "+8617012345678") == token("number", "+8617012345678")
    found = {kind: token(kind, "x") for kind in ("person", "number", "account")}
    assert {value[:2] for value in found.values()} == {"p_", "n_", "a_"}
    assert len({value[2:] for value in found.values()}) == 3
    assert "17012345678" not in token("number", "+8617012345678")


# --- contacts


async def test_a_batch_is_opened_once_and_keeps_its_counters(stores: Stores) -> None:
    batch = Batch("b", "people.csv", "ivan", NOW, "importing")
    assert await stores.contacts.open_batch(batch) == batch
    await stores.contacts.add(
        "b", [contact(1)], rows_read=3, rejected=1, duplicates=1, at=NOW
    )
    again = await stores.contacts.open_batch(replace(batch, file="other.csv"))
    assert (again.file, again.rows_read, again.accepted) == ("people.csv", 3, 1)
    assert (again.state, again.rejected, again.duplicates) == ("importing", 1, 1)
    assert await stores.contacts.batches() == [again]


async def test_known_contacts_come_back_and_stay_as_they_are(stores: Stores) -> None:
    await imported(stores, [contact(1)], "first")
    await stores.contacts.open_batch(Batch("b", "b.csv", "ivan", NOW, "importing"))
    twin = contact(2)
    known = await stores.contacts.add(
        "b",
        [contact(1, creditor="Other"), twin, twin],
        rows_read=3,
        rejected=0,
        duplicates=0,
        at=NOW,
        finished=True,
    )
    assert known == ["c_000001", "c_000002"]
    (first,) = await stores.contacts.find("n_000001")
    assert first[0].creditor == "Example Bank"
    batch = {b.batch_id: b for b in await stores.contacts.batches()}["b"]
    assert (batch.rows_read, batch.accepted, batch.duplicates) == (3, 1, 2)


async def test_nothing_is_added_to_an_imported_batch(stores: Stores) -> None:
    await imported(stores, [contact(1)])
    with pytest.raises(Refused, match="imported"):
        await stores.contacts.add(
            "b", [contact(2)], rows_read=2, rejected=0, duplicates=0, at=NOW
        )
    with pytest.raises(NotFound):
        await stores.contacts.add(
            "x", [contact(2)], rows_read=2, rejected=0, duplicates=0, at=NOW
        )


async def test_a_review_is_by_others_and_once(stores: Stores) -> None:
    batch = Batch("b", "b.csv", "ivan", NOW, "importing")
    await stores.contacts.open_batch(batch)
    with pytest.raises(Refused, match="still being imported"):
        await stores.contacts.review("b", Review("rita", True, NOW))
    await stores.contacts.add(
        "b", [], rows_read=0, rejected=0, duplicates=0, at=NOW, finished=True
    )
    with pytest.raises(Refused, match="imported batch"):
        await stores.contacts.review("b", Review(" Ivan", True, NOW))
    seen = await stores.contacts.review("b", Review("rita", True, NOW, "fine"))
    assert seen.reviews == (Review("rita", True, NOW, "fine"),)
    with pytest.raises(Refused, match="already"):
        await stores.contacts.review("b", Review("Rita", False, NOW))


async def test_a_case_holds_all_that_the_gate_may_know(stores: Stores) -> None:
    consent = Consent("night", NOW, NOW + DAY)
    one = contact(
        1,
        numbers=("n_a", "n_b"),
        masked=("+86 170****0001", "+86 170****0002"),
        zones=(("Asia/Shanghai",), ("Asia/Urumqi", "Asia/Shanghai")),
        consents=(consent,),
    )
    await imported(stores, [one])
    (found, batch), *_ = await stores.contacts.find("n_b")
    assert found == one
    assert batch.importer == "ivan"
    case = await stores.contacts.case("c_000001", 1, NOW)
    assert (case.number, case.person, case.account) == ("n_b", "p_000001", "a_000001")
    assert case.zones == ("Asia/Urumqi", "Asia/Shanghai")
    assert case.reviewers == ("rita", "ruth")
    assert (case.importer, case.consents, case.history) == ("ivan", (consent,), ())
    with pytest.raises(NotFound):
        await stores.contacts.case("c_000001", 2, NOW)


async def test_one_rejection_voids_all_approvals(stores: Stores) -> None:
    await imported(stores, [contact(1)])
    await stores.contacts.review("b", Review("rob", False, NOW))
    assert (await stores.contacts.case("c_000001", 0, NOW)).reviewers == ()


# --- flags


async def test_flags_in_force_are_in_the_case(stores: Stores) -> None:
    await imported(stores, [contact(1), contact(2)])
    rows = [
        FlagRow("attorney", "person", "p_000001", NOW, "operator"),
        FlagRow("wrong_number", "number", "n_000001", NOW, "import"),
        FlagRow("dispute", "account", "a_000001", NOW, "import", NOW + DAY),
        FlagRow("do_not_call", "person", "p_000002", NOW, "import"),
    ]
    assert await stores.flags.add(rows) == 4
    assert await stores.flags.add(rows) == 0
    case = await stores.contacts.case("c_000001", 0, NOW)
    assert set(case.flags) == {"attorney", "wrong_number", "dispute"}
    later = await stores.contacts.case("c_000001", 0, NOW + DAY)
    assert set(later.flags) == {"attorney", "wrong_number"}
    assert await stores.flags.of(["p_000001", "a_000001"]) == [rows[0], rows[2]]


async def test_a_flag_for_all_stops_everybody(stores: Stores) -> None:
    await imported(stores, [contact(1)])
    await stores.flags.add([FlagRow("cease", "all", "*", NOW, "operator")])
    assert (await stores.contacts.case("c_000001", 0, NOW)).flags == ("cease",)


async def test_a_flag_is_extended_and_never_shortened(stores: Stores) -> None:
    def until(days: int | None) -> FlagRow:
        end = None if days is None else NOW + days * DAY
        return FlagRow("dispute", "person", "p_1", NOW, "operator", end)

    assert await stores.flags.add([until(2)]) == 1
    assert await stores.flags.add([until(1)]) == 0
    assert await stores.flags.add([until(5)]) == 1
    assert await stores.flags.add([until(None)]) == 1
    assert await stores.flags.add([until(9)]) == 0
    assert await stores.flags.of(["p_1"]) == [until(None)]


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


LAWFUL = {
    ("created", "running"),
    ("running", "paused"),
    ("paused", "running"),
    ("running", "stopped"),
    ("paused", "stopped"),
    ("running", "done"),
    ("paused", "done"),
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
