"""The life of attempts: claim, dialing, answered, rescue. The hot path.

Every move goes through `attempt.advance`, but for `claim`, which is one statement and
makes one move of the table (due -> reserved).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    or_,
    select,
    update,
)

from dialer.attempt import (
    Answered,
    Attempt,
    Dialing,
    Ended,
    Lost,
    Phase,
    Postponed,
    Reserved,
    advance,
)
from dialer.model import Disposition, Judge, Outcome, Reason, Verdict
from dialer.store import cases, finish
from dialer.store.port import Claimed, NotFound, Refused
from dialer.store.prepared import Prepared
from dialer.store.rows import (
    GOVERNED,
    attempt_of,
    attempt_values,
    contact_of,
    reason_map,
    rules_text,
    verdict_text,
)
from dialer.store.runner import Runner
from dialer.store.tables import (
    DUE,
    HELD,
    attempts,
    batches,
    campaigns,
    contacts,
    stamp,
)
from dialer.store.work import Work

HOUSE = "the ledger (rule of the house)"
SOON = timedelta(minutes=1)  # when the gate names a moment that has passed

_running = select(campaigns.c.campaign_id).where(
    campaigns.c.campaign_id == bindparam("wanted"), campaigns.c.state == "running"
)
_due = (
    select(attempts.c.row)
    .where(
        attempts.c.campaign_id == bindparam("wanted"),
        attempts.c.campaign_id.in_(_running),
        DUE,
        attempts.c.not_before <= bindparam("now"),
    )
    .order_by(attempts.c.not_before, attempts.c.row)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)  # said on PostgreSQL; SQLite has one writer
)
_claim = Prepared(
    update(attempts)
    .where(attempts.c.row.in_(_due.scalar_subquery()))
    .values(
        phase=Phase.RESERVED.value,
        node=bindparam("by"),
        lease_until=bindparam("until"),
    )
    .returning(attempts.c.row)
)
_claimed = (
    select(attempts.c.attempt_id, attempts.c.n, attempts.c.position, contacts)
    .join_from(attempts, contacts)
    .where(attempts.c.row.in_(bindparam("rows", expanding=True)))
    .order_by(attempts.c.not_before, attempts.c.row)
)
_whole = Prepared(
    select(
        *(column for column in attempts.c if column.name not in contacts.c),
        contacts,
        batches.c.importer,
        campaigns.c.state,
        campaigns.c.settings,
    )
    .select_from(attempts)
    .join(contacts)
    .join(batches)
    .join(campaigns, campaigns.c.campaign_id == attempts.c.campaign_id)
    .where(attempts.c.attempt_id == bindparam("wanted"))
)
_bare = Prepared(select(attempts).where(attempts.c.attempt_id == bindparam("wanted")))
_move = Prepared(
    update(attempts)
    .where(attempts.c.row == bindparam("at_row"))
    .values({name: bindparam(name) for name in (*GOVERNED, "verdict", "rules")})
)
_leased = Prepared(
    select(attempts).where(
        HELD,
        or_(
            attempts.c.lease_until <= bindparam("now"),
            attempts.c.node == bindparam("by"),
        ),
    )
)


class SqlLedger:
    """`port.Ledger` on any SQL database."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def claim(
        self,
        campaign_id: str,
        limit: int,
        *,
        node: str,
        now: datetime,
        lease: timedelta,
    ) -> list[Claimed]:
        taken = Reserved(node, now + lease)
        return await self._runner.write(
            lambda work: claim(work, campaign_id, limit, taken, now)
        )

    async def dialing(
        self, attempt_id: str, *, node: str, now: datetime, judge: Judge
    ) -> Verdict:
        """A campaign that is not running refuses too (`campaign_state`), and the
        attempt stays due. Refused: the lease is another node's. IllegalMove: it is
        not reserved."""
        return await self._runner.write(
            lambda work: dialing(work, attempt_id, node, now, judge)
        )

    async def answered(self, attempt_id: str, now: datetime) -> None:
        """IllegalMove: it is not dialing."""
        await self._runner.write(lambda work: answered(work, attempt_id, now))

    async def finish(self, attempt_id: str, outcome: Outcome) -> None:
        """From any open phase that `attempt.MOVES` lets end. IllegalMove: done."""
        await self._runner.write(lambda work: finish.finish(work, attempt_id, outcome))

    async def rescue(self, now: datetime, node: str | None = None) -> tuple[int, int]:
        return await self._runner.write(lambda work: rescue(work, now, node))


