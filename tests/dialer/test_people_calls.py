"""Whole calls for people who talk, over the carrier in memory, in a test's own time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dialer import planning
from dialer.call.call import Desk, call
from dialer.campaign import retry
from dialer.campaign.account import Account, ceilings
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.campaign.file import CampaignFile
from dialer.campaign.paced import Paced, Rules
from dialer.campaign.pacing.pacer import Mode
from dialer.campaign.preview import Previewed
from dialer.channels.loopback.callee import Callee, Turn
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.channels.loopback.queue import Office, Worker
from dialer.compliance.gate import make_judge
from dialer.model import Disposition
from dialer.settings import Settings, shipped
from dialer.store.port import AttemptRow, Claimed, FlagRow, Reached, Refused, Stores
from tests.contract.loopback_rig import settle
from tests.dialer.test_gate import BOOK
from tests.kit.clock import FakeClock
from tests.kit.stores import NOW, contact, opened, personal, running
from tests.kit.studio import humming

pytestmark = pytest.mark.slow

WANTED = CampaignFile.model_validate(
    {"name": "spring", "agency": {"zh": "和信"}, "caller_id": "+861055550000"}
)


Beside = Callable[["World"], Coroutine[None, None, None]]


class World:
    """One campaign with its callees, its agents, and everything between them."""

    def __init__(
        self,
        home: Path,
        callees: Sequence[Callee],
        workers: Sequence[Worker],
        mode: Mode = Mode.PROGRESSIVE,
    ) -> None:
        self.home, self.mode, self.clock = home, mode, FakeClock(NOW)
        self.workers = workers
        self.callees = {
            personal(i).phones[0]: replace(one, number=personal(i).phones[0])
            for i, one in enumerate(callees, 1)
        }
        self.office = Office("people", self.clock, workers, patience=5.0)
        self.rows: dict[str, AttemptRow] = {}
        self.stores: Stores
        self.people: Paced

    async def run(self, beside: Beside | None = None, seconds: float = 120.0) -> None:
        """Call everybody; `beside`: run meanwhile, in the test's time."""
        async with (
            opened(self.home) as stores,
            humming(self.home, self.clock) as studio,
            LoopbackChannel(
                self.callees, self.clock, people=self.office, record=None
            ) as channel,
        ):
            self.stores, self.prompts = stores, studio.prompts
            count = range(1, len(self.callees) + 1)
            await stores.vault.put({f"c_{i:06d}": personal(i) for i in count})
            await running(stores, [contact(i) for i in count])

            async def reached() -> Sequence[Reached]:
                return await stores.calls.reached("spring", NOW - timedelta(days=1))

            choice = Previewed(stores.previews, "spring", self.clock)
            self.people = Paced(
                Rules(self.mode, "people", 8, 20.0, 3.0, "+861055550000"),
                self.office,
                Account(reached, ceilings(0.03)),
                self.clock,
                choice=choice if self.mode is Mode.PREVIEW else None,
            )
            desk = Desk(
                stores=stores,
                carrier=channel,
                studio=studio,
                judge=make_judge(BOOK),
                terms=planning.terms(
                    WANTED,
                    planning.offers(Settings(home=self.home)),
                    planning.closed_in(BOOK.calendars),
                ),
                policy=retry.load_policy(shipped("config") / "retry.toml"),
                node="node-1",
                ring_seconds=20.0,
                line=asyncio.Semaphore(8),
                people=self.people,
            )

            async def one(claimed: Claimed) -> None:
                await call(claimed, desk)

            dispatcher = Dispatcher(
                "spring",
                stores,
                one,
                self.clock,
                node="node-1",
                pace=Pace(lines=8, ahead=8),
                judge=desk.judge,
                room=self.people.room,
            )
            async with asyncio.TaskGroup() as group:
                pacing = group.create_task(self.people.run())
                calls = group.create_task(dispatcher.run())
                more = group.create_task(beside(self)) if beside else None
                for _ in range(round(seconds / 0.1)):
                    if calls.done():
                        break
                    await self.tick()
                self.in_time = calls.done()
                dispatcher.stop()
                calls.cancel()
                pacing.cancel()
                if more:
                    more.cancel()
            self.rows = {r.contact_id: r async for r in stores.calls.list() if r.n == 1}
            self.again = {r.contact_id: r async for r in stores.calls.list() if r.n > 1}
            self.flags = await stores.flags.all()
            account = Account(reached, ceilings(0.03))
            await account.refresh(0.0)
            self.standings = account.standings(self.clock.now())

    async def tick(self) -> None:
        """100 ms pass; what was written meanwhile is written, prompts are rendered."""
        while self.prompts.waiting:
            await settle()
        await self.clock.advance(0.1)
        await self.stores.journal.move("test", 0)

    def end(self, i: int) -> Disposition | None:
        return self.rows[f"c_{i:06d}"].disposition


