"""The life of attempts: claim, dialing, answered, rescue. The hot path.

Every move goes through `attempt.advance`, but for `claim`, which is one statement and
makes one move of the table (due -> reserved).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    TextClause,
    bindparam,
    func,
    or_,
    select,
    update,
)

from dialer.attempt import (
    Answered,
    IllegalMove,
    Lost,
    Phase,
    Postponed,
    Reserved,
    advance,
)
from dialer.model import Judge, Outcome, Verdict
from dialer.store import finish
from dialer.store.agreements import Pens
from dialer.store.judging import (
    campaigns_of,
    facts,
    judged,
    not_running,
    note_verdict,
    sift,
)
from dialer.store.moves import GOVERNED, attempt_of, changes, read, save
from dialer.store.port import Claimed, Refused
from dialer.store.prepared import Listed, Lists, Prepared, parts
from dialer.store.rows import (
    contact_of,
    rules_text,
    verdict_text,
)
from dialer.store.runner import PATIENCE, Runner
from dialer.store.tables import (
    ASKED,
    DUE,
    HELD,
    RAISED,
    attempts,
    campaigns,
    contacts,
    numbers,
    stamp,
)
from dialer.store.work import Lock, Work

TURNS = 4  # of taking more where the gate refused some: the next poll goes on

_running = select(campaigns.c.campaign_id).where(
    campaigns.c.campaign_id == bindparam("wanted"), campaigns.c.state == "running"
)


def _claim_of(kind: TextClause, *more: ColumnElement[bool]) -> Prepared:
    """due -> reserved, oldest first, of the due attempts that `kind` names."""
    due = (
        select(attempts.c.row)
        .where(
            attempts.c.campaign_id == bindparam("wanted"),
            attempts.c.campaign_id.in_(_running),
            kind,
            *more,
            attempts.c.not_before <= bindparam("now"),
        )
        .order_by(attempts.c.not_before, attempts.c.row)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True, key_share=True)  # said on PostgreSQL only
        .cte("next_due")  # looked for once, whatever the plan
    )
    return Prepared(
        update(attempts)
        .where(attempts.c.row.in_(select(due.c.row)))
        .values(
            phase=Phase.RESERVED.value,
            node=bindparam("by"),
            lease_until=bindparam("until"),
        )
        .returning(attempts.c.row)
    )


_claim, _claim_asked = _claim_of(DUE), _claim_of(ASKED)
_claim_raised = _claim_of(RAISED, attempts.c.priority == bindparam("priority"))
#: The highest priority below `below` that some attempt waits with.
_raised = Prepared(
    select(func.max(attempts.c.priority)).where(
        attempts.c.campaign_id == bindparam("wanted"),
        RAISED,
        attempts.c.priority < bindparam("below"),
    )
)
MINE = ("row", "attempt_id", "campaign_id", "contact_id", "n", "position", "number")
THEIRS = (
    "person",
    "account",
    "batch_id",
    "zones",
    "locations",
    "sources",
    "consents",
    "creditor",
    "dated",
)
_claimed = Listed(
    lambda lists: (
        select(
            *(attempts.c[n] for n in (*MINE, *GOVERNED) if n != "contact_id"),
            attempts.c.priority.label("attempt_priority"),
            contacts,
        )
        .join_from(attempts, contacts)
        .where(attempts.c.row.in_(lists("rows")))
    )
)
_whole = Listed(
    lambda lists: (
        select(
            *(attempts.c[name] for name in (*MINE, *GOVERNED)),
            *(contacts.c[name] for name in THEIRS),
        )
        .join_from(attempts, contacts)
        .where(attempts.c.attempt_id.in_(lists("wanted")))
        .with_for_update(of=attempts, key_share=True)  # said on PostgreSQL only
    )
)
_bare = Listed(
    lambda lists: (
        select(attempts)
        .where(attempts.c.attempt_id.in_(lists("wanted")))
        .with_for_update(key_share=True)
    )
)
_owners = Listed(
    lambda lists: select(numbers.c.number, numbers.c.person).where(
        numbers.c.number.in_(lists("numbers"))
    )
)
_key = func.hashtextextended(numbers.c.number, 0)


def _hold_of(lists: Lists) -> Select[Any]:
    """PostgreSQL only: locks named for numbers, in one order everywhere."""
    keys = (
        select(_key.label("key"))
        .distinct()
        .join_from(attempts, contacts)
        .join(numbers, numbers.c.person == contacts.c.person)
        .where(attempts.c.attempt_id.in_(lists("wanted")))
        .order_by("key")
        .cte("keys")
    )
    return select(func.count(func.pg_advisory_xact_lock(keys.c.key)))


_hold = Listed(_hold_of)
_leased = Prepared(
    select(attempts)
    .where(
        HELD,
        or_(
            attempts.c.lease_until <= bindparam("now"),
            attempts.c.node == bindparam("by"),
        ),
    )
    .with_for_update(key_share=True)
)
_lost = Prepared(
    select(attempts.c.attempt_id)
    .where(
        attempts.c.phase == Phase.UNKNOWN.value,
        attempts.c.campaign_id == bindparam("wanted"),
    )
    .order_by(attempts.c.row)
)


class SqlLedger:
    """`port.Ledger` on any SQL database."""

    def __init__(self, runner: Runner, pens: Pens) -> None:
        self._runner = runner
        self._finish = partial(finish.finish, pens)  # one object: callers share it

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
        want = Want(campaign_id, limit, Reserved(node, now + lease), now, judge)
        return await self._runner.write(lambda work: claim(work, want))

    async def dialing(
        self, attempt_id: str, *, node: str, now: datetime, judge: Judge
    ) -> Verdict:
        """A campaign that is not running refuses too (`campaign_state`), and the
        attempt stays due. Refused: the lease is another node's. IllegalMove: it is
        not reserved."""
        asked = Ask(attempt_id, node, now, judge)
        return await self._runner.together(dialing, asked)

    async def answered(self, attempt_id: str, now: datetime) -> None:
        """IllegalMove: it is not dialing."""
        await self._runner.together(answered, (attempt_id, now), patience=PATIENCE)

    async def finish(self, attempt_id: str, outcome: Outcome) -> None:
        """From any open phase that `attempt.MOVES` lets end. Told again, it does
        nothing. IllegalMove: it has ended otherwise. StoreDown: for a minute now."""
        told = (attempt_id, outcome)
        await self._runner.together(self._finish, told, patience=PATIENCE)

    async def rescue(self, now: datetime, node: str | None = None) -> tuple[int, int]:
        return await self._runner.write(lambda work: rescue(work, now, node))

    async def lost(self, campaign_id: str) -> list[str]:
        values = {"wanted": campaign_id}
        return await self._runner.read(
            lambda connection: [row for (row,) in _lost.run(connection, values)]
        )


class Want(NamedTuple):
    """What a node asks for when it claims."""

    campaign_id: str
    limit: int
    taken: Reserved
    now: datetime
    judge: Judge | None


def claim(work: Work, want: Want) -> list[Claimed]:
    """Whom the gate refuses by now is put back, and the next ones are taken instead."""
    lawful = list[Any]()
    for _ in range(TURNS):
        wanted = want.limit - len(lawful)
        found = take(work, want, wanted)
        if want.judge is None or not found:
            lawful += found
            break
        for part in parts(found):
            allowed = sift(work, part, want.judge, want.now)
            lawful += [row for row in part if row.attempt_id in allowed]
        if len(lawful) == want.limit or len(found) < wanted:
            break
    return [
        Claimed(row.attempt_id, row.campaign_id, contact_of(row), row.position, row.n)
        for row in lawful
    ]


def take(work: Work, want: Want, limit: int) -> list[Any]:
    """Rows of attempts, now reserved, with their contacts' columns."""
    campaign_id, _, taken, now, _ = want
    values = {"wanted": campaign_id, "limit": limit, "now": stamp(now)}
    lease = {"by": taken.node, "until": stamp(taken.lease_until)}
    told = {**values, **lease}
    rows = [row for (row,) in _claim_asked.run(work.connection, told)]
    asked = set(rows)
    rows += raised(work, told, limit - len(rows))
    if len(rows) < limit:
        told["limit"] = limit - len(rows)
        rows += [row for (row,) in _claim.run(work.connection, told)]
    if not rows:
        return []
    found = [r for p in parts(rows) for r in _claimed.all(work.connection, {"rows": p})]
    found.sort(
        key=lambda row: (
            row.row not in asked,
            -row.attempt_priority,
            row.not_before,
            row.row,
        )
    )
    ids = [row.attempt_id for row in found]
    body = {"node": taken.node, "lease_until": lease["until"], "attempts": ids}
    work.note(now, "attempt.reserved", campaign_id, body)
    return found


