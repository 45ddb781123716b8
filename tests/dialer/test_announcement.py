"""From what was played before a call failed to its cause, and into the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dialer.call.announcement import CAUSES, agreed, explained
from dialer.call.call import Desk, call
from dialer.call.conversation import Studio
from dialer.call.facts import Terms
from dialer.campaign.retry import load_policy
from dialer.channels.loopback.callee import Callee, Speech
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.channels.port import Cause, NotAnswered
from dialer.model import Disposition
from dialer.settings import shipped
from speech.announcements import Kind
from speech.pool import Pool
from tests.kit.clock import FakeClock
from tests.kit.offers import SHIPPED
from tests.kit.stores import NODE, NOW, allow, claimed, contact, opened, personal
from tests.kit.stores import running as campaign
from tests.kit.studio import humming
from tests.kit.tones import cadence

BUSY = cadence([450], [0.35, 0.35], 4.0, np.random.default_rng(31))


@pytest.mark.parametrize(
    ("network", "kinds", "cause"),
    [
        (Cause.NO_ANSWER, {Kind.UNALLOCATED}, Cause.UNALLOCATED),
        (Cause.CONGESTION, {Kind.POWERED_OFF}, Cause.NO_ANSWER),
        (Cause.FAILED, {Kind.POWERED_OFF, Kind.OUT_OF_COVERAGE}, Cause.NO_ANSWER),
        (Cause.BUSY, {Kind.SUSPENDED}, Cause.UNALLOCATED),
        (Cause.NO_ANSWER, {Kind.UNALLOCATED, Kind.BUSY}, Cause.NO_ANSWER),
        (Cause.CONGESTION, (), Cause.CONGESTION),
        (Cause.DECLINED, {Kind.BUSY}, Cause.DECLINED),
        (Cause.UNALLOCATED, {Kind.POWERED_OFF}, Cause.UNALLOCATED),
        (Cause.NOT_DIALED, {Kind.BUSY}, Cause.NOT_DIALED),
    ],
)
def test_what_all_that_was_heard_means(
    network: Cause, kinds: set[Kind], cause: Cause
) -> None:
    assert agreed(network, kinds) is cause


def test_every_kind_has_a_cause() -> None:
    assert set(CAUSES) == set(Kind)


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    async with humming(tmp_path, FakeClock(NOW)) as found:
        yield found


async def test_only_loose_causes_with_sound_are_looked_at(studio: Studio) -> None:
    for no in (NotAnswered(Cause.DECLINED, BUSY), NotAnswered(Cause.CONGESTION)):
        assert await explained(no, "zh", studio) == (no.cause, {})
    heard = await explained(NotAnswered(Cause.CONGESTION, BUSY), "zh", studio)
    assert heard == (Cause.BUSY, {"announcement": "busy"})


async def test_a_full_pool_leaves_the_networks_cause(studio: Studio) -> None:
    async with Pool(1, 0) as closed:
        pass
    no = NotAnswered(Cause.CONGESTION, BUSY)
    assert await explained(no, "zh", replace(studio, pool=closed)) == (no.cause, {})


@pytest.mark.slow
async def test_a_whole_call_ends_as_what_was_played(
    studio: Studio, tmp_path: Path
) -> None:
    clock = studio.clock
    assert isinstance(clock, FakeClock)
    number = personal().phones[0]
    callee = Callee(
        number, answer="no_answer", ring_seconds=1.0, early=Speech(pcm=BUSY)
    )
    async with (
        opened(tmp_path) as stores,
        LoopbackChannel({number: callee}, clock) as channel,
        asyncio.TaskGroup() as group,
    ):
        await stores.vault.put({contact().contact_id: personal()})
        await campaign(stores, [contact()])
        (one,) = await claimed(stores)
        desk = Desk(
            stores=stores,
            carrier=channel,
            studio=studio,
            judge=allow,
            terms=Terms({"zh": "A"}, "mediation", "loan", (), SHIPPED),
            policy=load_policy(shipped("config") / "retry.toml", {}),
            node=NODE,
            ring_seconds=30.0,
            line=asyncio.Semaphore(1),
        )
        ends = group.create_task(call(one, desk))
        await clock.waiter()
        await clock.advance(10.0)
        await ends
        row, _ = await stores.calls.show(one.attempt_id)
    assert (row.disposition, row.cause) == (Disposition.BUSY, "no_answer")
    assert row.facts == {"announcement": "busy"}
