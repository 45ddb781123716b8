"""The plan: every contact judged, first attempts made, in bounded memory."""

from __future__ import annotations

import resource
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dialer.attempt import Phase
from dialer.model import Case, Disposition, Outcome, PastCall, Reason, Verdict
from dialer.store.page import CHUNK
from dialer.store.port import Batch, Campaign, FlagRow, NotFound, Stores
from tests.kit.stores import (
    NOW,
    allow,
    claimed,
    contact,
    dialed,
    imported,
    planned,
    running,
)

NIGHT = Reason("cn.hours", "GB/T 45251-2025", "outside 08:00-22:00")
FLAG = Reason("accord.flags", "rule of the house", "do_not_call")


async def campaign(stores: Stores, name: str = "spring") -> None:
    await stores.campaigns.create(Campaign(name, name, "created", "{}", NOW))
    await stores.campaigns.set_state(name, "running", NOW)


def strict(case: Case, now: datetime) -> Verdict:
    """Flags refuse for good, account a_000002 for an hour."""
    if case.flags:
        return Verdict(False, (FLAG,))
    if case.account == "a_000002":
        return Verdict(False, (NIGHT,), now + timedelta(hours=1))
    return Verdict(True)


async def test_a_dry_run_says_what_a_commit_does_and_writes_nothing(
    stores: Stores,
) -> None:
    await imported(stores, [contact(i) for i in range(1, 5)])
    await stores.flags.add([FlagRow("do_not_call", "person", "p_000003", NOW, "op")])
    await campaign(stores)
    before = await stores.journal.after(0)
    dry = await planned(stores, "spring", commit=False, judge=strict)
    assert await stores.journal.after(0) == before
    assert [row async for row in stores.calls.list()] == []
    assert await planned(stores, "spring", judge=strict) == dry
    rows = {row.contact_id: row async for row in stores.calls.list()}
    assert [rows[f"c_{i:06d}"].phase for i in range(1, 5)] == [
        Phase.DUE,
        Phase.DUE,
        Phase.DONE,
        Phase.DUE,
    ]
    assert rows["c_000002"].not_before == NOW + timedelta(hours=1)
    assert rows["c_000003"].disposition is Disposition.REFUSED
    assert (await stores.campaigns.status("spring")).refusals == {
        "cn.hours": 1,
        "accord.flags": 1,
    }


async def test_a_contact_is_planned_once(stores: Stores) -> None:
    await running(stores, [contact(1)])
    await imported(stores, [contact(2)])
    again = await planned(stores, "spring")
    reasons = {p.contact.contact_id: p.verdict.reasons for p in again}
    assert [r.rule for r in reasons["c_000001"]] == ["already_planned"]
    assert reasons["c_000002"] == ()
    assert len([row async for row in stores.calls.list()]) == 2


async def test_a_number_with_an_open_attempt_elsewhere_is_skipped(
    stores: Stores,
) -> None:
    await running(stores, [contact(1)])
    await campaign(stores, "autumn")
    (skipped,) = await planned(stores, "autumn")
    assert [reason.rule for reason in skipped.verdict.reasons] == ["open_attempt"]
    one = await dialed(stores)
    await stores.ledger.finish(one.attempt_id, Outcome(Disposition.BUSY, NOW))
    (free,) = await planned(stores, "autumn")
    assert free.verdict.allowed


@pytest.mark.parametrize("commit", [False, True])
async def test_a_number_two_contacts_share_is_planned_for_one(
    stores: Stores, commit: bool
) -> None:
    await imported(stores, [contact(1)], "one")
    await imported(stores, [contact(2, numbers=("n_000001",))], "two")
    await campaign(stores)
    found = await planned(stores, "spring", commit=commit)
    assert [p.verdict.allowed for p in found] == [True, False]
    assert found[1].verdict.reasons[0].rule == "open_attempt"


