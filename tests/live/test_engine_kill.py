"""kill -9 of a whole engine at random moments: the carrier's own record is the judge.

The victim (`python -m tests.live.test_engine_kill HOME`) runs the real dispatcher and
the real `call` over the carrier in memory, which writes each call it places to a file
of its own. Nobody answers, so no speech is needed. After every kill it starts again.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.attempt import Phase
from dialer.call.call import Desk, call
from dialer.call.conversation import Studio
from dialer.call.facts import Terms, case_facts
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.campaign.retry import load_policy
from dialer.channels.loopback.callee import Callee
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.channels.port import Line, Order
from dialer.clock import SystemClock
from dialer.evidence.mask import load_mask
from dialer.offers.plans import Wish
from dialer.settings import shipped
from dialer.store.port import Claimed, Stores
from ivr import fill
from ivr.library import load_library
from speech.pool import Pool
from speech.port import Hearing
from speech.prompts import open_prompts
from tests.kit.offers import SHIPPED
from tests.kit.stores import NODE, NOW, allow, contact, opened, personal, running

ROOT = Path(__file__).parents[2]
KILLS = 50
PEOPLE = 3_000
NAME = "spring"
RUNG = {Phase.DIALING, Phase.TALKING, Phase.UNKNOWN, Phase.DONE}
ANSWERS = ("busy", "no_answer", "congestion", "declined")


VOICES = {"en": "hibari:default"}
WISHES = (Wish("instalments", 3), Wish("deferral", 1))


class Deaf:
    """A recogniser that is never asked: nobody picks up here."""

    languages = frozenset({"zh", "en"})
    streaming = False

    def open(self, language: str, phrases: Sequence[str] = ()) -> Hearing:
        raise AssertionError("nobody answered")


def callee(number: str) -> Callee:
    """Somebody who does not pick up, after 0 to 150 ms."""
    n = int(number[-4:])
    return Callee(number, answer=ANSWERS[n % 4], ring_seconds=n % 4 / 20)


class Told(LoopbackChannel):
    """Says when this life's first call is placed."""

    _told = False

    @asynccontextmanager
    async def place(self, order: Order) -> AsyncIterator[Line]:
        if not self._told:
            self._told = True
            print("dialing", flush=True)  # noqa: T201 - the test waits for it
        async with super().place(order) as line:
            yield line


async def victim(home: Path) -> None:
    """One life of an engine."""
    clock = SystemClock(NOW - SystemClock().now())
    numbers = json.loads((home / "numbers.json").read_text())
    callees = {number: callee(number) for number in numbers}
    async with (
        opened(home) as stores,
        Pool(1, 4) as pool,
        open_prompts(home / "prompts", home / "models", VOICES, {}) as prompts,
        Told(callees, clock, record=home / "carrier.jsonl") as channel,
    ):
        studio = Studio(
            load_library(shipped("templates")),
            prompts,
            Deaf(),
            pool,
            load_mask(shipped("config") / "masks.toml"),
            clock,
            {"en": ()},
        )
        policy = load_policy(shipped("config") / "retry.toml", {})
        terms = Terms({"en": "A"}, "mediation", "loan", WISHES, SHIPPED)
        desk = Desk(
            stores=stores,
            carrier=channel,
            studio=studio,
            judge=allow,
            terms=terms,
            policy=policy,
            node=NODE,
            ring_seconds=1.0,
            line=asyncio.Semaphore(16),
        )

        async def one(claimed: Claimed) -> None:
            await call(claimed, desk)

        await stores.ledger.rescue(clock.now(), NODE)
        pace = Pace(lines=16, ahead=16, poll=0.05, lease=timedelta(minutes=15))
        print("up", flush=True)  # noqa: T201 - the test waits for it
        await Dispatcher(NAME, stores, one, clock, node=NODE, pace=pace).run(wait=False)


# --- the test


async def filled(home: Path) -> None:
    """A running campaign; everybody has one name, so that prompts are shared."""
    people = {
        f"c_{i:06d}": replace(
            personal(i), name="Avery Stone", account="A-1011", currency="USD"
        )
        for i in range(1, PEOPLE + 1)
    }
    numbers = [someone.phones[0] for someone in people.values()]
    (home / "numbers.json").write_text(json.dumps(numbers))
    async with opened(home) as stores:
        await stores.vault.put(people)
        await running(
            stores, [contact(i, language="en") for i in range(1, PEOPLE + 1)], NAME
        )


async def warmed(home: Path) -> None:
    """Render once what every life needs: else the first fifty die over it."""
    terms = Terms({"en": "A"}, "mediation", "loan", WISHES, SHIPPED)
    someone = replace(personal(1), name="Avery Stone", account="A-1011", currency="USD")
    case = case_facts(someone, contact(1, language="en"), terms, NOW, 0)
    texts = fill.all_clips(load_library(shipped("templates")), case)
    async with open_prompts(home / "prompts", home / "models", VOICES, {}) as prompts:
        await prompts.prepare("en", texts)


def live_and_die(home: Path, event: str, after: float) -> None:
    """Run an engine; kill it some seconds after it said `event`."""
    command = [sys.executable, "-m", "tests.live.test_engine_kill", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as it:
        assert it.stdout is not None
        while (said := it.stdout.readline()) != f"{event}\n":
            assert said, f"the engine ended before {event!r}"
        killer = threading.Timer(after, it.send_signal, [signal.SIGKILL])
        killer.start()
        it.stdout.read()
        killer.join()
    assert it.returncode == -signal.SIGKILL


async def states(stores: Stores) -> dict[str, tuple[Phase, str]]:
    return {
        row.attempt_id: (row.phase, row.contact_id)
        async for row in stores.calls.list(NAME)
    }


@pytest.mark.slow
@pytest.mark.live
async def test_an_engine_killed_fifty_times_rings_nobody_twice(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    await filled(tmp_path)
    await warmed(tmp_path)
    for _ in range(KILLS):
        event = chance.choice(("up", "dialing", "dialing", "dialing"))
        after = chance.uniform(0.0, 0.3)
        await asyncio.to_thread(live_and_die, tmp_path, event, after)
    async with opened(tmp_path) as stores:
        await stores.ledger.rescue(NOW, NODE)
        found = await states(stores)
    lines = (tmp_path / "carrier.jsonl").read_text().splitlines()
    placed = [json.loads(line) for line in lines if line.endswith("}")]
    print("placed", len(placed))  # noqa: T201
    assert len(placed) >= KILLS, "the kills left no time to dial"
    rings = Counter(call["attempt"] for call in placed)
    assert max(rings.values()) == 1, "an attempt was placed twice"
    people = Counter(call["number_sha256"] for call in placed)
    assert max(people.values()) == 1, "somebody was rung twice"
    assert {found[attempt][0] for attempt in rings} <= {Phase.UNKNOWN, Phase.DONE}


if __name__ == "__main__":
    asyncio.run(victim(Path(sys.argv[1])))
