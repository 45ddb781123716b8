"""Run store methods on a database server, where other nodes write too.

As `runner`, but for what a server brings: transactions of other nodes run beside ours,
so ours may be told to begin again; and the connection may be cut when nobody can say
whether a commit happened. Then the journal is asked: every transaction is known by the
random salt of its last entry.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import exc, select

from dialer.store.port import StoreDown
from dialer.store.runner import (
    Answer,
    Job,
    Runner,
    Serve,
    Tried,
    each,
    kinds,
    translated,
)
from dialer.store.tables import journal
from dialer.store.work import Lock, Mark, Work

TRIES = 8  #: of a transaction that others' transactions made fail
DOUBTS = 3  #: commits of one transaction that may be cut
DOUBT = 2.0  #: seconds to find out whether a commit happened
PAUSE = 0.1  #: seconds between two askings
#: Errors after which PostgreSQL has certainly rolled back, and that another run may not
#: meet: serialization, deadlock, a row that another transaction wrote just now (which
#: the next run will see), the key it refers to gone, a lock waited for too long.
AGAIN = frozenset({"40001", "40P01", "23505", "23503", "55P03"})


UNKNOWN = "cut while it committed: nobody knows whether it did"


class InDoubt(Exception):
    """The connection was cut between COMMIT and its answer."""

    def __init__(self, mark: Mark | None, answers: Sequence[Any]) -> None:
        super().__init__("cut between COMMIT and its answer")
        self.mark = mark
        self.answers = answers  # if it happened


class ServerRunner(Runner):
    """Those of a group that ask for the same share one transaction; what is asked for
    alone has its own, so that nothing holds locks of two kinds."""

    def _run(self, group: list[Job]) -> list[Answer]:
        answers = list[Answer]()
        for serve, jobs in kinds(group):
            for part in [[job] for job in jobs] if serve is each else [jobs]:
                answers += self._served(serve, part)
        return answers

    def _served(self, serve: Serve[Any, Any], jobs: list[Job]) -> list[Answer]:
        """If it fails for several, each is served alone: only the guilty is told."""
        tries = TRIES if len(jobs) == 1 else 2
        for left in reversed(range(tries)):
            with Tried() as tried, translated():
                found = self._once(serve, jobs)
            if tried.error is None:
                return [(job, a, None) for job, a in zip(jobs, found, strict=True)]
            if not (left and begins_again(tried.error)):
                break
        if len(jobs) == 1 or isinstance(tried.error, StoreDown):
            return [(job, None, tried.error) for job in jobs]
        return [answer for job in jobs for answer in self._served(serve, [job])]

    def _once(self, serve: Serve[Any, Any], jobs: list[Job]) -> Sequence[Any]:
        for _ in range(DOUBTS):
            try:
                return self._transaction(serve, jobs)
            except InDoubt as doubt:
                if self._happened(doubt.mark):
                    return doubt.answers
        raise StoreDown("cut while it committed, again and again")

    def _transaction(self, serve: Serve[Any, Any], jobs: list[Job]) -> Sequence[Any]:
        with self._writer.connect() as connection:
            connection.begin()
            work = Work(connection)
            answers = serve(work, [job.asked for job in jobs])
            work.flush()
            try:
                connection.commit()
            except exc.DBAPIError as error:
                if sqlstate(error)[:2] not in ("", "08", "57"):
                    raise  # the server said no
                connection.invalidate()
                raise InDoubt(work.mark, answers) from error
        return answers

    def _happened(self, mark: Mark | None) -> bool:
        """Whether a transaction in doubt was committed. Without journal entries it
        changed nothing that may not be done twice: no. StoreDown: nobody can say."""
        if mark is None:
            return False
        waited = 0.0
        while True:
            with suppress(exc.OperationalError, StoreDown):
                return self._journaled(mark)
            if waited >= DOUBT:
                raise StoreDown(UNKNOWN)
            threading.Event().wait(PAUSE)
            waited += PAUSE

    def _journaled(self, mark: Mark) -> bool:
        """The transaction held the journal's lock to its end: who gets it next sees
        what became of it."""
        with self._writer.begin() as connection:
            Work(connection).alone(Lock.JOURNAL)
            there = select(journal.c.salt).where(journal.c.seq == mark.seq)
            return bool(connection.execute(there).scalar() == mark.salt)


def sqlstate(error: BaseException | None) -> str:
    """PostgreSQL's code for an error, or for what caused it; empty: it gave none (the
    connection was cut)."""
    while error is not None:
        of = getattr(error, "orig", None) or error
        if found := getattr(of, "sqlstate", None):
            return str(found)
        error = error.__cause__
    return ""


def begins_again(error: BaseException) -> bool:
    """Whether the same transaction may succeed now, having certainly not happened."""
    return sqlstate(error) in AGAIN
