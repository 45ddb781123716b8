"""A lease that lapses while its node lives and its attempt waits for a line."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from dialer.attempt import IllegalMove, Phase
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.clock import SystemClock
from dialer.model import Disposition, Outcome
from dialer.store.port import Claimed, FlagRow, Stores
from tests.contract.test_store_ledger import refuse
from tests.kit.stores import LEASE, NODE, NOW, allow, claimed, contact, kinds, running

BUSY = Outcome(Disposition.BUSY, NOW)


async def test_asking_again_cannot_end_a_call_that_rings(stores: Stores) -> None:
    """The lease lapsed, the node took the attempt again, and both ask to dial it; the
    second is refused for good: by the call of the first, or by an opt-out."""
    await running(stores, [contact(1)])
    (one,) = await claimed(stores)
    await stores.ledger.rescue(NOW + LEASE)
    (same,) = await claimed(stores, now=NOW + LEASE)
    mine = one.attempt_id
    assert mine == same.attempt_id
    await stores.ledger.dialing(mine, node=NODE, now=NOW, judge=allow)
    stop = FlagRow("do_not_call", "person", one.contact.person, NOW, "op")
    await stores.flags.add([stop])
    with pytest.raises(IllegalMove):
        await stores.ledger.dialing(mine, node=NODE, now=NOW, judge=refuse(None))
    await stores.ledger.finish(mine, BUSY)
    with pytest.raises(IllegalMove):
        await stores.ledger.dialing(mine, node=NODE, now=NOW, judge=refuse(None))
    found = await kinds(stores, mine)
    assert found[-2:] == ["attempt.dialing", "attempt.ended"]


async def test_an_attempt_is_in_hand_once_however_often_it_is_claimed(
    stores: Stores,
) -> None:
    await running(stores, [contact(1)])
    clock, seats, here = SystemClock(), asyncio.Event(), list[str]()
    again = asyncio.Event()

    async def call(one: Claimed) -> None:
        here.append(one.attempt_id)
        await seats.wait()
        await stores.ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=allow)
        await stores.ledger.finish(one.attempt_id, BUSY)

    class Watched(Dispatcher):
        async def _fill(self, group: asyncio.TaskGroup) -> int:
            found = await super()._fill(group)
            if found and self.running and len(here) == 1:
                again.set()
            return found

    pace = Pace(1, ahead=3, poll=0.02, lease=-timedelta(seconds=1))  # lapses at once
    own = Watched("spring", stores, call, clock, node=NODE, pace=pace)
    async with asyncio.TaskGroup() as group, clock.timeout(20):
        done = group.create_task(own.run())
        while not here:
            await clock.sleep(0.01)
        assert await stores.ledger.rescue(clock.now()) == (1, 0)
        await again.wait()
        assert own.running == 1
        seats.set()
        await done
    assert len(here) == 1
    status = await stores.campaigns.status("spring")
    assert status.phases == {Phase.DONE: 1}
    assert (await kinds(stores, here[0])).count("attempt.ended") == 1
