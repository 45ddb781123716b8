"""Two nodes and a campaign for people: one calls, the other takes over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from dialer import app
from dialer.campaign.file import CampaignFile
from dialer.clock import FollowedClock
from dialer.engine import Engine as Calls
from dialer.settings import Engine, Settings
from dialer.sharing import Member, pacing
from dialer.store.port import Campaign, Stores
from speech.prompts import Recall
from tests.kit.stores import NOW, contact, imported, opened, personal, planned
from tests.kit.studio import humming

pytestmark = pytest.mark.slow
PEOPLE = range(1, 41)


def campaign(folder: Path) -> Campaign:
    folder.mkdir()
    for i in PEOPLE:
        number = personal(i).phones[0]
        said = f'number = "{number}"\nlanguage = "zh"\nanswer = "busy"\n'
        (folder / f"{i}.toml").write_text(said + "ring_seconds = 0.5\n")
    wanted = {
        "name": "spring",
        "agency": {"zh": "和信"},
        "callees": str(folder),
        "caller_id": "+861055550000",
        "pacing": {"mode": "progressive", "rehearsal": {"agents": 2}},
    }
    text = CampaignFile.model_validate(wanted).canonical()
    return Campaign("spring", "spring", "created", text, NOW)


class Machine:
    """One of two, on the same database; each calls whatever it may."""

    def __init__(self, me: Member, engine: Calls, stores: Stores) -> None:
        self.me, self.engine, self.stores = me, engine, stores

    async def dialed(self) -> list[str]:
        """The nodes that dialed, in order."""
        rows = await self.stores.journal.after(0, 10_000)
        bodies = [json.loads(r.body) for r in rows if r.kind == "attempt.dialing"]
        return [body["node"] for body in bodies]

    async def until(self, so: Callable[[list[str]], object]) -> list[str]:
        async with self.me.clock.timeout(60):
            while not so(found := await self.dialed()):
                await self.me.clock.sleep(0.05)
        return found


@asynccontextmanager
async def machine(home: Path, name: str, found: Campaign) -> AsyncIterator[Machine]:
    own = Engine(node=name, beat_seconds=0.1, stale_seconds=1.0, poll_seconds=0.1)
    settings = Settings(home=home / name, engine=own)
    settings.home.mkdir()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stores = await enter(opened(home))
        me = Member(stores, own, FollowedClock(NOW))
        await me.join()
        studio = await enter(humming(settings.home, me.clock))
        node = app.Node(me, stores, studio, Recall(), None, None, None)
        engine = await enter(app.beside(settings, stores, found, node))
        yield Machine(me, engine, stores)


async def test_one_node_at_a_time_calls_for_people(tmp_path: Path) -> None:
    """The first is cut off: it stops by itself, before the other begins."""

    async def nothing() -> None:
        pass

    async with opened(tmp_path) as stores:
        await stores.vault.put({f"c_{i:06d}": personal(i) for i in PEOPLE})
        await imported(stores, [contact(i) for i in PEOPLE])
        found = await stores.campaigns.create(campaign(tmp_path / "callees"))
        found = await stores.campaigns.set_state("spring", "running", NOW)
        await planned(stores, "spring")
    async with (
        machine(tmp_path, "east", found) as east,
        machine(tmp_path, "west", found) as west,
        asyncio.TaskGroup() as group,
    ):
        tasks = [
            group.create_task(one.me.beat(lambda why: None, nothing))
            for one in (east, west)
        ]
        tasks += [group.create_task(m.engine.run(wait=True)) for m in (east, west)]
        await east.until(lambda nodes: len(nodes) >= 3)
        holder = (await east.stores.nodes.duties())[pacing("spring")]
        (other,) = {"east", "west"} - {holder}
        tasks[holder == "west"].cancel()  # nobody sees it any more
        nodes = await east.until(lambda nodes: nodes.count(other) >= 3)
        for task in tasks:
            task.cancel()
    turn = nodes.index(other)
    assert set(nodes[:turn]) == {holder}
    assert set(nodes[turn:]) == {other}
