"""Cases that agents are shown before anybody is called. A row lives as long as an
attempt waits for an agent's word; to accept one opens nothing: the gate judges it when
it is dialed, like all others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from dialer.store.port import Refused
from dialer.store.runner import Runner
from dialer.store.tables import previews
from dialer.store.work import Work


class SqlPreviews:
    """`port.Previews` on any SQL database."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def offer(self, campaign_id: str, attempt_id: str, at: datetime) -> None:
        await self._runner.write(lambda work: offer(work, campaign_id, attempt_id, at))

    async def next(self, campaign_id: str, agent: str, at: datetime) -> str | None:
        return await self._runner.write(
            lambda work: next_of(work, campaign_id, agent, at)
        )

    async def answer(
        self, attempt_id: str, agent: str, at: datetime, *, call: bool
    ) -> None:
        await self._runner.write(
            lambda work: answer(work, attempt_id, agent, at, call=call)
        )

    async def answers(self, campaign_id: str) -> Mapping[str, str | None]:
        return await self._runner.read(lambda c: answers(c, campaign_id))

    async def withdraw(self, attempt_id: str) -> None:
        await self._runner.write(lambda work: withdraw(work, attempt_id))


def offer(work: Work, campaign_id: str, attempt_id: str, at: datetime) -> None:
    withdraw(work, attempt_id)
    values = {"attempt_id": attempt_id, "campaign_id": campaign_id, "offered_at": at}
    work.connection.execute(insert(previews), values)


def next_of(work: Work, campaign_id: str, agent: str, at: datetime) -> str | None:
    """The one they were shown and have not answered, else the one offered first."""
    open_ = (
        select(previews.c.attempt_id, previews.c.agent)
        .where(previews.c.campaign_id == campaign_id, previews.c.answer.is_(None))
        .order_by(previews.c.offered_at, previews.c.attempt_id)
    )
    rows = work.connection.execute(open_).all()
    mine = next((row.attempt_id for row in rows if row.agent == agent), None)
    found: str | None = mine or next(
        (row.attempt_id for row in rows if row.agent is None), None
    )
    if found and found != mine:
        this = update(previews).where(previews.c.attempt_id == found)
        work.connection.execute(this.values(agent=agent))
        body = {"campaign": campaign_id, "agent": agent}
        work.note(at, "attempt.shown", found, body)
    return found


def answer(
    work: Work, attempt_id: str, agent: str, at: datetime, *, call: bool
) -> None:
    mine = previews.c.attempt_id == attempt_id
    row = work.connection.execute(select(previews).where(mine)).first()
    if row is None:
        raise Refused(f"attempt {attempt_id} waits for nobody's word any more")
    if row.agent != agent:
        raise Refused(f"attempt {attempt_id} was not shown to {agent}")
    if row.answer is not None:
        raise Refused(f"attempt {attempt_id} is answered already: {row.answer}")
    word = "call" if call else "pass"
    work.connection.execute(update(previews).where(mine).values(answer=word))
    body = {"campaign": row.campaign_id, "agent": agent, "answer": word}
    work.note(at, "attempt.chosen", attempt_id, body)


def answers(connection: Connection, campaign_id: str) -> dict[str, str | None]:
    told = select(previews).where(
        previews.c.campaign_id == campaign_id, previews.c.answer.is_not(None)
    )
    rows = connection.execute(told)
    return {r.attempt_id: r.agent if r.answer == "call" else None for r in rows}


def withdraw(work: Work, attempt_id: str) -> None:
    gone = delete(previews).where(previews.c.attempt_id == attempt_id)
    work.connection.execute(gone)
