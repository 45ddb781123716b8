"""The life of attempts in the ledger: what every store must do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
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
    PastCall,
    Reason,
    Turn,
    Verdict,
)
from dialer.store.port import AttemptRow, Campaign, NotFound, Refused, Stores
from tests.kit.stores import (
    LEASE,
    NODE,
    NOW,
    allow,
    claimed,
    contact,
    dialed,
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


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened(tmp_path) as found:
        yield found


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


# --- history


async def test_history_is_every_ring_of_the_person_on_every_number(
    stores: Stores,
) -> None:
    """Two debts, two numbers, one person: each case sees the calls of the other."""
    one = contact(1)
    other = contact(2, person=one.person)
    shared = contact(3, numbers=("n_000002",))  # another person at the same number
    await running(stores, [one, other], "spring")
    first = await dialed(stores)
    await stores.ledger.finish(first.attempt_id, ENDED)
    second = await dialed(stores, now=NOW + HOUR)
    await stores.ledger.answered(second.attempt_id, NOW + HOUR)
    case = await stores.contacts.case("c_000001", 0, NOW + 2 * HOUR)
    assert case.history == (
        PastCall(NOW, "out", "unanswered", "n_000001", "a_000001"),
        PastCall(NOW + HOUR, "out", "answered", "n_000002", "a_000002"),
    )
    await stores.ledger.finish(second.attempt_id, ENDED)
    await running(stores, [shared], "autumn")
    case = await stores.contacts.case("c_000003", 0, NOW + 2 * HOUR)
    assert [past.number for past in case.history] == ["n_000002"]
    much_later = await stores.contacts.case("c_000001", 0, NOW + 36 * DAY)
    assert much_later.history == ()


async def test_a_call_that_may_have_been_answered_counts_as_answered(
    stores: Stores,
) -> None:
    await running(stores, [contact(1)])
    one = await dialed(stores)

    async def outcome() -> list[str]:
        case = await stores.contacts.case("c_000001", 0, NOW)
        return [past.outcome for past in case.history]

    assert await outcome() == ["answered"]  # still dialing
    await stores.ledger.rescue(NOW + LEASE)
    assert await outcome() == ["answered"]  # its node died
    await stores.ledger.finish(one.attempt_id, Outcome(Disposition.UNKNOWN, NOW))
    assert await outcome() == ["answered"]  # nobody could tell


# --- finish


async def test_an_end_is_written_once(stores: Stores) -> None:
    await running(stores, [contact(1)])
    one = await dialed(stores)
    await stores.ledger.finish(one.attempt_id, ENDED)
    row = await row_of(stores, one.attempt_id)
    assert (row.phase, row.disposition) == (Phase.DONE, Disposition.NO_ANSWER)
    assert (row.cause, row.node) == ("16 no answer", None)
    with pytest.raises(IllegalMove):
        await stores.ledger.finish(one.attempt_id, ENDED)
    with pytest.raises(IllegalMove):
        await stores.ledger.answered(one.attempt_id, NOW)


async def test_the_stage_carries_over_and_never_falls(stores: Stores) -> None:
    await running(stores, [contact(1)])
    for i, (stage, disposition) in enumerate(
        ((3, Disposition.NO_COMMITMENT), (1, Disposition.HUNG_UP))
    ):
        now = NOW + i * DAY
        one = await dialed(stores, now=now)
        await stores.ledger.answered(one.attempt_id, now)
        again = NextTry(0, now + DAY, "again")
        await stores.ledger.finish(
            one.attempt_id, Outcome(disposition, now, stage=stage, next_try=again)
        )
    ((found, _),) = await stores.contacts.find("n_000001")
    assert (found.stage, found.calls) == (3, 2)


async def test_an_unanswered_ring_is_no_conversation(stores: Stores) -> None:
    await running(stores, [contact(1, stage=2)])
    one = await dialed(stores)
    await stores.ledger.finish(one.attempt_id, ENDED)
    ((found, _),) = await stores.contacts.find("n_000001")
    assert (found.stage, found.calls) == (2, 0)


async def test_the_next_attempt_is_another_row_at_the_time_asked_for(
    stores: Stores,
) -> None:
    await running(stores, [contact(1, **BOTH)])
    one = await dialed(stores)
    again = NextTry(1, NOW + HOUR, "other number")
    await stores.ledger.finish(
        one.attempt_id, Outcome(Disposition.UNALLOCATED, NOW, next_try=again)
    )
    assert await claimed(stores) == []
    (following,) = await claimed(stores, now=NOW + HOUR)
    assert (following.n, following.number) == (2, 1)
    assert (await row_of(stores, following.attempt_id)).phone == "+86 1****2"
    ended = (await stores.journal.after(0))[-2]
    assert json.loads(ended.body)["next"] == following.attempt_id


async def test_no_next_attempt_while_the_number_has_an_open_one(
    stores: Stores,
) -> None:
    await running(stores, [contact(1, **BOTH), contact(2, numbers=("n_b",))])
    one = await dialed(stores)
    assert one.contact.contact_id == "c_000001"
    again = NextTry(1, NOW, "other number")
    await stores.ledger.finish(
        one.attempt_id, Outcome(Disposition.BUSY, NOW, next_try=again)
    )
    found = [row.contact_id async for row in stores.calls.list("spring")]
    assert found == ["c_000001", "c_000002"]


async def test_a_number_the_contact_lacks_changes_nothing(stores: Stores) -> None:
    await running(stores, [contact(1)])
    one = await dialed(stores)
    before = await stores.journal.after(0)
    again = NextTry(7, NOW, "typo")
    with pytest.raises(Refused, match="no number 7"):
        await stores.ledger.finish(
            one.attempt_id, Outcome(Disposition.BUSY, NOW, next_try=again)
        )
    assert (await row_of(stores, one.attempt_id)).phase is Phase.DIALING
    assert await stores.journal.after(0) == before


FLAGGED = [
    ("do_not_call", {("person", "p_000001"), ("number", "n_000001")}),
    ("dispute", {("person", "p_000001")}),
    ("attorney", {("person", "p_000001")}),
    ("deceased", {("person", "p_000001")}),
    ("cease", {("person", "p_000001")}),
    ("wrong_number", {("number", "n_000001")}),
    ("workplace", {("number", "n_000001")}),
    ("something_new", {("person", "p_000001")}),
]


@pytest.mark.parametrize(("flag", "scopes"), FLAGGED)
async def test_what_was_heard_sets_flags_of_the_right_scope(
    stores: Stores, flag: str, scopes: set[tuple[str, str]]
) -> None:
    await running(stores, [contact(1)])
    one = await dialed(stores)
    outcome = Outcome(Disposition.OPTED_OUT, NOW, flags=(flag,))
    await stores.ledger.finish(one.attempt_id, outcome)
    found = await stores.flags.of(["p_000001", "n_000001", "a_000001"])
    assert {(row.scope, row.token) for row in found} == scopes
    assert {row.source for row in found} == {f"call:{one.attempt_id}"}
    assert (await stores.contacts.case("c_000001", 0, NOW)).flags == (flag,)


async def test_a_failing_finish_does_not_disturb_those_beside_it(
    stores: Stores,
) -> None:
    """They share one commit; only the guilty one is told."""
    await running(stores, [contact(i) for i in range(1, 21)])
    found = await claimed(stores, 20)
    for one in found:
        await stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=allow)
    bad = Turn("nobody", 0, 0, "", 1)  # the database knows `us` and `them`
    outcomes = [
        Outcome(Disposition.BUSY, NOW, turns=(bad,) if i == 7 else ())
        for i in range(len(found))
    ]
    answers = await asyncio.gather(
        *(
            stores.ledger.finish(one.attempt_id, outcome)
            for one, outcome in zip(found, outcomes, strict=True)
        ),
        return_exceptions=True,
    )
    assert [i for i, answer in enumerate(answers) if answer is not None] == [7]
    status = await stores.campaigns.status("spring")
    assert status.phases == {"done": 19, "dialing": 1}


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