def raised(work: Work, told: Mapping[str, object], limit: int) -> list[Any]:
    """Reserve attempts whose priority is above 0, the highest first, up to `limit`.
    One priority at a time: what waits for its hour is passed over by the index."""
    rows, below = list[Any](), 10
    while len(rows) < limit and below > 1:
        asked = {"wanted": told["wanted"], "below": below}
        (found,) = _raised.run(work.connection, asked).fetchone()
        if found is None:
            break
        below = found
        wish = {**told, "priority": found, "limit": limit - len(rows)}
        rows += [row for (row,) in _claim_raised.run(work.connection, wish)]
    return rows


class Ask(NamedTuple):
    """One attempt that a node means to dial, and who judges it."""

    attempt_id: str
    node: str
    now: datetime
    judge: Judge


def dialing(work: Work, asked: Sequence[Ask]) -> list[Verdict]:
    work.shared(Lock.GATE)
    hold_people(work, [ask.attempt_id for ask in asked])
    return dial(work, asked)


def dial(work: Work, asked: Sequence[Ask]) -> list[Verdict]:
    ids = [ask.attempt_id for ask in asked]
    rows = read(work, _whole, ids)
    if len(asked) > 1 and not strangers(work.connection, rows):
        half = len(asked) // 2  # the later must see the calls of the earlier
        return dial(work, asked[:half]) + dial(work, asked[half:])
    of = campaigns_of(work.connection, rows)
    judges = list({id(ask.judge): ask.judge for ask in asked}.values())
    first = min(ask.now for ask in asked)
    known = facts(work.connection, rows, of, first, judges)
    verdicts, changed = list[Verdict](), list[dict[str, object]]()
    for ask, row, case in zip(asked, rows, known, strict=True):
        attempt = attempt_of(row)
        if attempt.phase is not Phase.RESERVED:  # a refusal would end a call that rings
            raise IllegalMove(f"{ask.attempt_id} is not reserved: {attempt.phase}")
        if attempt.node != ask.node:
            raise Refused(f"attempt {ask.attempt_id} is reserved by {attempt.node}")
        state = of[row.campaign_id].state
        if state != "running":
            verdict = not_running(state, ask.now)
            moved = advance(attempt, Postponed(attempt.not_before))
        else:
            verdict = ask.judge(case, ask.now)
            moved = judged(attempt, verdict, ask.now)
        change = changes(row, attempt, moved)
        change["verdict"], change["rules"] = verdict_text(verdict), rules_text(verdict)
        changed.append(change)
        note_verdict(work, row, moved, verdict, ask.now)
        verdicts.append(verdict)
    save(work, changed)
    return verdicts


