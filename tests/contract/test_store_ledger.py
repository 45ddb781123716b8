"""The life of attempts in the ledger: what every store must do."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dialer.attempt import IllegalMove, Phase
from dialer.model import (
    Case,
    Disposition,
    Judge,
    NextTry,
    Outcome,
    Reason,
    Verdict,
)
from dialer.store.port import AttemptRow, Campaign, FlagRow, NotFound, Refused, Stores
from tests.kit.stores import (
    LEASE,
    NODE,
    NOW,
    allow,
    claimed,
    contact,
    dialed,
    imported,
    kinds,
    opened,
    planned,
    running,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WINDOW = Reason("cn.hours", "GB/T 45251-2025", "22:10 is outside 08:00-22:00")
BOTH = {
    "numbers": ("n_a", "n_b"),
    "masked": ("+86 1****1", "+86 1****2"),
    "zones": (("Asia/Shanghai",), ("Asia/Shanghai",)),
}
ENDED = Outcome(Disposition.NO_ANSWER, NOW + timedelta(seconds=30), "16 no answer")


def refuse(until: datetime | None) -> Judge:
    return lambda case, now: Verdict(False, (WINDOW, WINDOW), until)


async def row_of(stores: Stores, attempt_id: str) -> AttemptRow:
    return (await stores.calls.show(attempt_id))[0]


# --- claim


async def test_the_oldest_due_are_claimed_first_and_none_before_its_time(
    stores: Stores,
) -> None:
    await running(stores, [])
    later = {"c_000001": NOW + 2 * HOUR, "c_000002": NOW + HOUR, "c_000003": NOW + DAY}

    def by_contact(case: Case, now: datetime) -> Verdict:
        return Verdict(False, (WINDOW,), later[f"c_{case.person[2:]}"])

    await running(stores, [contact(i) for i in (1, 2, 3)], "autumn")
    await stores.campaigns.create(Campaign("w", "w", "created", "{}", NOW))
    await stores.campaigns.set_state("w", "running", NOW)
    for one in await claimed(stores, 9, name="autumn"):  # make their numbers free
        await stores.ledger.finish(one.attempt_id, ENDED)
    await planned(stores, "w", judge=by_contact)
    assert await claimed(stores, 9, name="w") == []
    found = await claimed(stores, 9, name="w", now=NOW + 2 * HOUR)
    assert [one.contact.contact_id for one in found] == ["c_000002", "c_000001"]


@pytest.mark.parametrize("state", ["paused", "stopped", "done"])
async def test_nothing_is_claimed_unless_the_campaign_runs(
    stores: Stores, state: str
) -> None:
    await running(stores, [contact(1)])
    await stores.campaigns.set_state("spring", state, NOW)
    assert await claimed(stores) == []
    assert (await stores.campaigns.status("spring")).phases == {"due": 1}


async def claim_all(stores: Stores, node: str) -> list[str]:
    """Three at a time until nothing is due."""
    mine = list[str]()
    while found := await stores.ledger.claim(
        "spring", 3, node=node, now=NOW, lease=LEASE
    ):
        mine += [one.attempt_id for one in found]
    return mine


async def test_four_claimers_never_get_the_same_attempt(stores: Stores) -> None:
    await running(stores, [contact(i) for i in range(1, 201)])
    shares = await asyncio.gather(*(claim_all(stores, f"node-{i}") for i in range(4)))
    taken = [attempt for share in shares for attempt in share]
    assert len(taken) == len(set(taken)) == 200
    assert sum(bool(share) for share in shares) > 1


async def test_four_stores_on_the_same_files_never_share_an_attempt(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        four = [await stack.enter_async_context(opened(tmp_path)) for _ in "1234"]
        await running(four[0], [contact(i) for i in range(1, 101)])
        shares = await asyncio.gather(
            *(claim_all(store, f"node-{i}") for i, store in enumerate(four))
        )
        rows = await four[0].journal.after(0)
    taken = [attempt for share in shares for attempt in share]
    assert len(taken) == len(set(taken)) == 100
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))


# --- dialing


async def test_allowed_is_dialing_before_it_returns(stores: Stores) -> None:
    await running(stores, [contact(1)])
    one = await dialed(stores)
    row = await row_of(stores, one.attempt_id)
    assert (row.phase, row.dialing_at, row.node) == (Phase.DIALING, NOW, NODE)
    with pytest.raises(IllegalMove):
        await stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=allow)


async def test_refused_for_now_goes_back_to_due_with_the_reasons(
    stores: Stores,
) -> None:
    await running(stores, [contact(1)])
    (one,) = await claimed(stores)
    verdict = await stores.ledger.dialing(
        one.attempt_id, node=NODE, now=NOW, judge=refuse(NOW + HOUR)
    )
    assert not verdict.allowed
    row = await row_of(stores, one.attempt_id)
    assert (row.phase, row.not_before, row.node) == (Phase.DUE, NOW + HOUR, None)
    assert json.loads(row.verdict)["reasons"][0]["detail"] == WINDOW.detail
    assert (await kinds(stores, one.attempt_id))[-1] == "attempt.postponed"
    status = await stores.campaigns.status("spring")
    assert status.refusals == {"cn.hours": 1}
    assert status.next_due == NOW + HOUR


async def test_a_moment_that_has_passed_does_not_make_a_loop(stores: Stores) -> None:
    await running(stores, [contact(1)])
    (one,) = await claimed(stores)
    await stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=refuse(NOW))
    assert (await row_of(stores, one.attempt_id)).not_before > NOW


async def test_refused_for_good_ends_refused(stores: Stores) -> None:
    await running(stores, [contact(1)])
    (one,) = await claimed(stores)
    await stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=refuse(None))
    row = await row_of(stores, one.attempt_id)
    assert (row.phase, row.disposition) == (Phase.DONE, Disposition.REFUSED)
    assert row.dialing_at is None
    assert (await kinds(stores, one.attempt_id))[-1] == "attempt.refused"


async def test_a_pause_between_claim_and_dialing_is_obeyed(stores: Stores) -> None:
    await running(stores, [contact(1)])
    (one,) = await claimed(stores)
    await stores.campaigns.set_state("spring", "paused", NOW)
    verdict = await stores.ledger.dialing(
        one.attempt_id, node=NODE, now=NOW, judge=allow
    )
    assert [reason.rule for reason in verdict.reasons] == ["campaign_state"]
    row = await row_of(stores, one.attempt_id)
    assert (row.phase, row.not_before) == (Phase.DUE, NOW)


async def test_another_nodes_lease_and_unknown_attempts_are_refused(
    stores: Stores,
) -> None:
    await running(stores, [contact(1)])
    (one,) = await claimed(stores)
    with pytest.raises(Refused, match=NODE):
        await stores.ledger.dialing(one.attempt_id, node="x", now=NOW, judge=allow)
    assert (await row_of(stores, one.attempt_id)).phase is Phase.RESERVED
    with pytest.raises(NotFound):
        await stores.ledger.dialing("nope", node=NODE, now=NOW, judge=allow)
    with pytest.raises(NotFound):
        await stores.ledger.answered("nope", NOW)
    with pytest.raises(NotFound):
        await stores.ledger.finish("nope", ENDED)


async def test_the_case_of_dialing_has_packs_flags_and_purpose(stores: Stores) -> None:
    await running(stores, [contact(1)])
    settings = '{"packs":["us-nv"],"purpose":"survey"}'
    (one,) = await claimed(stores)
    await stores.ledger.finish(one.attempt_id, ENDED)
    await stores.campaigns.create(Campaign("w", "w", "created", settings, NOW))
    await stores.campaigns.set_state("w", "running", NOW)
    await planned(stores, "w")
    (one,) = await claimed(stores, name="w")
    seen = list[Case]()

    def judge(case: Case, now: datetime) -> Verdict:
        seen.append(case)
        return Verdict(True)

    await stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=judge)
    assert (seen[0].packs, seen[0].purpose) == (("us-nv",), "survey")
    assert seen[0].reviewers == ("rita", "ruth")


# --- rescue


async def test_lapsed_leases_go_back_or_are_lost(stores: Stores) -> None:
    await running(stores, [contact(i) for i in (1, 2, 3)])
    reserved, ringing, talking = await claimed(stores, 3)
    for one in (ringing, talking):
        await stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=allow)
    await stores.ledger.answered(talking.attempt_id, NOW)
    assert await stores.ledger.rescue(NOW + LEASE - timedelta(seconds=1)) == (0, 0)
    assert await stores.ledger.rescue(NOW, "node-2") == (0, 0)
    assert await stores.ledger.rescue(NOW + LEASE) == (1, 2)
    phases = [
        (await row_of(stores, one.attempt_id)).phase
        for one in (reserved, ringing, talking)
    ]
    assert phases == [Phase.DUE, Phase.UNKNOWN, Phase.UNKNOWN]
    assert (await claimed(stores, 9))[0].attempt_id == reserved.attempt_id
    assert await claimed(stores, 9) == []
    assert (await kinds(stores, talking.attempt_id))[-1] == "attempt.lost"


async def test_a_node_that_starts_anew_gives_up_all_it_held(stores: Stores) -> None:
    await running(stores, [contact(i) for i in (1, 2)])
    await dialed(stores)
    await claimed(stores)
    assert await stores.ledger.rescue(NOW, NODE) == (1, 1)
    assert await stores.ledger.rescue(NOW, NODE) == (0, 0)


async def test_unknown_is_never_dialed_again_but_can_be_reconciled(
    stores: Stores,
) -> None:
    await running(stores, [contact(1)])
    one = await dialed(stores)
    await stores.ledger.rescue(NOW, NODE)
    assert await claimed(stores, 9, now=NOW + 30 * DAY) == []
    with pytest.raises(IllegalMove):
        await stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=allow)
    await stores.ledger.finish(one.attempt_id, Outcome(Disposition.NO_ANSWER, NOW))
    assert (await row_of(stores, one.attempt_id)).phase is Phase.DONE


async def test_a_call_that_found_no_agent_is_abandoned_in_the_history(
    stores: Stores,
) -> None:
    """It is no talk, and the rule of 72 hours finds it (gb.abandoned)."""
    await running(stores, [contact()])
    one = await dialed(stores)
    await stores.ledger.answered(one.attempt_id, NOW)
    await stores.ledger.finish(one.attempt_id, Outcome(Disposition.ABANDONED, NOW))
    case = await stores.contacts.case(one.contact.contact_id, 0, NOW + HOUR)
    assert [call.outcome for call in case.history] == ["abandoned"]
    (found,) = await stores.contacts.find(one.contact.numbers[0])
    assert found[0].calls == 0


async def test_a_claim_leaves_out_whom_the_gate_refuses_by_now(stores: Stores) -> None:
    """Marked since the plan: taken are the next ones, and nothing is left reserved."""
    await running(stores, [contact(i) for i in range(1, 8)])
    marks = [FlagRow("cease", "person", f"p_{i:06d}", NOW, "op") for i in (1, 2, 5)]
    await stores.flags.add(marks)

    def judge(case: Case, now: datetime) -> Verdict:
        if case.person == "p_000003":
            return Verdict(False, (Reason("cn.hours", "law", "night"),), now + HOUR)
        if case.flags:
            return Verdict(False, (Reason("accord.flags.cease", "law", "set"),))
        return Verdict(True)

    found = await stores.ledger.claim(
        "spring", 3, node=NODE, now=NOW, lease=LEASE, judge=judge
    )
    assert [one.contact.contact_id for one in found] == [
        *("c_000004", "c_000006", "c_000007")
    ]
    rows = {row.contact_id: row async for row in stores.calls.list()}
    ended = {name for name, row in rows.items() if row.phase is Phase.DONE}
    assert ended == {"c_000001", "c_000002", "c_000005"}
    assert rows["c_000003"].phase is Phase.DUE
    assert rows["c_000003"].not_before == NOW + HOUR
    assert rows["c_000001"].dialing_at is None
    again = await stores.ledger.claim(
        "spring", 3, node=NODE, now=NOW, lease=LEASE, judge=judge
    )
    assert again == []


async def test_who_asked_for_this_time_is_called_before_others(stores: Stores) -> None:
    """A callback at two o'clock does not wait for a list that was due at nine."""
    await running(stores, [contact(i) for i in range(1, 6)])
    one = await dialed(stores)
    at = NOW + HOUR
    asked = NextTry(0, at, "callback: asked", asked=True)
    await stores.ledger.finish(
        one.attempt_id, Outcome(Disposition.CALLBACK, NOW, next_try=asked)
    )
    early = await claimed(stores, 1, now=at - timedelta(seconds=1))
    assert [c.n for c in early] == [1]
    found = await claimed(stores, 2, now=at)
    assert [c.n for c in found] == [2, 1]
    assert found[0].contact.contact_id == one.contact.contact_id
    assert [c.n for c in await claimed(stores, 9, now=at)] == [1, 1]


