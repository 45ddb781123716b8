"""Run store methods: one writer thread with group commit, a few readers.

SQLite has one writer at a time, so writes queue for one thread. It takes all that wait,
runs them in one transaction and commits once: the sync to disk (0.3 ms here, 10 ms on a
slow disk) is shared by all callers that came while the last one ran. Those of a group
that ask for the same method are served by one call of it (`together`), so that they
share its statements too. When callers come side by side, groups begin `GATHER` apart,
to be worth their commit; but what is asked for alone (a claim, a flag) waits for none.
Nobody's answer is given before the commit that holds it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Self, TypeVar

from sqlalchemy import Connection, Engine, exc

from dialer.store.port import StoreDown, StoreError
from dialer.store.work import Work

A = TypeVar("A")
T = TypeVar("T")
GROUP = 256  # at most this many methods share one commit: 0.1 s on a slow machine
GATHER = 0.02  #: seconds between groups of several
#: Told of each group that is done: how many, seconds, how many wait already.
Told = Callable[[int, float, int], None]


def untold(size: int, seconds: float, waiting: int) -> None:
    pass


PAUSE = 0.5  #: seconds before storage that is down is tried again
PATIENCE = 60.0  #: seconds, for what must not be lost: an end, an opt-out
#: Serves all that were asked, in order; an answer for each.
Serve = Callable[[Work, Sequence[A]], Sequence[T]]


class Job(NamedTuple):
    serve: Serve[Any, Any]
    asked: Any
    future: asyncio.Future[Any]


Answer = tuple[Job, object, BaseException | None]


class Runner:
    """Opened with `async with`; leaving it lets queued writes finish."""

    def __init__(
        self,
        writer: Engine,
        reader: Engine,
        *,
        readers: int = 2,
        told: Told = untold,
    ) -> None:
        self._told = told
        self._began = 0.0
        self._writer = writer
        self._readers = reader
        self._asked: list[Job] = []
        self._rest = 0.0  # of the loop's time, when the next group may begin
        self._resting: asyncio.TimerHandle | None = None  # until then
        self._idle = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store writer")
        self._pool = ThreadPoolExecutor(readers, thread_name_prefix="store reader")

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._idle.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._idle.wait()
        await asyncio.to_thread(self._thread.shutdown)
        await asyncio.to_thread(self._pool.shutdown)
        self._writer.dispose()
        self._readers.dispose()

    async def write(self, job: Callable[[Work], T], *, patience: float = 0.0) -> T:
        """Run `job` in a transaction; durable when this returns. The job may run
        twice (the first run rolled back), so it must touch nothing but its Work.
        StoreDown: the database cannot be written now, nor within `patience` seconds.
        """
        return await self.together(each, job, patience=patience)

    async def together(
        self, serve: Serve[A, T], asked: A, *, patience: float = 0.0
    ) -> T:
        """As `write`, by a method that serves several callers at once. It must do for
        them all what it would do for one after the other. If it fails, it is run again
        for each alone, and raises to that one. With patience, being told twice must
        do no more than once: nobody knows whether the first was heard."""
        until = self._loop.time() + patience
        while True:
            try:
                return await self._asking(serve, asked)
            except StoreDown:
                if self._loop.time() >= until:
                    raise
            pause: asyncio.Future[None] = self._loop.create_future()
            self._loop.call_later(PAUSE, _end, pause)
            await pause

    async def _asking(self, serve: Serve[A, T], asked: A) -> T:
        future: asyncio.Future[T] = self._loop.create_future()
        self._asked.append(Job(serve, asked, future))
        if self._idle.is_set():
            self._idle.clear()
            self._resting = self._loop.call_at(self._rest, self._next)
        if serve is each and self._resting:  # nobody else would share its statements
            self._resting.cancel()
            self._resting = self._loop.call_at(0, self._next)
        return await future

    async def read(self, job: Callable[[Connection], T]) -> T:
        """Run `job` on a reader, in one snapshot. StoreDown as above."""
        return await self._loop.run_in_executor(self._pool, self._read, job)

    def _read(self, job: Callable[[Connection], T]) -> T:
        with translated(), self._readers.begin() as connection:
            return job(connection)

    def _next(self) -> None:
        """Give the thread what was asked since its last group, if anything."""
        self._resting = None
        group, self._asked = self._asked[:GROUP], self._asked[GROUP:]
        if group:
            self._began = self._loop.time()
            self._rest = self._began + GATHER * (len(group) > 1)
            self._thread.submit(self._work, group)
        else:
            self._idle.set()

    def _work(self, group: list[Job]) -> None:
        answers = self._run(group)
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            self._loop.call_soon_threadsafe(self._done, answers)

    def _done(self, answers: list[Answer]) -> None:
        """Callers come first: what they ask for at once is in the next group."""
        took = self._loop.time() - self._began
        self._told(len(answers), took, len(self._asked))
        self._resting = self._loop.call_at(self._rest, self._next)
        deliver(answers)

    def _run(self, group: list[Job]) -> list[Answer]:
        """All in one transaction; if one fails, each in its own, so that only the
        guilty one is told."""
        answers = list[Answer]()
        with Tried() as tried, translated(), self._writer.begin() as connection:
            work = Work(connection)
            answers = [
                (job, answer, None)
                for serve, jobs in kinds(group)
                for job, answer in zip(
                    jobs, serve(work, [job.asked for job in jobs]), strict=True
                )
            ]
            work.flush()
        if tried.error is None:
            return answers
        if len(group) == 1:
            return [(group[0], None, tried.error)]
        return [answer for job in group for answer in self._run([job])]


def _end(pause: asyncio.Future[None]) -> None:
    if not pause.done():  # it was cancelled
        pause.set_result(None)


def each(work: Work, jobs: Sequence[Callable[[Work], T]]) -> list[T]:
    return [job(work) for job in jobs]


def kinds(group: list[Job]) -> list[tuple[Serve[Any, Any], list[Job]]]:
    """The jobs by the method that serves them. All of a group wait at once, so any
    order would do; what is for one alone (a flag somebody set) is first."""
    found: dict[Serve[Any, Any], list[Job]] = {each: []}
    for job in group:
        found.setdefault(job.serve, []).append(job)
    return [(serve, jobs) for serve, jobs in found.items() if jobs]


def deliver(answers: list[Answer]) -> None:
    for job, result, error in answers:
        if job.future.done():  # its caller was cancelled
            continue
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)


class Tried:
    """Keeps what its block raises, to be raised where the caller waits: the writer's
    thread has nobody to raise it to, and must go on."""

    error: BaseException | None = None

    def __enter__(self) -> Tried:
        return self

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> bool:
        self.error = error
        return True


class translated:  # noqa: N801 - reads as a word in a `with`
    """SQLAlchemy's errors as the port's: what may pass becomes StoreDown."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        cut = isinstance(error, exc.DBAPIError) and error.connection_invalidated
        if cut or isinstance(error, exc.OperationalError | exc.TimeoutError):
            assert isinstance(error, exc.SQLAlchemyError)
            raise StoreDown(f"storage does not answer: {cause(error)}") from error
        if type(error) is exc.DatabaseError:  # not its kinds: those are bugs of ours
            raise StoreError(f"the database is damaged: {cause(error)}") from error


def cause(error: exc.SQLAlchemyError) -> str:
    """What the driver said; never the statement, whose values may be tokens."""
    return str(getattr(error, "orig", None) or error)
