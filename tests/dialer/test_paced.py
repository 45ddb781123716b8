"""Who may be dialed for people who talk, and which agent is whose: in a test's time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

import pytest

from dialer.campaign.account import Account, ceilings
from dialer.campaign.crew import Crew
from dialer.campaign.paced import LEARN, PATIENCE, TURN, Paced, Rules
from dialer.campaign.pacing.beliefs import Beliefs, Priors
from dialer.campaign.pacing.pacer import Mode
from dialer.channels.loopback.queue import Office, Worker
from dialer.channels.port import About, Agent, Doing, NoSeat, Queue
from dialer.store.port import Reached
from tests.contract.loopback_rig import settle
from tests.kit.clock import FakeClock

SEED = 7
ABOUT = About("connect", 1, "zh")


def looked(*doing: Doing, others: int = 0) -> Queue:
    return Queue(tuple(Agent(f"a{n}", d) for n, d in enumerate(doing)), others)


def test_an_agent_is_one_callees_until_a_later_look_shows_it() -> None:
    crew = Crew(Beliefs(Priors(), PATIENCE), wrap=10.0)
    idle, rings, talks = Doing.IDLE, Doing.RINGING, Doing.TALKING
    crew.seen(looked(idle, idle, idle, Doing.AWAY), 0.0, 0.1)
    assert (crew.free, crew.signed_in) == (3, 3)
    crew.keep("x")
    assert crew.free == 2
    crew.seen(looked(rings, idle, idle), 1.0, 1.1)  # the phone that rings is for x
    assert crew.free == 2
    crew.let_go("x", 2.0)  # taken, by what the switch said before the look came back
    crew.seen(looked(rings, idle, idle), 1.9, 2.1)
    assert crew.free == 2
    crew.seen(looked(talks, idle, idle), 2.5, 2.6)
    assert crew.free == 2
    crew.seen(looked(talks, idle, idle, others=2), 3.0, 3.1)
    assert crew.free == 0  # two callers who are not ours come first
    crew.unseen()
    assert (crew.free, crew.signed_in) == (0, 0)


def test_after_a_talk_an_agent_wraps_up_whatever_the_switch_says() -> None:
    beliefs = Beliefs(Priors(), PATIENCE)
    crew = Crew(beliefs, wrap=10.0)
    for at, doing in ((0, Doing.IDLE), (5, Doing.TALKING), (30, Doing.IDLE)):
        crew.seen(looked(doing), at, at)
    assert crew.free == 0
    assert crew.ages(Doing.WRAPPING, 36.0) == [6.0]
    crew.seen(looked(Doing.IDLE), 39.0, 39.0)
    assert crew.free == 0
    crew.seen(looked(Doing.IDLE), 40.0, 40.0)
    assert crew.free == 1


class Floor:
    """A queue, its pacing, and callees who answer by a draw of their own."""

    def __init__(
        self, mode: Mode, workers: int, *, answers: float = 0.3, at_most: float = 0.03
    ) -> None:
        self.rng = random.Random(SEED)
        self.clock = FakeClock()
        made = [Worker(f"w{n}", talk=30.0) for n in range(workers)]
        self.office = Office("people", self.clock, made, patience=5.0)
        self.ledger = list[Reached]()
        self.account = Account(self._read, ceilings(at_most))
        rules = Rules(mode, "people", 10 * workers, 20.0, 5.0)
        self.paced = Paced(rules, self.office, self.account, self.clock)
        self.answers = answers
        self.up = self.most_up = self.met = 0

    async def _read(self) -> Sequence[Reached]:
        return self.ledger

    async def call(self, name: str) -> None:
        paced = self.paced
        paced.comes(name)
        async with paced.placing(name):
            paced.dialed(name)
            self.up += 1
            self.most_up = max(self.most_up, self.up)
            try:
                await self._rung(name)
            finally:
                self.up -= 1

    async def _rung(self, name: str) -> None:
        answers = self.rng.random() < self.answers
        await self.clock.sleep(self.rng.uniform(4, 14) if answers else 20.0)
        if not answers or not await self.paced.agent(name):
            return
        taken = None
        for tick in range(60):
            taken = self.office.asked(name, self.paced.to(name), tick / 10)
            if taken is not None:
                break
            await self.clock.sleep(0.1)
        self.paced.let_go(name)
        if taken:
            self.met += 1
        else:
            self.paced.lost(name)

    async def run(self, seconds: float) -> None:
        """Calls wait in line all the time, as many as there is room for."""
        async with asyncio.TaskGroup() as group:
            pacing = group.create_task(self.paced.run())
            tasks = list[asyncio.Task[None]]()
            for tick in range(round(seconds / 0.25)):
                tasks = [task for task in tasks if not task.done()]
                for n in range(len(tasks), self.paced.room()):
                    tasks.append(group.create_task(self.call(f"{tick}-{n}")))
                await settle()
                await self.clock.advance(0.25)
            for task in (*tasks, pacing):
                task.cancel()


async def test_progressive_loses_nobody_and_dials_no_more_than_are_free() -> None:
    floor = Floor(Mode.PROGRESSIVE, 4)
    await floor.run(180.0)
    assert floor.met >= 8
    assert floor.paced.abandoned == 0
    assert floor.most_up <= 4
    assert all(worker.calls for worker in floor.office.workers)


async def test_predictive_earns_its_credit_and_keeps_below_the_ceiling() -> None:
    floor = Floor(Mode.PREDICTIVE, 8)
    await floor.run(60.0)
    told = floor.paced.as_dict()
    assert told["works_as"] == "progressive"
    assert "too little credit" in told["why"]
    assert floor.most_up <= 8
    begun = floor.met
    await_more = Floor(Mode.PREDICTIVE, 8)
    hour = await_more.clock.now() - timedelta(hours=1)
    await_more.ledger = [Reached(hour, "Asia/Shanghai", 900, 300, 0)]
    await await_more.run(300.0)
    assert await_more.paced.as_dict()["works_as"] == "predictive"
    assert await_more.most_up > 8
    assert await_more.met > 2.0 * begun
    for one in await_more.account.standings(await_more.clock.now()):
        assert one.abandoned <= one.ceiling.share * one.answered
    used_up = Floor(Mode.PREDICTIVE, 8, at_most=0.01)  # an operator may ask for less
    used_up.ledger = [Reached(hour, "Asia/Shanghai", 900, 290, 3)]
    await used_up.run(60.0)
    assert used_up.paced.as_dict()["works_as"] == "progressive"
    assert used_up.most_up <= 8


async def test_nobody_there_means_nobody_is_called() -> None:
    floor = Floor(Mode.PREDICTIVE, 3)
    floor.office.down = True
    await floor.run(5.0)
    assert floor.paced.room() == 0
    assert "no queue" in floor.paced.as_dict()["why"]
    floor.office.down = False
    for worker in floor.office.workers:
        worker.there = False
    async with asyncio.TaskGroup() as group:
        pacing = group.create_task(floor.paced.run())
        early = group.create_task(given_back(floor, "early"))
        for _ in range(round(TURN / 10) + 2):
            await settle()
            await floor.clock.advance(10.0)
        assert early.result() == "nobody is free to take the call"
        pacing.cancel()
    assert floor.paced.placed == 0


async def given_back(floor: Floor, name: str) -> str:
    with pytest.raises(NoSeat) as no:
        await floor.call(name)
    return no.value.why


async def test_an_account_counts_what_the_ledger_has_not_yet() -> None:
    clock = FakeClock()
    ledger = list[Reached]()

    async def read() -> Sequence[Reached]:
        return ledger

    account = Account(read, ceilings(0.03))
    for name in ("a", "b", "c"):
        account.answered(name, clock.now())
    account.abandoned("b")
    account.nobody("c")  # a machine
    await account.refresh(1.0)
    assert counted(account, clock) == (2, 1)
    account.written("b", 2.0)
    ledger.append(Reached(clock.now(), "Asia/Shanghai", 1, 0, 1))
    await account.refresh(3.0)
    assert counted(account, clock) == (2, 1)  # b by the ledger now, and not twice
    assert LEARN > 0


def counted(account: Account, clock: FakeClock) -> tuple[int, int]:
    (one, *rest) = account.standings(clock.now())
    assert all((r.answered, r.abandoned) == (one.answered, one.abandoned) for r in rest)
    return one.answered, one.abandoned
