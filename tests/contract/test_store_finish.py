"""The end of attempts, and what the next case knows of them: for every store."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dialer.attempt import IllegalMove, Phase
from dialer.channels.port import Cause
from dialer.model import (
    Disposition,
    Judge,
    NextTry,
    Outcome,
    PastCall,
    Reason,
    Turn,
    Verdict,
)
from dialer.store.port import AttemptRow, NotFound, Refused, Stores
from tests.kit.stores import (
    LEASE,
    NODE,
    NOW,
    allow,
    claimed,
    contact,
    dialed,
    kinds,
    running,
)

TWO = ((1, "Shanghai"), (2, "Tokyo"))
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


async def test_what_no_trunk_took_is_no_call(stores: Stores) -> None:
    """And the next one is, so that it is the cause which tells them apart."""
    await running(stores, [contact(1), contact(2)])
    for cause in (Cause.NOT_DIALED, Cause.CONGESTION):
        one = await dialed(stores)
        ended = Outcome(Disposition.FAILED, NOW, cause.value)
        await stores.ledger.finish(one.attempt_id, ended)
    found = [
        len((await stores.contacts.case(f"c_{i:06d}", 0, NOW + HOUR)).history)
        for i in (1, 2)
    ]
    assert found == [0, 1]


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
    written = await kinds(stores)
    await stores.ledger.finish(one.attempt_id, ENDED)  # its caller did not hear
    assert await kinds(stores) == written
    with pytest.raises(IllegalMove):
        await stores.ledger.finish(one.attempt_id, replace(ENDED, at=NOW + DAY))
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


async def test_several_are_told_at_once_in_the_order_asked_for(stores: Stores) -> None:
    await running(stores, [contact(i, zones=((f"Asia/{z}",),)) for i, z in TWO])
    one, two = await dialed(stores), await dialed(stores)
    said = (Turn("us", 0.0, 1.0, "您好", 1), Turn("them", 1.0, 0.5, "你好", 1))
    await stores.ledger.answered(one.attempt_id, NOW)
    talked = Outcome(Disposition.HUNG_UP, NOW, turns=said)
    await stores.ledger.finish(one.attempt_id, talked)
    wanted = [two.attempt_id, one.attempt_id]
    (second, silent), (first, turns) = await stores.calls.told(wanted)
    assert [second.attempt_id, first.attempt_id] == wanted
    assert (tuple(turns), silent) == (said, [])
    assert (first.campaign, first.zone, second.zone, first.agreement) == (
        *("spring", "Asia/Shanghai", "Asia/Tokyo"),
        "",
    )
    assert await row_of(stores, one.attempt_id) == first
    assert await stores.calls.told([]) == []
    with pytest.raises(NotFound):
        await stores.calls.told([one.attempt_id, "nobody"])
