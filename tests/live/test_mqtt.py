"""Events over a real broker: killed, frozen, cut off, with TLS; and who is let in.

`python -m tests.live.test_mqtt HOME PORT` is a node that publishes until it is killed.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.clock import SystemClock
from dialer.events.broker import Broker, BrokerDown, BrokerRefuses, connected
from dialer.events.mqtt import READER, Publisher
from dialer.model import Disposition, Outcome, Turn
from dialer.sinks import Turn as Lock
from dialer.store.port import Stores
from tests.kit.mosquitto import ACL, HOST, PASSWORD, USER, running
from tests.kit.onlooker import Seen, onlooking
from tests.kit.relay import Relay, relay
from tests.kit.stores import NODE, NOW, allow, claimed, contact, opened
from tests.kit.stores import running as campaign

ROOT = Path(__file__).parents[2]
CLOCK = SystemClock()
STATE = f"accord/t/node/{NODE}/state"
LIFE = ["call.planned", "call.dialing", "call.answered", "call.turns", "call.ended"]

pytestmark = [pytest.mark.live, pytest.mark.slow]


def broker(
    port: int, password: str = PASSWORD, tls: ssl.SSLContext | None = None
) -> Broker:
    return Broker(HOST, port, "t", NODE, USER, password, tls)


@asynccontextmanager
async def published(publisher: Publisher) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        group.create_task(publisher.run())
        yield
        publisher.stop()


async def call_all(stores: Stores, limit: int = 1000) -> int:
    """Attempts of the campaign to their ends, side by side."""
    found = await claimed(stores, limit)
    async with asyncio.TaskGroup() as group:
        for one in found:
            group.create_task(call_one(stores, one.attempt_id))
    return len(found)


async def call_one(stores: Stores, attempt: str) -> None:
    await stores.ledger.dialing(attempt, node=NODE, now=NOW, judge=allow)
    await stores.ledger.answered(attempt, NOW)
    said = (Turn("them", 1.0, 2.0, "我是[姓名]", 1, intent="yes", confidence=0.9),)
    outcome = Outcome(
        Disposition.PROMISED,
        NOW,
        turns=said,
        facts={"trunk": "north", "note": "for the ledger"},
        measures={"seconds": 12.5},
    )
    await stores.ledger.finish(attempt, outcome)


async def test_a_broker_killed_and_cut_off_misses_no_event(tmp_path: Path) -> None:
    seen, people = Seen(), 120
    with running() as there:
        async with opened(tmp_path) as stores, relay(there.port) as link:
            publisher = Publisher(broker(link.port), stores.journal, CLOCK)
            async with published(publisher):
                async with onlooking(there, seen):
                    await campaign(stores, [contact(i) for i in range(people)])
                    await asyncio.gather(trouble(seen, link), slowly(stores))
                    link.cut()
                    there.kill()  # what is called meanwhile waits
                    await seen.alone.wait()
                assert await call_all(stores) == people - 40
                there.start()
                async with onlooking(there, seen):
                    link.mend()
                    end = await stores.journal.last()
                    await seen.until(lambda s: s.newest() >= end)
            assert await stores.journal.cursor(READER) == end
            calls = seen.calls()
            assert len(calls) == people
            assert {tuple(kinds) for kinds in calls.values()} == {tuple(LIFE)}
            text = b"".join(payload for _, payload, _ in seen.got)
            assert b"north" in text
            assert "姓名".encode() not in text, "what was said stays in the ledger"
            assert b"for the ledger" not in text
        # the broker forgot all it had; whoever comes now finds the state all the same
        late = Seen()
        async with onlooking(there, late):
            await late.until(lambda s: len(s.got) == 3)
        assert all(retained for _, _, retained in late.got)
        assert late.last("accord/t/campaign/spring/state")["state"] == "running"
        assert late.last("accord/t/campaign/spring/created")["name"] == "spring"
        assert (
            late.last(STATE).items() >= {"state": "offline", "why": "stopped"}.items()
        )


async def slowly(stores: Stores) -> None:
    for one in await claimed(stores, 40):
        await call_one(stores, one.attempt_id)


async def trouble(seen: Seen, link: Relay) -> None:
    """The connection breaks three times in the middle of it."""
    for so_many in (30, 160, 200):
        await seen.until(lambda s, n=so_many: len(s.got) >= n)  # type: ignore[misc]
        link.cut()
        link.mend()


async def test_a_frozen_broker_holds_up_nobody(tmp_path: Path) -> None:
    with running() as there:
        async with opened(tmp_path) as stores:
            publisher = Publisher(broker(there.port), stores.journal, CLOCK)
            async with published(publisher):
                await campaign(stores, [contact(i) for i in range(50)])
                there.send(signal.SIGSTOP)
                began = CLOCK.elapsed()
                assert await call_all(stores) == 50
                assert CLOCK.elapsed() - began < 5, "as without a broker"
                there.send(signal.SIGCONT)
                seen = Seen()
                async with onlooking(there, seen):
                    await stores.campaigns.set_state("spring", "paused", NOW)
                    await seen.until(
                        lambda s: (
                            s.last("accord/t/campaign/spring/state").get("state")
                            == "paused"
                        )
                    )
            assert await stores.journal.cursor(READER) == await stores.journal.last()


async def test_one_process_publishes_and_another_takes_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    turns = [Lock(tmp_path / "mqtt.lock") for _ in range(2)]
    state, seen = "accord/t/campaign/spring/state", Seen()
    with running() as there:
        async with opened(tmp_path) as stores, onlooking(there, seen):
            one, two = (
                Publisher(
                    replace(broker(there.port), node=name),
                    stores.journal,
                    CLOCK,
                    mine=turn.mine,
                )
                for name, turn in zip(("one", "two"), turns, strict=True)
            )
            await campaign(stores, [contact(i) for i in range(10)])
            await stores.journal.note(NOW, "attempt.ended", "bad", {})
            assert turns[0].mine()
            async with published(two):
                async with published(one):
                    await call_all(stores)
                    end = await stores.journal.last()
                    await seen.until(lambda s: s.newest() >= end)
                assert (one.published > 0, two.published) == (True, 0)
                turns[0].give_back()  # as when its process ends
                await stores.campaigns.set_state("spring", "paused", NOW)
                await seen.until(lambda s: s.last(state).get("state") == "paused")
            turns[1].give_back()
            assert two.published == 1
    assert {tuple(kinds) for kinds in seen.calls().values()} == {tuple(LIFE)}
    assert [record.msg for record in caplog.records if record.levelno >= 40] == [
        "events: an entry is no event"  # told of, and not in the way
    ]


async def test_the_broker_says_it_when_a_node_dies(tmp_path: Path) -> None:
    seen = Seen()
    with running() as there:
        async with onlooking(there, seen):
            command = ("-m", "tests.live.test_mqtt", str(tmp_path), str(there.port))
            it = await asyncio.create_subprocess_exec(
                sys.executable, *command, cwd=ROOT
            )
            await seen.until(lambda s: s.last(STATE).get("state") == "online")
            it.send_signal(signal.SIGKILL)
            await seen.until(lambda s: s.last(STATE).get("state") == "offline")
            await it.wait()
        assert seen.last(STATE)["why"] == "lost"
        late = Seen()
        async with onlooking(there, late):
            await late.until(lambda s: s.last(STATE))
        assert late.got[0][2], "it is retained"


@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")  # of paho
async def test_tls_and_who_is_let_in() -> None:
    with running(tls=True) as there:
        trusted = ssl.create_default_context(cafile=there.folder / "ca.pem")
        async with connected(broker(there.port, tls=trusted), "x"):
            pass
        with pytest.raises(BrokerRefuses) as refused:
            async with connected(broker(there.port, "wrong", trusted), "x"):
                pass
        assert "refuses user 'accord'" in str(refused.value)
        assert "wrong" not in str(refused.value)
        unknown = ssl.create_default_context()
        with pytest.raises(BrokerRefuses, match="certificate"):
            async with connected(broker(there.port, tls=unknown), "x"):
                pass
        with pytest.raises(BrokerDown):  # it speaks TLS alone
            async with connected(broker(there.port), "x"):
                pass
    with pytest.raises(BrokerDown):
        async with connected(broker(there.port), "x"):
            pass


async def test_what_the_broker_may_not_have_is_not_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It acknowledges all the same, and says in the PUBACK that it does not want it."""
    rules = ACL.replace(
        "topic readwrite accord/#", "topic readwrite accord/t/node/#", 1
    )
    with running(acl=rules) as there:
        async with opened(tmp_path) as stores:
            await campaign(stores, [contact()])
            publisher = Publisher(broker(there.port), stores.journal, CLOCK)
            publisher.stop()
            for _ in range(2):  # the second session begins with what broke the first
                await publisher.run()
            (first, *_) = [
                row
                for row in await stores.journal.after(0)
                if row.kind == "campaign.created"
            ]
            assert await stores.journal.cursor(READER) == first.seq - 1
    assert "it does not let us publish: Not authorized" in [
        getattr(record, "why", "") for record in caplog.records
    ]


async def node(home: Path, port: int) -> None:
    async with opened(home) as stores:
        await Publisher(broker(port), stores.journal, CLOCK).run()


if __name__ == "__main__":
    asyncio.run(node(Path(sys.argv[1]), int(sys.argv[2])))
