"""Recycling by outcome: what every store must do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from dialer.model import Case, Disposition, Judge, NextTry, Outcome, Reason, Verdict
from dialer.store.port import NotFound, Planned, Stores
from tests.kit.stores import NOW, allow, claimed, contact, dialed, running

HOUR = timedelta(hours=1)
LATER = NOW + HOUR
WINDOW = Reason("cn.hours", "GB/T 45251-2025", "22:10 is outside 08:00-22:00")


async def recycled(
    stores: Stores,
    *outcomes: str,
    commit: bool = True,
    judge: Judge = allow,
    now: datetime = LATER,
) -> Sequence[Planned]:
    found = list[Planned]()
    async for chunk in stores.campaigns.recycle(
        "spring", outcomes, judge=judge, now=now, commit=commit
    ):
        found += chunk
    return found


async def ended(stores: Stores, *how: Disposition) -> None:
    """As many contacts as ends are given, called in order."""
    await running(stores, [contact(i) for i in range(1, len(how) + 1)])
    for disposition in how:
        one = await dialed(stores)
        await stores.ledger.finish(one.attempt_id, Outcome(disposition, NOW))


async def test_only_those_whose_last_attempt_ended_so_are_due_again(
    stores: Stores,
) -> None:
    await ended(stores, Disposition.BUSY, Disposition.NO_ANSWER, Disposition.PROMISED)
    found = await recycled(stores, "no_answer", "busy")
    assert [p.contact.contact_id for p in found] == ["c_000001", "c_000002"]
    again = await claimed(stores, 10, now=LATER)
    assert [(one.contact.contact_id, one.n) for one in again] == [
        ("c_000001", 2),
        ("c_000002", 2),
    ]
    rows = await stores.journal.after(0)
    told = [row.body for row in rows if "recycled: " in row.body]
    assert len(told) == 2
    assert "recycled: busy" in told[0]


async def test_a_dry_run_writes_nothing_and_a_second_run_finds_nobody(
    stores: Stores,
) -> None:
    await ended(stores, Disposition.BUSY)
    before = await stores.journal.after(0)
    assert len(await recycled(stores, "busy", commit=False)) == 1
    assert await stores.journal.after(0) == before
    assert len(await recycled(stores, "busy")) == 1
    assert await recycled(stores, "busy") == []


async def test_an_earlier_attempt_does_not_count(stores: Stores) -> None:
    """Busy first, then they promised: they are not called for having been busy."""
    await running(stores, [contact()])
    one = await dialed(stores)
    again = NextTry(0, NOW, "busy: after")
    await stores.ledger.finish(
        one.attempt_id, Outcome(Disposition.BUSY, NOW, next_try=again)
    )
    assert await recycled(stores, "busy") == []
    two = await dialed(stores)
    await stores.ledger.finish(two.attempt_id, Outcome(Disposition.PROMISED, NOW))
    assert await recycled(stores, "busy") == []


async def test_the_gate_decides_when_and_whether(stores: Stores) -> None:
    await ended(stores, Disposition.BUSY, Disposition.BUSY)

    def judge(case: Case, now: datetime) -> Verdict:
        for_good = case.person == contact(1).person
        return Verdict(False, (WINDOW,), None if for_good else now + HOUR)

    found = await recycled(stores, "busy", judge=judge)
    assert [p.verdict.next_allowed for p in found] == [None, LATER + HOUR]
    assert await claimed(stores, 10, now=LATER) == []
    (one,) = await claimed(stores, 10, now=LATER + HOUR)
    assert one.contact.contact_id == contact(2).contact_id


async def test_a_number_with_an_open_attempt_elsewhere_is_left(stores: Stores) -> None:
    await ended(stores, Disposition.BUSY)
    other = contact(9, numbers=contact(1).numbers)
    await running(stores, [other], name="autumn")
    (found,) = await recycled(stores, "busy")
    assert [r.rule for r in found.verdict.reasons] == ["open_attempt"]
    assert await claimed(stores, 10, now=LATER) == []


async def test_a_campaign_that_is_done_can_go_on(stores: Stores) -> None:
    await ended(stores, Disposition.BUSY)
    await stores.campaigns.set_state("spring", "done", NOW)
    assert len(await recycled(stores, "busy")) == 1
    assert await claimed(stores, 10, now=LATER) == []
    await stores.campaigns.set_state("spring", "running", LATER)
    assert len(await claimed(stores, 10, now=LATER)) == 1


async def test_no_such_campaign(stores: Stores) -> None:
    with pytest.raises(NotFound):
        await recycled(stores, "busy")
