"""The pool: bounded, prompt in refusing, clean in closing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from speech.pool import Pool
from speech.port import PoolFull


class Gate:
    """Work that says when it began and ends when it is let go."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go = threading.Event()

    def work(self, answer: int) -> int:
        self.began.set()
        assert self.go.wait(10)
        return answer


async def until(true: Callable[[], bool]) -> None:
    """Let the loop turn until `true` is."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 10
    while not true():
        assert loop.time() < end
        await asyncio.to_thread(lambda: None)


async def test_work_is_done_off_the_loop() -> None:
    async with Pool(1, 0) as pool:
        assert await pool.run(threading.get_ident) != threading.get_ident()
        assert await pool.run(divmod, 7, 2) == (3, 1)


async def test_what_the_work_raises_comes_through_and_the_thread_is_free_again() -> (
    None
):
    async with Pool(1, 0) as pool:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await pool.run(divmod, 1, 0)
        assert await pool.run(int, "5") == 5


async def test_a_full_queue_refuses_at_once() -> None:
    gate = Gate()
    async with Pool(1, 2) as pool, asyncio.TaskGroup() as group:
        tasks = [group.create_task(pool.run(gate.work, n)) for n in range(3)]
        await until(lambda: gate.began.is_set() and pool.waiting == 2)
        with pytest.raises(PoolFull):
            await pool.run(gate.work, 9)
        gate.go.set()
        assert [await task for task in tasks] == [0, 1, 2]
        assert pool.waiting == 0
        assert await pool.run(int, "4") == 4


async def test_a_job_cancelled_before_it_began_never_runs() -> None:
    gate, ran = Gate(), list[int]()
    async with Pool(1, 5) as pool, asyncio.TaskGroup() as group:
        first = group.create_task(pool.run(gate.work, 1))
        await until(gate.began.is_set)
        waiting = group.create_task(pool.run(ran.append, 2))
        await until(lambda: pool.waiting == 1)
        waiting.cancel()
        await until(waiting.done)
        assert pool.waiting == 0
        gate.go.set()
        assert await first == 1
        await pool.run(ran.append, 3)
    assert ran == [3]


async def test_a_cancelled_job_that_has_begun_keeps_its_thread_until_done() -> None:
    gate = Gate()
    async with Pool(1, 0) as pool, asyncio.TaskGroup() as group:
        begun = group.create_task(pool.run(gate.work, 1))
        await until(gate.began.is_set)
        begun.cancel()
        await until(begun.done)
        with pytest.raises(PoolFull):
            await pool.run(int, "1")
        gate.go.set()

        async def free() -> bool:
            try:
                return await pool.run(int, "1") == 1
            except PoolFull:
                return False

        while not await free():
            await asyncio.to_thread(lambda: None)


async def test_many_jobs_never_exceed_the_workers() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def work(n: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        total = sum(range(2000))
        with lock:
            now -= 1
        return n + total - total

    async with Pool(3, 1000) as pool, asyncio.TaskGroup() as group:
        tasks = [group.create_task(pool.run(work, n)) for n in range(300)]
    assert [task.result() for task in tasks] == list(range(300))
    assert most <= 3


async def test_a_closed_pool_refuses_and_what_waited_is_told() -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as group:
        pool = Pool(1, 5)
        async with pool:
            first = group.create_task(pool.run(gate.work, 1))
            await until(gate.began.is_set)
            second = group.create_task(_outcome(pool))
            await until(lambda: pool.waiting == 1)
            gate.go.set()
        assert await first == 1
        assert await second in ("refused", "done")
    with pytest.raises(PoolFull, match="closed"):
        await pool.run(int, "1")


async def _outcome(pool: Pool) -> str:
    try:
        await pool.run(int, "1")
    except PoolFull:
        return "refused"
    return "done"


@pytest.mark.parametrize(("workers", "waiting"), [(0, 1), (1, -1)])
async def test_a_pool_of_nothing_is_refused(workers: int, waiting: int) -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        Pool(workers, waiting)
