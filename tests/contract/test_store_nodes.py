"""Nodes and what they share, on both engines. A server goes by its own clock."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import pytest

from dialer.attempt import Phase
from dialer.store.port import NotFound, Refused, Start, Stores
from tests.kit.stores import NOW, allow, claimed, contact, kinds, running

STALE = timedelta(seconds=15)
NEVER = timedelta(days=36500)
COUNT = itertools.count()
SECOND = timedelta(seconds=1)


async def join(stores: Stores, node: str, life: str, stale: timedelta = STALE) -> None:
    await stores.nodes.join(node, life, now=NOW, stale=stale)


async def test_a_name_belongs_to_one_life_while_it_is_seen(stores: Stores) -> None:
    await join(stores, "east", "first")
    await join(stores, "east", "first")  # the answer was lost
    with pytest.raises(Refused, match="east is up"):
        await join(stores, "east", "second")
    await join(stores, "east", "second", timedelta())  # the first is silent
    with pytest.raises(Refused, match="taken for dead"):
        await stores.nodes.beat("east", "first", now=NOW, stale=STALE)
    await stores.nodes.leave("east", "first", now=NOW)  # says nothing of the second
    told = await stores.nodes.beat("east", "second", now=NOW, stale=STALE)
    assert (told.draining, told.dead) == (False, ())
    await stores.nodes.leave("east", "second", now=NOW)
    assert [row.state for row in await stores.nodes.all()] == ["gone"]
    await join(stores, "east", "third")


async def test_who_is_silent_gives_back_what_it_reserved(stores: Stores) -> None:
    await running(stores, [contact(i) for i in range(1, 4)])
    await join(stores, "node-1", "a")
    await join(stores, "west", "b")
    one, two = await claimed(stores, 2)
    for each in (one,):
        await stores.ledger.dialing(
            each.attempt_id, node="node-1", now=NOW, judge=allow
        )
    told = await stores.nodes.beat("west", "b", now=NOW, stale=NEVER)
    assert told.dead == ()
    await stores.nodes.join("west", "b", now=NOW + SECOND, stale=STALE)
    told = await stores.nodes.beat("west", "b", now=NOW + 2 * STALE, stale=-NEVER)
    assert "node-1" in told.dead
    status = await stores.campaigns.status("spring")
    assert status.phases == {Phase.DUE: 2, Phase.UNKNOWN: 1}
    assert await stores.ledger.lost("spring") == [one.attempt_id]
    with pytest.raises(Refused, match="taken for dead"):
        await stores.nodes.beat("node-1", "a", now=NOW, stale=STALE)
    found = await kinds(stores, two.attempt_id)
    assert found == ["attempt.planned", "attempt.returned"]
    assert await kinds(stores, "node-1") == ["node.membership"] * 2


async def test_a_node_is_told_to_drain(stores: Stores) -> None:
    with pytest.raises(NotFound):
        await stores.nodes.drain("east", now=NOW)
    await join(stores, "east", "a")
    await stores.nodes.drain("east", now=NOW)
    assert (await stores.nodes.beat("east", "a", now=NOW, stale=STALE)).draining
    await stores.nodes.leave("east", "a", now=NOW)
    with pytest.raises(Refused, match="not up"):
        await stores.nodes.drain("east", now=NOW)


async def test_one_node_does_what_is_done_for_all(stores: Stores) -> None:
    """Whoever asks first has it, until it is given up, or its node is gone."""

    async def wish(node: str, *wants: str, bury: bool = True) -> set[str]:
        stale = STALE if bury else -NEVER
        told = await stores.nodes.beat(
            node, node, now=NOW, stale=stale, wants=wants, bury=bury
        )
        return set(told.duties)

    for node in ("east", "west"):
        await join(stores, node, node)
    assert await wish("east", "events", "pacing a") == {"events", "pacing a"}
    assert await wish("west", "events", "pacing a", "pacing b") == {"pacing b"}
    assert await wish("east", "events") == {"events"}
    assert await wish("west", "events", "pacing a") == {"pacing a"}
    assert await stores.nodes.duties() == {"events": "east", "pacing a": "west"}
    assert await wish("west", "events", "pacing a", bury=False) == {"pacing a"}
    told = await stores.nodes.beat(
        "west", "west", now=NOW + STALE, stale=-NEVER, wants=("events", "pacing a")
    )
    assert "east" in told.dead
    assert told.duties == {"events", "pacing a"}  # in the same beat
    await join(stores, "west", "another", timedelta(days=-1))
    assert await stores.nodes.duties() == {}, "a new life begins with none"
    await wish_of(stores, "west", "another", "events")
    await stores.nodes.leave("west", "another", now=NOW)
    assert await stores.nodes.duties() == {}


async def wish_of(stores: Stores, node: str, life: str, duty: str) -> None:
    told = await stores.nodes.beat(node, life, now=NOW, stale=STALE, wants=[duty])
    assert told.duties == {duty}


async def test_a_journal_is_kept_in_one_log(stores: Stores) -> None:
    first = await asyncio.gather(
        *(stores.journal.kept_by("evidence", key) for key in ("a", "b"))
    )
    assert len(set(first)) == 1
    other = ({"a", "b"} - set(first)).pop()
    assert await stores.journal.kept_by("evidence", other) == first[0]
    assert await stores.journal.kept_by("mqtt", other) == other
    assert await stores.journal.kept_by("evidence", other, anew=True) == other
    assert await stores.journal.cursor("evidence") == 0


async def take(
    stores: Stores, node: str, rate: float, channels: int = 5, seat: str = ""
) -> bool:
    start = await stores.lines.take(
        "t",
        node,
        seat or f"{node} {next(COUNT)}",
        channels=channels,
        per_second=rate,
        now=NOW,
    )
    return start.taken


async def test_channels_are_counted_over_all_nodes(stores: Stores) -> None:
    fast = 1e6
    for node in ("east", "west"):
        await join(stores, node, node)
    taken = await asyncio.gather(
        *(take(stores, "east", fast, seat=f"e{i}") for i in range(3)),
        take(stores, "east", fast, seat="e1"),  # asked again: no answer was heard
    )
    assert taken == [True] * 4
    assert [await take(stores, "west", fast) for _ in range(2)] == [True] * 2
    assert not await take(stores, "west", fast)  # five are in use
    for _ in range(2):
        await stores.lines.give("t", "e1")
    assert await take(stores, "west", fast)
    assert await stores.lines.used() == {("t", "east"): 2, ("t", "west"): 3}
    await stores.nodes.leave("west", "west", now=NOW)  # its calls are over
    assert await stores.lines.used() == {("t", "east"): 2}
    await stores.lines.give("t", "west 1")  # one that it gave late
    assert await stores.lines.used() == {("t", "east"): 2}


async def test_starts_are_spaced_over_all_nodes(stores: Stores) -> None:
    async def ask(node: str) -> Start:
        return await stores.lines.take(
            "t", node, node, channels=9, per_second=0.5, now=NOW
        )

    first, then = await ask("east"), await ask("west")
    assert first.taken
    assert not then.taken
    assert SECOND < then.at - first.at < 2 * SECOND  # the next is two seconds later
