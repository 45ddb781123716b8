"""What is asked of the ledger at once is done as if it were asked one by one."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import datetime, timedelta

from dialer.attempt import IllegalMove, Phase
from dialer.model import Case, Contact, Disposition, NextTry, Outcome, Reason, Verdict
from dialer.store.port import Campaign, Claimed, Stores
from tests.kit.stores import (
    NODE,
    NOW,
    allow,
    claimed,
    contact,
    dialed,
    planned,
    running,
)

HOUR = timedelta(hours=1)
CALLED = Reason("cap", "a test", "the person was called before")
BUSY = Outcome(Disposition.BUSY, NOW)


def numbered(*numbers: str) -> dict[str, object]:
    """A contact's numbers, and what goes with each."""
    each = len(numbers)
    return {"numbers": numbers, "masked": ("+86",) * each, "zones": (("UTC",),) * each}


def once(case: Case, now: datetime) -> Verdict:
    """Nobody who was called before, over any number."""
    return Verdict(False, (CALLED,), NOW + HOUR) if case.history else Verdict(True)


async def all_at_once(stores: Stores, found: list[Claimed]) -> list[bool]:
    asked = (
        stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=once)
        for one in found
    )
    return [verdict.allowed for verdict in await asyncio.gather(*asked)]


def one_by_one(everybody: list[Contact], found: list[Claimed]) -> list[bool]:
    """What `once` says to each in turn."""
    called, answers = set[str](), list[bool]()
    for one in found:
        mine = {
            n for c in everybody if c.person == one.contact.person for n in c.numbers
        }
        answers.append(not mine & called)
        if answers[-1]:
            called.add(one.contact.numbers[one.number])
    return answers


async def test_calls_placed_at_once_count_for_each_other(stores: Stores) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    everybody = list[Contact]()
    for i in range(120):
        some = chance.sample(range(150), chance.choice((1, 1, 2)))
        numbers = [f"n_{n}" for n in some]
        person = f"p_{chance.randrange(90)}"
        everybody.append(contact(i, person=person, **numbered(*numbers)))
    await running(stores, everybody)
    found = await claimed(stores, 120)
    expected = one_by_one(everybody, found)
    assert await all_at_once(stores, found) == expected
    assert len(set(expected)) == 2  # both happen


async def test_another_persons_call_to_a_shared_number_counts(stores: Stores) -> None:
    second = contact(2, **numbered("n_2", "n_000001"))
    others = [contact(i) for i in range(3, 9)]
    await running(stores, [contact(1), second, *others])
    found = await claimed(stores, 9)
    assert await all_at_once(stores, found) == [True, False, *[True] * 6]


async def test_only_the_one_that_is_wrong_fails(stores: Stores) -> None:
    await running(stores, [contact(i) for i in range(1, 6)])
    found = await claimed(stores, 5)
    await stores.ledger.finish(found[2].attempt_id, BUSY)
    asked = (
        stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=allow)
        for one in [*found, found[0]]
    )
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in told] == [
        *(Verdict, Verdict, IllegalMove, Verdict, Verdict),
        IllegalMove,  # it is dialing already
    ]
    answers = (stores.ledger.answered(one.attempt_id, NOW) for one in found)
    heard = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(answer) for answer in heard].count(IllegalMove) == 1
    status = await stores.campaigns.status("spring")
    assert status.phases == {Phase.TALKING: 4, Phase.DONE: 1}


async def test_two_calls_of_one_contact_that_end_at_once_both_count(
    stores: Stores,
) -> None:
    await running(stores, [contact(1, **numbered("n_1", "n_2"))])

    def second_number(case: Case, now: datetime) -> Verdict:
        return Verdict(case.number == "n_2", (CALLED,) * (case.number != "n_2"))

    for name in ("w", "v"):
        await stores.campaigns.create(Campaign(name, name, "created", "{}", NOW))
        await stores.campaigns.set_state(name, "running", NOW)
    await planned(stores, "w", judge=second_number)
    found = [await dialed(stores), await dialed(stores, "w")]
    assert [one.number for one in found] == [0, 1]
    for one in found:
        await stores.ledger.answered(one.attempt_id, NOW)
    ended = (
        stores.ledger.finish(
            one.attempt_id, Outcome(Disposition.HUNG_UP, NOW, stage=stage)
        )
        for one, stage in zip(found, (4, 2), strict=True)
    )
    await asyncio.gather(*ended)
    await planned(stores, "v")
    (again,) = await claimed(stores, name="v")
    assert (again.contact.stage, again.contact.calls) == (4, 2)


async def test_two_that_want_one_number_next_get_it_once(stores: Stores) -> None:
    both = [contact(i, **numbered(f"n_{i}", "n_shared")) for i in (1, 2)]
    await running(stores, both)
    found = await claimed(stores, 2)
    again = replace(BUSY, next_try=NextTry(1, NOW, "other number"))
    await asyncio.gather(
        *(stores.ledger.finish(one.attempt_id, again) for one in found)
    )
    (following,) = await claimed(stores, 9)
    assert (following.n, following.number) == (2, 1)
