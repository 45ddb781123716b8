"""Campaigns: their state, where they stand, and the plan."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from dialer.model import Judge
from dialer.store import recycle
from dialer.store.plan import Order, batch_ids, commit_chunk, try_chunk, write
from dialer.store.port import Campaign, NotFound, Planned, Refused, Status, Stood
from dialer.store.prepared import Conflict
from dialer.store.rows import campaign_of
from dialer.store.runner import Runner
from dialer.store.tables import attempts, campaigns
from dialer.store.why import stand_chunk
from dialer.store.work import Lock, Work

A = TypeVar("A")
B = TypeVar("B")
#: From which states a campaign may enter a state.
MOVES = {
    "running": ("created", "paused", "done"),
    "paused": ("running",),
    "stopped": ("running", "paused"),
    "done": ("running", "paused"),
}

_named = (
    select(campaigns)
    .where(
        or_(
            campaigns.c.campaign_id == bindparam("wanted"),
            campaigns.c.name == bindparam("wanted"),
        )
    )
    .order_by((campaigns.c.campaign_id == bindparam("wanted")).desc())
)
_all = select(campaigns).order_by(campaigns.c.created_at, campaigns.c.name)
_same = select(campaigns).where(
    or_(
        campaigns.c.campaign_id == bindparam("campaign_id"),
        campaigns.c.name == bindparam("name"),
    )
)
_move = update(campaigns).where(campaigns.c.campaign_id == bindparam("wanted"))
_counts = (
    select(
        attempts.c.phase,
        attempts.c.disposition,
        attempts.c.rules,
        func.count(),
        func.min(attempts.c.not_before),
    )
    .where(attempts.c.campaign_id == bindparam("campaign_id"))
    .group_by(attempts.c.phase, attempts.c.disposition, attempts.c.rules)
)


class SqlCampaigns:
    """`port.Campaigns` on any SQL database."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def create(self, campaign: Campaign) -> Campaign:
        """Refused: the name or the id is taken."""
        return await self._runner.write(lambda work: create(work, campaign))

    async def get(self, name_or_id: str) -> Campaign:
        return await self._runner.read(lambda c: get(c, name_or_id))

    async def all(self) -> list[Campaign]:
        return await self._runner.read(all_campaigns)

    async def set_state(self, campaign_id: str, state: str, at: datetime) -> Campaign:
        return await self._runner.write(
            lambda work: set_state(work, campaign_id, state, at)
        )

    async def status(self, campaign_id: str) -> Status:
        return await self._runner.read(lambda c: status(c, campaign_id))

    async def plan(
        self,
        campaign_id: str,
        batches: Sequence[str],
        *,
        judge: Judge,
        now: datetime,
        commit: bool,
    ) -> AsyncIterator[Sequence[Planned]]:
        """Chunks of at most 2,000. Besides the gate's reasons a refusal may be by
        `open_attempt` or `already_planned`: those create nothing. NotFound: the
        campaign, or a batch."""
        order = Order(await self.get(campaign_id), judge, now, commit=commit)
        names = await self._runner.read(lambda c: batch_ids(c, batches))
        for name in names:
            chunks = self._written(order, name) if commit else self._tried(order, name)
            async for chunk in chunks:
                if chunk:
                    yield chunk

    async def recycle(
        self,
        campaign_id: str,
        outcomes: Sequence[str],
        *,
        judge: Judge,
        now: datetime,
        commit: bool,
    ) -> AsyncIterator[Sequence[Planned]]:
        """Chunks of at most 2,000, in the order of the attempts. NotFound."""
        order = Order(await self.get(campaign_id), judge, now, commit=commit)
        after: int | None = 0
        while after is not None:
            chunk, after = await self._again(order, outcomes, after)
            if chunk:
                yield chunk

    async def _again(
        self, order: Order, outcomes: Sequence[str], after: int
    ) -> tuple[list[Planned], int | None]:
        if order.commit:
            found, following = await self._runner.write(
                lambda work: recycle.commit_chunk(work, order, outcomes, after)
            )
        else:
            found, following = await self._runner.read(
                lambda c: recycle.try_chunk(c, order, outcomes, after)
            )
        return [planned for _, planned in found], following

    async def why(
        self, campaign_id: str, batches: Sequence[str], *, judge: Judge, now: datetime
    ) -> AsyncIterator[Sequence[Stood]]:
        """Chunks of at most 2,000. NotFound: the campaign, or a batch."""
        order = Order(await self.get(campaign_id), judge, now, commit=False)
        for name in await self._runner.read(lambda c: batch_ids(c, batches)):
            after: int | None = 0
            while after is not None:
                chunk, after = await self._runner.read(
                    partial(stand_chunk, order=order, batch_id=name, after=after)
                )
                if chunk:
                    yield chunk

    async def _tried(
        self, order: Order, batch_id: str
    ) -> AsyncIterator[Sequence[Planned]]:
        after: int | None = 0
        while after is not None:
            chunk, after = await self._judged(order, batch_id, after, careful=True)
            yield chunk

    async def _written(
        self, order: Order, batch_id: str
    ) -> AsyncIterator[Sequence[Planned]]:
        """Each chunk is written while the next one is judged."""
        after = 0
        chunk, following = await self._judged(order, batch_id, after, careful=False)
        while following is not None:
            written, judged = await both(
                self._write(order, batch_id, after, chunk),
                self._judged(order, batch_id, following, careful=False),
            )
            yield written
            after, (chunk, following) = following, judged
        yield await self._write(order, batch_id, after, chunk)

    async def _judged(
        self, order: Order, batch_id: str, after: int, *, careful: bool
    ) -> tuple[list[Planned], int | None]:
        return await self._runner.read(
            lambda c: try_chunk(c, order, batch_id, after, careful=careful)
        )

    async def _write(
        self, order: Order, batch_id: str, after: int, chunk: Sequence[Planned]
    ) -> Sequence[Planned]:
        """As judged, unless something is in the way: then it is judged with care, in
        the transaction that writes it."""
        try:
            await self._runner.write(lambda work: write(work, order, chunk))
        except Conflict:
            chunk, _ = await self._runner.write(
                lambda work: commit_chunk(work, order, batch_id, after)
            )
        return chunk