def claim(
    work: Work, campaign_id: str, limit: int, taken: Reserved, now: datetime
) -> list[Claimed]:
    values = {"wanted": campaign_id, "limit": limit, "now": stamp(now)}
    lease = {"by": taken.node, "until": stamp(taken.lease_until)}
    rows = [row for (row,) in _claim.run(work.connection, {**values, **lease})]
    if not rows:
        return []
    found = [
        Claimed(row.attempt_id, campaign_id, contact_of(row), row.position, row.n)
        for row in work.connection.execute(_claimed, {"rows": rows})
    ]
    ids = [claimed.attempt_id for claimed in found]
    until = stamp(taken.lease_until)
    body = {"node": taken.node, "lease_until": until, "attempts": ids}
    work.note(now, "attempt.reserved", campaign_id, body)
    return found


def dialing(
    work: Work, attempt_id: str, node: str, now: datetime, judge: Judge
) -> Verdict:
    row = _whole.first(work.connection, {"wanted": attempt_id})
    if row is None:
        raise NotFound("attempt", attempt_id)
    attempt = attempt_of(row)
    if attempt.phase is Phase.RESERVED and attempt.node != node:
        raise Refused(f"attempt {attempt_id} is reserved by {attempt.node}")
    if row.state != "running":
        verdict = not_running(row, now)
        moved = advance(attempt, Postponed(attempt.not_before))
    else:
        verdict = judge(case_of(work.connection, row, now), now)
        moved = judged(attempt, verdict, now)
    store(work, row, moved, verdict)
    note_verdict(work, row, moved, verdict, now)
    return verdict


def case_of(connection: Connection, row: Any, now: datetime) -> Any:
    packs, purpose = cases.asked(row.settings)
    contact = contact_of(row)
    wish = cases.Wish(contact, row.position, row.batch_id, row.importer, packs, purpose)
    return cases.gather(connection, [wish], now)[0]


def not_running(row: Any, now: datetime) -> Verdict:
    """Paused or stopped between claim and dialing: no new calls."""
    reason = Reason("campaign_state", HOUSE, f"the campaign is {row.state}")
    return Verdict(False, (reason,), now)


def judged(attempt: Attempt, verdict: Verdict, now: datetime) -> Attempt:
    if verdict.allowed:
        return advance(attempt, Dialing(now))
    if verdict.next_allowed is None:
        return advance(attempt, Ended(Disposition.REFUSED, now))
    later = verdict.next_allowed if verdict.next_allowed > now else now + SOON
    return advance(attempt, Postponed(later))


def store(work: Work, row: Any, moved: Attempt, verdict: Verdict | None = None) -> None:
    values = {"at_row": row.row, **attempt_values(moved)}
    if verdict is None:
        values |= {"verdict": row.verdict, "rules": row.rules}
    else:
        values |= {"verdict": verdict_text(verdict), "rules": rules_text(verdict)}
    _move.run(work.connection, values)


def note_verdict(
    work: Work, row: Any, moved: Attempt, verdict: Verdict, now: datetime
) -> None:
    body: dict[str, object] = {"campaign": row.campaign_id, "contact": row.contact_id}
    if moved.phase is Phase.DIALING:
        body |= {"n": row.n, "node": moved.node}
        work.note(now, "attempt.dialing", row.attempt_id, body)
        return
    body |= {"reasons": [reason_map(reason) for reason in verdict.reasons]}
    if moved.phase is Phase.DONE:
        work.note(now, "attempt.refused", row.attempt_id, body)
    else:
        body |= {"not_before": stamp(moved.not_before)}
        work.note(now, "attempt.postponed", row.attempt_id, body)


def bare(connection: Connection, attempt_id: str) -> Any:
    row = _bare.first(connection, {"wanted": attempt_id})
    if row is None:
        raise NotFound("attempt", attempt_id)
    return row


def answered(work: Work, attempt_id: str, now: datetime) -> None:
    row = bare(work.connection, attempt_id)
    store(work, row, advance(attempt_of(row), Answered(now)))
    work.note(now, "attempt.answered", attempt_id, {"campaign": row.campaign_id})


def rescue(work: Work, now: datetime, node: str | None) -> tuple[int, int]:
    given_back = lost = 0
    for row in _leased.all(work.connection, {"now": stamp(now), "by": node}):
        before = attempt_of(row)
        if before.phase is Phase.RESERVED:
            moved = advance(before, Postponed(before.not_before))
            given_back += 1
        else:
            moved = advance(before, Lost())
            lost += 1
        store(work, row, moved)
        kind = "attempt.returned" if before.phase is Phase.RESERVED else "attempt.lost"
        body: Mapping[str, object] = {"campaign": row.campaign_id, "node": before.node}
        work.note(now, kind, row.attempt_id, body)
    return given_back, lost