THERE = Callee("", ring_seconds=2.0)
BUSY = replace(THERE, answer="busy")


async def test_answered_calls_go_to_agents_one_by_one(tmp_path: Path) -> None:
    ann = Worker("ann", talk=8.0)
    world = World(tmp_path, [THERE, BUSY, THERE], [ann])
    await world.run()
    assert world.in_time
    ends = [world.end(i) for i in (1, 2, 3)]
    taken = Disposition.HANDED_OVER
    assert ends == [taken, Disposition.BUSY, taken]
    assert (ann.calls, world.people.abandoned) == (2, 0)
    rows = [world.rows[f"c_{i:06d}"] for i in (1, 3)]
    dialed = sorted(row.dialing_at or NOW for row in rows)
    ended = sorted(row.ended_at or NOW for row in rows)
    # not before she had talked, and wrapped up for three seconds
    assert dialed[1] - ended[0] >= timedelta(seconds=8 + 3 - 1)
    assert [about.reason for about in world.office.told] == ["connect", "connect"]


async def test_who_meets_nobody_hears_who_called_and_is_left_alone(
    tmp_path: Path,
) -> None:
    """The only agent leaves while it rings. The callee presses nine at the message:
    the call was abandoned all the same."""
    nine = replace(THERE, turns=(Turn(press="9", interrupt_after=1.0),))
    ann = Worker("ann")
    world = World(tmp_path, [nine], [ann])

    async def leave(world: World) -> None:
        while not world.people.placed:
            await world.clock.sleep(0.1)
        ann.there = False

    await world.run(leave, seconds=60.0)
    assert world.end(1) is Disposition.ABANDONED
    assert await said(world) == ["abandoned_call", "stop_bye"]
    stopped = {(f.flag, f.scope, f.token) for f in world.flags}
    assert stopped == {
        ("do_not_call", "person", "p_000001"),
        ("do_not_call", "number", "n_000001"),
    }
    assert [(s.answered, s.abandoned) for s in world.standings] == [(1, 1)] * 3


async def test_an_agent_who_does_not_pick_up_is_nobody(tmp_path: Path) -> None:
    world = World(tmp_path, [THERE], [Worker("bob", answers=False)])
    await world.run(seconds=90.0)
    assert world.end(1) is Disposition.ABANDONED
    assert await said(world) == ["person_opening", "abandoned_call"]
    assert [(s.answered, s.abandoned) for s in world.standings] == [(1, 1)] * 3
    ended = world.rows["c_000001"].ended_at
    assert ended
    assert world.again["c_000001"].not_before - ended >= timedelta(hours=72)


async def said(world: World) -> list[str]:
    """What the callee heard from us: templates, in order."""
    async with opened(world.home) as stores:
        _, told = await stores.calls.show(world.rows["c_000001"].attempt_id)
    return [turn.template for turn in told if turn.who == "us"]


async def test_preview_calls_whom_an_agent_accepts_and_the_gate_allows(
    tmp_path: Path,
) -> None:
    """Accepted, passed over, and accepted but under a flag by then: one is called."""
    ann = Worker("ann", talk=4.0)
    people = [THERE, THERE, THERE]
    world = World(tmp_path, people, [ann, Worker("bob")], Mode.PREVIEW)
    seen = list[str]()

    async def choose(world: World) -> None:
        stores, clock = world.stores, world.clock
        for word in ("accept", "pass", "flagged"):
            while not (one := await stores.previews.next("spring", "ann", clock.now())):
                await clock.sleep(0.5)
            row, _ = await stores.calls.show(one)
            seen.append(row.contact_id)
            assert row.dialing_at is None
            assert await stores.previews.next("spring", "ann", clock.now()) == one
            with pytest.raises(Refused):  # it is hers, not his
                await stores.previews.answer(one, "bob", clock.now(), call=True)
            if word == "flagged":
                mark = FlagRow("do_not_call", "all", "", clock.now(), "list")
                await stores.flags.add([mark])
            await stores.previews.answer(one, "ann", clock.now(), call=word != "pass")

    await world.run(choose, seconds=90.0)
    assert sorted(seen) == sorted(world.rows)
    first, second, third = (world.rows[name] for name in seen)
    assert first.disposition is Disposition.HANDED_OVER
    assert second.dialing_at is None
    assert second.phase == "due"
    assert "passed" in second.verdict
    assert third.dialing_at is None
    assert "accord.flags.do_not_call" in third.verdict
    assert (ann.calls, world.people.placed) == (1, 1)