async def test_the_next_number_is_taken_when_the_first_is_out_for_good(
    stores: Stores,
) -> None:
    two = contact(
        1,
        numbers=("n_a", "n_b"),
        masked=("+86 1****1", "+86 1****2"),
        zones=(("Asia/Shanghai",), ("Asia/Shanghai",)),
    )
    await imported(stores, [two])
    await stores.flags.add([FlagRow("wrong_number", "number", "n_a", NOW, "op")])
    await campaign(stores)
    (found,) = await planned(stores, "spring", judge=strict)
    assert (found.number, found.verdict.allowed) == (1, True)
    (one,) = await claimed(stores)
    assert one.number == 1


async def test_people_are_called_in_the_order_of_the_file(stores: Stores) -> None:
    await imported(stores, [contact(i) for i in (3, 1, 2)])
    await campaign(stores)
    await planned(stores, "spring")
    found = [one.contact.contact_id for one in await claimed(stores, 3)]
    assert found == ["c_000003", "c_000001", "c_000002"]


async def test_only_the_batches_asked_for(stores: Stores) -> None:
    await imported(stores, [contact(1)], "one")
    await imported(stores, [contact(2)], "two")
    await campaign(stores)

    async def of(*batches: str) -> list[str]:
        found = list[str]()
        async for chunk in stores.campaigns.plan(
            "spring", batches, judge=allow, now=NOW, commit=False
        ):
            found += [p.contact.contact_id for p in chunk]
        return found

    assert await of("two") == ["c_000002"]
    assert await of("two", "one", "two") == ["c_000002", "c_000001"]
    assert await of() == ["c_000001", "c_000002"]
    with pytest.raises(NotFound, match="three"):
        await of("one", "three")


async def test_many_are_judged_as_one_would_be(stores: Stores) -> None:
    """The facts gathered for thousands at once are those gathered for one."""
    people = [contact(i, person=f"p_{i % 7}") for i in range(1, 30)]
    await running(stores, people)
    for _ in range(9):
        one = await dialed(stores)
        await stores.ledger.finish(one.attempt_id, Outcome(Disposition.BUSY, NOW))
    await stores.flags.add([FlagRow("dispute", "account", "a_000004", NOW, "op")])
    await campaign(stores, "autumn")
    seen = dict[str, Case]()

    def judge(case: Case, now: datetime) -> Verdict:
        seen[case.account] = case
        return Verdict(True)

    await planned(stores, "autumn", commit=False, judge=judge)
    assert len(seen) == 29
    rings = Counter(len(case.history) for case in seen.values())
    assert sum(rings) > 0
    for i in range(1, 30):
        alone = await stores.contacts.case(f"c_{i:06d}", 0, NOW)
        assert ordered(seen[f"a_{i:06d}"].history) == ordered(alone.history)
        assert seen[f"a_{i:06d}"].flags == alone.flags
        assert seen[f"a_{i:06d}"].reviewers == alone.reviewers


def ordered(history: tuple[PastCall, ...]) -> list[PastCall]:
    return sorted(history, key=lambda past: (past.at, past.number))


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.slow
async def test_a_hundred_thousand_contacts_pass_in_bounded_memory(
    stores: Stores,
) -> None:
    """What the process holds does not grow with the number of contacts."""
    count = 100_000
    await stores.contacts.open_batch(Batch("b", "b.csv", "ivan", NOW, "importing"))
    for start in range(0, count, 5000):
        await stores.contacts.add(
            "b",
            [contact(i) for i in range(start, start + 5000)],
            rows_read=start + 5000,
            rejected=0,
            duplicates=0,
            at=NOW,
            finished=start + 5000 == count,
        )
    await campaign(stores)
    held, seen = list[int](), 0
    async for chunk in stores.campaigns.plan(
        "spring", [], judge=allow, now=NOW, commit=True
    ):
        assert len(chunk) <= CHUNK
        seen += len(chunk)
        held.append(resident())
    assert seen == count
    grown = max(held) - max(held[:10])  # the writer's page cache fills first: 64 MiB
    assert grown < 64 * 2**20, f"{held[9]} bytes after 10 chunks, {max(held)} at most"
    assert (await stores.campaigns.status("spring")).phases == {"due": count}
