"""One writer, group commit, and what a caller is told when storage fails."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3.dbapi2 as sqlite
from sqlalchemy import Connection, event, func, insert, select

from dialer.evidence.entry import canonical
from dialer.store.port import StoreDown
from dialer.store.runner import Runner
from dialer.store.sqlite import prepared
from dialer.store.tables import cursors
from dialer.store.work import Work, body_text
from tests.kit.stores import NOW, contact, kinds, opened, running


class Wrong(Exception):
    pass


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[Runner]:
    async with Runner(*prepared(tmp_path / "x.db", "ledger")) as found:
        yield found


def write(name: str, *, fail: bool = False) -> Callable[[Work], str]:
    def job(work: Work) -> str:
        work.connection.execute(insert(cursors), {"reader": name, "seq": 1})
        work.note(NOW, "flag.set", name, {})
        if fail:
            raise Wrong(name)
        return name

    return job


def count(connection: Connection) -> int:
    found: int = connection.execute(
        select(func.count()).select_from(cursors)
    ).scalar_one()
    return found


def entries(connection: Connection) -> list[int]:
    rows = connection.exec_driver_sql("SELECT seq FROM journal ORDER BY seq")
    return [row[0] for row in rows]


async def test_many_writers_share_few_commits(runner: Runner) -> None:
    commits = list[int]()
    event.listen(runner._writer, "commit", lambda connection: commits.append(1))
    names = [f"r{i}" for i in range(200)]
    found = await asyncio.gather(*(runner.write(write(name)) for name in names))
    assert found == names
    assert await runner.read(count) == 200
    assert await runner.read(entries) == list(range(1, 201))
    assert 0 < sum(commits) < 100


async def test_what_is_asked_for_alone_does_not_wait_for_a_group(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialer.store.runner.GATHER", 4.0)

    def echo(work: Work, asked: Sequence[int]) -> list[int]:
        return list(asked)

    loop = asyncio.get_running_loop()
    began = loop.time()
    asked = (runner.together(echo, i) for i in range(2))
    assert await asyncio.gather(*asked) == [0, 1]
    waits = asyncio.gather(runner.together(echo, 2))  # for the next group to begin
    assert await runner.write(write("alone")) == "alone"
    assert list(await waits) == [2]  # it came along
    assert loop.time() - began < 3.0


async def test_only_the_guilty_fails_and_leaves_nothing(runner: Runner) -> None:
    jobs = [write(f"r{i}", fail=i % 10 == 3) for i in range(50)]
    found = await asyncio.gather(*map(runner.write, jobs), return_exceptions=True)
    failed = [i for i, answer in enumerate(found) if isinstance(answer, Wrong)]
    assert failed == [3, 13, 23, 33, 43]
    assert await runner.read(count) == 45
    assert await runner.read(entries) == list(range(1, 46))


async def test_a_cancelled_caller_does_not_stop_the_others(runner: Runner) -> None:
    started, gate = threading.Event(), threading.Event()

    def slow(work: Work) -> None:
        started.set()
        assert gate.wait(10)

    async with asyncio.TaskGroup() as group:
        group.create_task(runner.write(slow))
        await asyncio.to_thread(started.wait)
        dropped = group.create_task(runner.write(write("dropped")))
        kept = group.create_task(runner.write(write("kept")))
        await asyncio.to_thread(lambda: None)  # both are queued
        dropped.cancel()
        gate.set()
    assert kept.result() == "kept"
    assert dropped.cancelled()


async def test_leaving_lets_queued_writes_finish(tmp_path: Path) -> None:
    engines = prepared(tmp_path / "x.db", "ledger")
    async with asyncio.TaskGroup() as group, Runner(*engines) as runner:
        for i in range(20):
            group.create_task(runner.write(write(f"r{i}")))
        await runner.read(entries)  # the tasks have begun; now leave
    with closing(sqlite.connect(str(tmp_path / "x.db"))) as again:
        assert again.execute("SELECT count(*) FROM cursors").fetchone() == (20,)


async def test_a_reader_cannot_write(runner: Runner) -> None:
    with pytest.raises(StoreDown, match="readonly"):
        await runner.read(
            lambda connection: connection.exec_driver_sql("DELETE FROM journal")
        )


async def test_a_locked_database_is_down_and_then_up_again(runner: Runner) -> None:
    def hurry(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout = 10")

    event.listen(runner._writer, "checkout", hurry)
    path = await runner.read(lambda c: c.exec_driver_sql("PRAGMA database_list").one())
    with closing(sqlite.connect(path[2], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreDown, match="locked"):
            await runner.write(write("r1"))
        other.execute("ROLLBACK")
    assert await runner.write(write("r1")) == "r1"
    assert await runner.read(entries) == [1]


async def test_a_full_disk_is_down_and_leaves_nothing_half_done(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as stores:
        await running(stores, [contact(i) for i in range(1, 3)])
        before = await kinds(stores)
        writer = stores.ledger._runner._writer  # type: ignore[attr-defined]

        def full(connection: Any, *_: object) -> None:
            connection.execute("PRAGMA max_page_count = 1")

        event.listen(writer, "checkout", full)
        big = [contact(i, creditor="x" * 5000) for i in range(10, 400)]
        with pytest.raises(StoreDown, match="full"):
            await running(stores, big, "autumn")
        after = await kinds(stores)
        assert after.count("contacts.added") == before.count("contacts.added") == 1


def test_a_flat_body_is_written_as_the_canonical_one() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    alphabet = 'ab"\\/\b\f\n\r\t\x00\x1f\x7f\u2028é中😀 '

    def word() -> str:
        return "".join(chance.choices(alphabet, k=chance.randrange(8)))

    def value() -> object:
        numbers = (0, -7, 2**53, 1.0, 0.0, 1e-7, 12.5)
        return chance.choice((word(), *numbers, True, None, {}, [], {"b": 1.0, "a": 2}))

    for _ in range(2000):
        body = {f"k{i}": value() for i in range(chance.randrange(6))}
        assert body_text(body) == canonical(body)
    with pytest.raises(ValueError, match="surrogates"):
        body_text({"a": "\ud800"})
