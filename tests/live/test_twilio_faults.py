"""Whole campaigns over Twilio's stand-in while everything goes wrong: answers lost
after a call was created, webhooks lost, late, twice and out of order, streams cut, and
the engine killed (kill -9) at any moment and started again. No phone rings twice.

`python -m tests.live.test_twilio_faults RUNS [SEED]` does many.
"""

from __future__ import annotations

import asyncio
import faulthandler
import multiprocessing
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from dialer.attempt import Phase
from dialer.call.call import Desk, call, prepare
from dialer.call.facts import Terms, case_facts
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.campaign.retry import load_policy
from dialer.channels.twilio.rest import Patience
from dialer.clock import SystemClock
from dialer.model import Disposition, Outcome
from dialer.offers.plans import Wish
from dialer.settings import shipped
from dialer.store.port import Claimed
from dialer.trunks.model import Trunk
from dialer.trunks.routes import Routes
from tests.contract.twilio_rig import free_port, opened
from tests.kit import stores as kit
from tests.kit import twilio
from tests.kit.offers import SHIPPED
from tests.kit.stores import NODE, NOW, allow, contact, personal, running
from tests.kit.studio import humming
from tests.kit.twilio import Callee, Faults, Twilio

RUNS = 20  #: in `make test`
ABREAST = 6
PEOPLE = 8
STUCK = 60  #: seconds after which an engine does not end any more
NAME = "spring"
MODULE = "tests.live.test_twilio_faults"
WISHES = (Wish("instalments", 3), Wish("deferral", 1))
TERMS = Terms({"en": "A"}, "mediation", "loan", WISHES, SHIPPED)
PATIENCE = Patience(0.5, 0.5, 0.02, looks=(0.1, 0.2, 0.4), poll=0.5, stream=1.0)
ENDS = (
    *("answers", "answers", "answers", "busy", "no-answer", "failed", "declines"),
    *("congested", "rings and fails", "refused", "nobody"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine lives, and the Twilio that it calls by."""

    home: Path
    api: str
    port: int

    @property
    def words(self) -> Path:
        """What engines wrote to stderr."""
        return self.home / "engine.err"

    def last_words(self) -> str:
        return self.words.read_text("utf-8", "replace")[-4000:]


def callee(chance: random.Random) -> Callee:
    rings = chance.uniform(0.02, 0.5)
    plain = Callee(rings=rings, leaves=chance.uniform(0.1, 0.8))
    return {
        "answers": plain,
        "busy": replace(plain, answer="busy", sip="486"),
        "declines": replace(plain, answer="busy", sip="603", alerts=True),
        "no-answer": replace(plain, answer="no-answer"),
        "failed": replace(plain, answer="failed"),
        "congested": replace(plain, answer="failed", sip="503"),
        "rings and fails": replace(plain, answer="failed", sip="503", alerts=True),
        "refused": replace(plain, error=chance.choice([21211, 21215])),
        "nobody": replace(plain, rings=60.0),
    }[chance.choice(ENDS)]


def faults(chance: random.Random) -> Faults:
    creates = ("", "", "", "", "lost", "500 placed", "unsent", "500", "429")
    webhooks = ("", "", "", "lost", "twice", "late", "late", "500")
    return Faults(
        create=lambda: chance.choice(creates),
        webhook=lambda status: chance.choice(webhooks),
        cut=lambda: chance.uniform(0.05, 0.5) if chance.random() < 0.3 else None,
        rest=lambda: chance.choice(("", "", "", "", "lost", "429", "500")),
    )


# --- one life of an engine, in a process of its own


def live(place: Place, told: Connection) -> None:
    """What it has to say of its end, by whatever, goes into a file."""
    with place.words.open("ab") as file:
        os.dup2(file.fileno(), 2)
    faulthandler.enable()
    faulthandler.dump_traceback_later(STUCK - 5, exit=False)
    asyncio.run(engine(place, told))


def trunk(name: str, priority: int) -> tuple[str, Trunk]:
    table = {
        "type": "twilio",
        "twilio": "main",
        "caller_ids": (twilio.OURS,),
        "priority": priority,
        "calls_per_second": 100,
        "failures": 100,
    }
    return name, Trunk.model_validate(table)


async def engine(place: Place, told: Connection) -> None:
    clock = SystemClock(NOW - SystemClock().now())
    there = Twilio({})  # only its address is wanted
    there.port = int(place.api.rpartition(":")[2])
    record = place.home / "calls.jsonl"
    trunks = dict([trunk("a", 1), trunk("b", 2)])
    async with (
        kit.opened(place.home) as stores,
        humming(place.home.parent / "prompts", clock) as studio,
        opened(
            there, record, port=place.port, patience=PATIENCE, clock=clock
        ) as channel,
    ):
        routes = Routes(trunks, {"twilio.main": channel}, clock)
        desk = Desk(
            stores=stores,
            carrier=routes,
            studio=studio,
            judge=allow,
            terms=TERMS,
            policy=load_policy(shipped("config") / "retry.toml", {}),
            node=NODE,
            ring_seconds=1.0,
            line=asyncio.Semaphore(PEOPLE),
        )

        async def one(claimed: Claimed) -> None:
            await call(claimed, desk)

        await stores.ledger.rescue(clock.now(), NODE)
        lost = await stores.ledger.lost(NAME)
        told.send("up")
        for attempt, taken in (await routes.left(lost)).items():
            ended = Disposition.HANDED_OVER if taken else Disposition.UNKNOWN
            await stores.ledger.finish(attempt, Outcome(ended, clock.now(), "died"))
        pace = Pace(PEOPLE, PEOPLE, poll=0.05, lease=timedelta(minutes=15))
        await Dispatcher(NAME, stores, one, clock, node=NODE, pace=pace).run()
    told.send("over")


# --- one run: a campaign, and what the network saw of it


@dataclass(frozen=True, slots=True)
class Run:
    """rang: the most often that a phone rang; calls: the most that one number had;
    up: calls that were left; ends: of attempts."""

    rang: int
    calls: int
    up: int
    ends: Counter[str]
    killed: bool
    unfit: int  # answers of ours to Twilio that say "fault of the server"


async def warmed(prompts: Path) -> None:
    """Render once what every life needs."""
    await asyncio.to_thread(prompts.mkdir)
    someone = replace(personal(1), name="Avery Stone", account="A-1011", currency="USD")
    case = case_facts(someone, contact(1, language="en"), TERMS, NOW, 0)
    async with humming(prompts, SystemClock()) as studio:
        await prepare(case, studio)


async def filled(home: Path) -> list[str]:
    """A running campaign. -> its numbers"""
    await asyncio.to_thread(home.mkdir)
    people = {
        f"c_{i:06d}": replace(
            personal(i), name="Avery Stone", account="A-1011", currency="USD"
        )
        for i in range(1, PEOPLE + 1)
    }
    async with kit.opened(home) as stores:
        await stores.vault.put(people)
        await running(
            stores, [contact(i, language="en") for i in range(1, PEOPLE + 1)], NAME
        )
    return [someone.phones[0] for someone in people.values()]


def lived(place: Place, seconds: float | None) -> None:
    """One life; kill -9 after so many seconds."""
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=live, args=(place, theirs))
    process.start()
    theirs.close()
    try:
        ours.recv()
        if seconds is not None and not ours.poll(seconds):
            process.kill()
        process.join(STUCK)
        code = process.exitcode
        assert code is not None, f"it does not end\n{place.last_words()}"
        if seconds is None:
            assert code == 0, f"an engine ended with {code}\n{place.last_words()}"
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


async def run(folder: Path, seed: int) -> Run:
    chance = random.Random(seed)
    home = folder / f"run-{seed}"
    numbers = await filled(home)
    clock = SystemClock(NOW - SystemClock().now())
    callees = {number: callee(chance) for number in numbers}
    killed = chance.random() < 0.6
    async with Twilio(callees, faults(chance), clock) as there:
        place = Place(home, there.api, free_port())
        if killed:
            await asyncio.to_thread(lived, place, chance.uniform(0.0, 1.5))
        await asyncio.to_thread(lived, place, None)
        for _ in range(100):
            if not there.up():
                break
            await clock.sleep(0.05)
        async with kit.opened(home) as stores:
            rows = [row async for row in stores.calls.list(NAME)]
        return Run(
            max(there.rang().values(), default=0),
            max(there.placed().values(), default=0),
            there.up(),
            Counter(str(r.disposition or r.phase) for r in rows if r.n == 1),
            killed,
            there.answers[500],
        )


async def runs(
    count: int, seed: int, folder: Path, told: Callable[[Run], None] = lambda run: None
) -> list[Run]:
    multiprocessing.get_context("forkserver").set_forkserver_preload([MODULE])
    await warmed(folder / "prompts")
    found, room = list[Run](), asyncio.Semaphore(ABREAST)

    async def one(number: int) -> None:
        async with room:
            found.append(await run(folder, seed + number))
            told(found[-1])

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))
    return found


def judged(found: list[Run]) -> None:
    assert max(one.rang for one in found) <= 1, "a phone rang twice"
    assert max(one.calls for one in found) <= 2, "more calls than trunks"
    assert sum(one.up for one in found) == 0, "a call was left"
    assert sum(one.unfit for one in found) == 0, "a webhook was too much for us"
    phases = {phase.value for phase in Phase} - {Phase.UNKNOWN, Phase.DONE, Phase.DUE}
    assert not {end for one in found for end in one.ends} & phases


@pytest.mark.slow
@pytest.mark.live
async def test_no_phone_rings_twice_whatever_goes_wrong(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - shown when the test fails
    found = await runs(RUNS, seed, tmp_path)
    judged(found)
    assert max(one.rang for one in found) == 1  # it rang at all


def main(count: int, seed: int) -> None:
    ends, most = Counter[str](), [0, 0, 0]

    def told(one: Run) -> None:
        judged([one])
        ends.update(one.ends)
        most[0] += 1
        most[1] += one.killed
        most[2] = max(most[2], one.rang)
        print("runs", most[0], "killed", most[1], "rang at most", most[2], flush=True)  # noqa: T201

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(runs(count, seed, Path(folder), told))
    print("seed", seed, dict(ends))  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