async def both(one: Awaitable[A], other: Awaitable[B]) -> tuple[A, B]:
    """Side by side; raises when both are over."""
    found = await asyncio.gather(one, other, return_exceptions=True)
    for result in found:
        if isinstance(result, BaseException):
            raise result
    first, second = found
    return first, second  # type: ignore[return-value]  # no exceptions


def create(work: Work, new: Campaign) -> Campaign:
    values = {name: getattr(new, name) for name in campaigns.c.keys()}  # noqa: SIM118
    there = {"campaign_id": new.campaign_id, "name": new.name}
    if work.connection.execute(_same, there).first():
        raise Refused(f"there is a campaign named {new.name} already")
    work.connection.execute(insert(campaigns), values)
    body = {"name": new.name, "state": new.state, "settings": new.settings}
    work.note(new.created_at, "campaign.created", new.campaign_id, body)
    return new


def get(connection: Connection, name_or_id: str) -> Campaign:
    row = connection.execute(_named, {"wanted": name_or_id}).first()
    if row is None:
        raise NotFound("campaign", name_or_id)
    return campaign_of(row)


def all_campaigns(connection: Connection) -> list[Campaign]:
    return [campaign_of(row) for row in connection.execute(_all)]


def set_state(work: Work, campaign_id: str, state: str, at: datetime) -> Campaign:
    work.alone(Lock.GATE)  # paused: no call is placed after our commit
    before = get(work.connection, campaign_id)
    if before.state not in MOVES.get(state, ()):
        raise Refused(f"campaign {before.name} is {before.state}: it cannot be {state}")
    work.connection.execute(_move, {"wanted": before.campaign_id, "state": state})
    body = {"from": before.state, "to": state}
    work.wake()
    work.note(at, "campaign.state", before.campaign_id, body)
    return get(work.connection, before.campaign_id)


def status(connection: Connection, campaign_id: str) -> Status:
    campaign = get(connection, campaign_id)
    phases, dispositions, refusals = Counter[str](), Counter[str](), Counter[str]()
    next_due: datetime | None = None
    found = connection.execute(_counts, {"campaign_id": campaign.campaign_id})
    for phase, disposition, rules, count, earliest in found:
        phases[phase] += count
        if disposition:
            dispositions[disposition] += count
        for rule in rules.split():
            refusals[rule] += count
        if phase == "due":
            next_due = min(next_due or earliest, earliest)
    return Status(campaign, phases, dispositions, refusals, next_due)