def hold_people(work: Work, ids: Sequence[str]) -> None:
    """Keep other nodes from dialing any number of these attempts' persons until our
    calls are on record: theirs count in the gate, as ours do for them."""
    if work.serves_many:
        for part in parts(ids):
            _hold.all(work.connection, {"wanted": part})


def strangers(connection: Connection, rows: Sequence[Any]) -> bool:
    """Whether no row's number is one of another row's person, so that dialing it
    changes nothing for the others."""
    persons = {row.person: row.number for row in rows}
    if len(persons) < len(rows):
        return False
    owners = _owners.all(connection, {"numbers": list(persons.values())})
    return all(persons.get(person, number) == number for number, person in owners)


def answered(work: Work, asked: Sequence[tuple[str, datetime]]) -> list[None]:
    rows = read(work, _bare, [attempt_id for attempt_id, _ in asked])
    changed = list[dict[str, object]]()
    for row, (attempt_id, now) in zip(rows, asked, strict=True):
        before = attempt_of(row)
        if before.phase is Phase.TALKING and before.answered_at == now:
            continue  # told before, and not heard that it was
        changed.append(changes(row, before, advance(before, Answered(now))))
        work.note(now, "attempt.answered", attempt_id, {"campaign": row.campaign_id})
    save(work, changed)
    return [None] * len(rows)


def rescue(
    work: Work, now: datetime, node: str | None, up: Collection[str] = ()
) -> tuple[int, int]:
    """`up`: nodes that are seen. Their calls may last longer than a lease."""
    given_back = lost = 0
    changed = list[dict[str, object]]()
    for row in _leased.all(work.connection, {"now": stamp(now), "by": node}):
        before = attempt_of(row)
        if before.phase is not Phase.RESERVED and row.node in up and row.node != node:
            continue
        if before.phase is Phase.RESERVED:
            moved = advance(before, Postponed(before.not_before))
            given_back += 1
        else:
            moved = advance(before, Lost())
            lost += 1
        changed.append(changes(row, before, moved))
        kind = "attempt.returned" if before.phase is Phase.RESERVED else "attempt.lost"
        body: Mapping[str, object] = {"campaign": row.campaign_id, "node": before.node}
        work.note(now, kind, row.attempt_id, body)
    save(work, changed)
    return given_back, lost
