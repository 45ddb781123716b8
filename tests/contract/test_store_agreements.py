"""Agreements in a store: begun with the end of a call, only ever added to."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from dialer.agreements.replay import keys, replay
from dialer.agreements.state import Activated, Closed, Event, Missed, Unfit
from dialer.agreements.sums import fresh
from dialer.attempt import Phase
from dialer.model import Commitment, Disposition, Outcome
from dialer.store.port import Claimed, NotFound, Refused, Stores
from tests.kit.agreements import FIRST, NODES, paid
from tests.kit.leaks import no_leaks
from tests.kit.stores import NOW, VKEY, contact, dialed, running

SUMS = fresh("CNY", (41_000_00, 41_000_00, 41_000_00))
AGREED = Commitment(
    kind="instalments",
    due=(FIRST, date(2027, 1, 1), date(2027, 2, 1)),
    grace_days=5,
    currency="CNY",
    commit=SUMS.commit,
    nodes=NODES,
    on=date(2026, 11, 24),
)
KNOWN = keys([VKEY])


async def ended(
    stores: Stores, commitment: Commitment = AGREED, name: str = "spring"
) -> Claimed:
    """A call that ends with a commitment."""
    await running(stores, [contact(1)] if name == "spring" else [], name)
    one = await dialed(stores, name)
    await stores.ledger.answered(one.attempt_id, NOW)
    outcome = Outcome(Disposition.AGREED_PLAN, NOW, stage=5, commitment=commitment)
    await stores.ledger.finish(one.attempt_id, outcome)
    return one


async def test_the_end_of_a_call_begins_its_agreement(stores: Stores) -> None:
    one = await ended(stores)
    row = await stores.agreements.of_call(one.attempt_id)
    assert row is not None
    assert (row.state, row.parts, row.covered) == ("active", 3, 0)
    assert row.next_due == "2026-12-01"
    assert (row.account, row.contact_id) == ("a_000001", "c_000001")
    shown, events = await stores.agreements.show(row.agreement[:6])
    assert shown == row
    replayed = replay(events, KNOWN)
    assert replayed.head == row.head
    assert replayed.states == ("proposed", "confirmed", "active")
    assert replayed.standing.terms.call == one.attempt_id


async def test_every_event_is_a_journal_entry(stores: Stores) -> None:
    one = await ended(stores)
    row = await stores.agreements.of_call(one.attempt_id)
    assert row is not None
    _, events = await stores.agreements.show(row.agreement)
    entries = [
        entry
        for entry in await stores.journal.after(0)
        if entry.kind == "agreement.event"
    ]
    assert {entry.subject for entry in entries} == {row.agreement}
    for entry, event in zip(entries, events, strict=True):
        body = json.loads(entry.body)
        assert body.pop("hash") == event.hash
        assert body == {k: v for k, v in asdict(event).items() if k != "agreement"}


UNFIT = {
    "3 needed": replace(AGREED, nodes=NODES[:2]),
    "due dates are not in order": replace(AGREED, due=AGREED.due[::-1]),
    "no kind of agreement 'gift'": replace(AGREED, kind="gift"),
}


@pytest.mark.parametrize("why", UNFIT)
async def test_what_is_no_agreement_costs_no_end_of_a_call(
    stores: Stores, why: str
) -> None:
    one = await ended(stores, UNFIT[why])
    assert [row async for row in stores.agreements.list()] == []
    (row,) = [row async for row in stores.calls.list()]
    assert (row.phase, row.disposition) == (Phase.DONE, Disposition.AGREED_PLAN)
    assert why in row.facts["agreement_refused"]
    entries = await stores.journal.after(0)
    (entry,) = [e for e in entries if e.kind == "agreement.refused"]
    assert entry.subject == one.attempt_id
    assert why in json.loads(entry.body)["why"]
    assert [e.kind for e in entries].count("attempt.ended") == 1


async def test_ends_beside_it_in_one_commit_are_kept(stores: Stores) -> None:
    await running(stores, [contact(n) for n in range(1, 4)])
    calls = [await dialed(stores) for _ in range(3)]
    for one in calls:
        await stores.ledger.answered(one.attempt_id, NOW)
    offered = (AGREED, UNFIT["3 needed"], AGREED)
    async with asyncio.TaskGroup() as group:
        for one, commitment in zip(calls, offered, strict=True):
            ended = Outcome(Disposition.AGREED_PLAN, NOW, commitment=commitment)
            group.create_task(stores.ledger.finish(one.attempt_id, ended))
    made = {row.call async for row in stores.agreements.list()}
    assert made == {calls[0].attempt_id, calls[2].attempt_id}
    assert {row.phase async for row in stores.calls.list()} == {Phase.DONE}


async def test_events_are_added_and_the_row_follows(stores: Stores) -> None:
    one = await ended(stores)
    name = f"g_{one.attempt_id}"

    async def add(seq: int, *events: Event) -> tuple[str, int, str | None]:
        row = await stores.agreements.append(name, events, NOW, seq=seq)
        return row.state, row.covered, row.next_due

    assert await add(3, paid(FIRST, 1)) == ("active", 1, "2027-01-01")
    assert await add(4, Missed(date(2027, 1, 7), 2)) == ("broken", 1, "2027-01-01")
    with pytest.raises(Refused, match="changed meanwhile"):
        await add(4, paid(FIRST, 2))
    with pytest.raises(Unfit, match="Activated while broken"):
        await add(5, Activated(FIRST))
    closed = Closed(date(2027, 1, 8), "settled", "wang")
    assert await add(5, closed) == ("closed", 1, None)
    row, events = await stores.agreements.show(name)
    assert replay(events, KNOWN).head == row.head
    assert row.events == len(events) == 6


async def test_a_new_agreement_takes_the_place_of_the_old(stores: Stores) -> None:
    one = await ended(stores)
    old = f"g_{one.attempt_id}"
    later = NOW + timedelta(days=2)
    wish = replace(AGREED, due=(date(2027, 3, 1),), kind="full", on=date(2026, 11, 26))
    new = await stores.agreements.replace(old, "g_new", wish, later, by="wang")
    assert (new.agreement, new.state, new.call) == ("g_new", "active", None)
    before, events = await stores.agreements.show(old)
    assert before.state == "closed"
    closed = replay(events, KNOWN).standing
    assert closed.why == "replaced"
    _, after = await stores.agreements.show("g_new")
    assert replay(after, KNOWN).standing.terms.replaces == old
    with pytest.raises(Refused, match="is closed"):
        await stores.agreements.replace(old, "g_3", wish, later, by="wang")
    assert [row.agreement async for row in stores.agreements.list()] == [old, "g_new"]


async def test_what_is_not_there(stores: Stores) -> None:
    for name in ("g_nothing", ""):
        with pytest.raises(NotFound):
            await stores.agreements.show(name)
    assert await stores.agreements.of_call("none") is None


async def test_sums_lie_in_the_vault_and_nowhere_else(
    stores: Stores, tmp_path: Path
) -> None:
    await stores.vault.keep(SUMS)
    await stores.vault.keep(SUMS)
    assert await stores.vault.sums(SUMS.commit) == SUMS
    with pytest.raises(NotFound):
        await stores.vault.sums(fresh("CNY", (1,)).commit)
    await ended(stores)
    no_leaks(tmp_path, ["4100000"])


async def test_a_second_call_leaves_one_agreement_in_force(stores: Stores) -> None:
    first, second = await ended(stores), await ended(stores, name="autumn")
    found = {row.agreement: row.state async for row in stores.agreements.list()}
    assert found == {
        f"g_{first.attempt_id}": "closed",
        f"g_{second.attempt_id}": "active",
    }