async def test_priorities_order_those_who_may_be_called(stores: Stores) -> None:
    """Callbacks first, then by priority, then by the file; who waits for an hour does
    not hold up others, and a try again keeps its priority."""
    given = {2: 5, 3: 9, 4: 0, 5: 5}
    everybody = [contact(i, priority=given.get(i)) for i in range(1, 7)]
    await imported(stores, everybody, batch_id="of-spring")
    settings = json.dumps({"priority": 1})  # of 1 and 6, who have none
    made = Campaign("spring", "spring", "created", settings, NOW)
    await stores.campaigns.create(made)
    await stores.campaigns.set_state("spring", "running", NOW)
    await planned(stores, "spring")
    order = [await stores_next(stores, 2), await stores_next(stores, 1)]
    assert order == [["c_000003", "c_000002"], ["c_000005"]]
    three = {r.contact_id: r.attempt_id async for r in stores.calls.list("spring")}
    soon = NOW + timedelta(minutes=30)
    for name, again in (("c_000003", NextTry(0, soon, "busy")), ("c_000005", None)):
        attempt = three[name]
        await stores.ledger.dialing(attempt, node=NODE, now=NOW, judge=allow)
        end = Outcome(Disposition.BUSY, NOW, next_try=again)
        await stores.ledger.finish(attempt, end)
    assert await stores_next(stores, 2) == ["c_000001", "c_000006"]  # not yet 3
    later = NOW + timedelta(hours=1)
    assert await stores_next(stores, 9, later) == ["c_000003", "c_000004"]


async def stores_next(stores: Stores, limit: int, now: datetime = NOW) -> list[str]:
    found = await claimed(stores, limit, now=now)
    return [one.contact.contact_id for one in found]
