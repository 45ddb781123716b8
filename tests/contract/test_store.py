"""What every store must do: the suite for `dialer.store.port`, on real files."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.model import Consent
from dialer.store.port import (
    Batch,
    FlagRow,
    NotFound,
    Refused,
    Review,
    Stores,
)
from tests.kit.stores import (
    NOW,
    contact,
    imported,
    personal,
)

DAY = timedelta(days=1)


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
