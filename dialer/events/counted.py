"""A ledger that counts what goes through it. It changes nothing: what the ledger says
or raises comes back as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from dialer.clock import Clock
from dialer.events.metrics import Metrics
from dialer.model import Case, Judge, Outcome, Verdict
from dialer.store.port import Claimed, Ledger


class Counted:
    """A `store.port.Ledger` around another."""

    def __init__(self, ledger: Ledger, metrics: Metrics, clock: Clock) -> None:
        self._ledger = ledger
        self._m = metrics
        self._clock = clock
        self._up = dict[str, float]()  # attempts under way: when they were answered
        names = ("claim", "dialing", "answered", "finish", "rescue", "lost")
        self._took = {name: metrics.store.labels(name) for name in names}

    @contextmanager
    def _timed(self, method: str) -> Iterator[None]:
        began = self._clock.elapsed()
        try:
            yield
        finally:
            self._took[method].observe(self._clock.elapsed() - began)

    def _counting(self, judge: Judge) -> Judge:
        def judged(case: Case, now: datetime) -> Verdict:
            verdict = judge(case, now)
            self._count(verdict)
            return verdict

        return judged

    def _count(self, verdict: Verdict) -> None:
        for rule in dict.fromkeys(reason.rule for reason in verdict.reasons):
            self._m.refusals.labels(rule).inc()

    async def claim(
        self,
        campaign_id: str,
        limit: int,
        *,
        node: str,
        now: datetime,
        lease: timedelta,
        judge: Judge | None = None,
    ) -> list[Claimed]:
        asked = self._counting(judge) if judge else None
        with self._timed("claim"):
            return await self._ledger.claim(
                campaign_id, limit, node=node, now=now, lease=lease, judge=asked
            )

    async def dialing(
        self, attempt_id: str, *, node: str, now: datetime, judge: Judge
    ) -> Verdict:
        with self._timed("dialing"):
            verdict = await self._ledger.dialing(
                attempt_id, node=node, now=now, judge=judge
            )
        if verdict.allowed:
            self._m.dialed.inc()
            self._up[attempt_id] = -1.0
            self._m.in_use.set(len(self._up))
        else:
            self._count(verdict)
        return verdict

    async def answered(self, attempt_id: str, now: datetime) -> None:
        with self._timed("answered"):
            await self._ledger.answered(attempt_id, now)
        self._m.answered.inc()
        self._up[attempt_id] = self._clock.elapsed()

    async def finish(self, attempt_id: str, outcome: Outcome) -> None:
        try:
            with self._timed("finish"):
                await self._ledger.finish(attempt_id, outcome)
        finally:  # the line is free, even if the store could not be told
            began = self._up.pop(attempt_id, -1.0)
            self._m.in_use.set(len(self._up))
        if began >= 0:
            self._m.call.observe(self._clock.elapsed() - began)
        disposition = outcome.disposition.value
        self._m.attempts.labels(disposition).inc()
        if trunk := outcome.facts.get("trunk"):
            self._m.by_trunk.labels(trunk, disposition).inc()

    async def rescue(self, now: datetime, node: str | None = None) -> tuple[int, int]:
        with self._timed("rescue"):
            return await self._ledger.rescue(now, node)

    async def lost(self, campaign_id: str) -> list[str]:
        with self._timed("lost"):
            return await self._ledger.lost(campaign_id)
