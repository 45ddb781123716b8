"""The plan: judge every contact, and with `commit` make its first attempt.

A million contacts pass through in chunks; nothing is kept between two chunks but the
numbers that several contacts share.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select

from dialer.attempt import Attempt, Ended, Phase, advance
from dialer.model import (
    Case,
    Contact,
    Disposition,
    Judge,
    KnowingJudge,
    Reason,
    Verdict,
)
from dialer.store import cases, moves, page
from dialer.store.kinds import Batch, Kinds, named
from dialer.store.page import CHUNK, Span
from dialer.store.port import Campaign, NotFound, Planned
from dialer.store.prepared import Conflict, Listed, Prepared, parts
from dialer.store.rows import (
    contact_of,
    reason_map,
    rules_text,
    text,
    verdict_text,
)
from dialer.store.tables import OPEN, attempts, batches
from dialer.store.work import Work, new_ids

HOUSE = "the ledger (rule of the house)"
OPEN_ATTEMPT = Reason(
    "open_attempt", HOUSE, "another attempt for this number is not over"
)
ALREADY = Reason(
    "already_planned", HOUSE, "the contact has an attempt in this campaign"
)

_importer = select(batches.c.importer).where(
    batches.c.batch_id == bindparam("batch_id")
)
NEW = (
    *("attempt_id", "campaign_id", "contact_id", "n", "position", "number", "account"),
    *(*moves.GOVERNED, "stage", "priority", "verdict", "rules"),
)
_new = Prepared(insert(attempts).values({name: bindparam(name) for name in NEW}))
_busy = Listed(
    lambda lists: select(attempts.c.number).where(
        OPEN, attempts.c.number.in_(lists("numbers"))
    )
)


Numbered = tuple[Contact, int]  # and the place of one of its numbers


@dataclass(slots=True)
class Order:
    """What was asked; which shared numbers a dry run has taken so far."""

    campaign: Campaign
    judge: Judge
    now: datetime
    commit: bool
    taken: set[str] = field(default_factory=set)
    priority: int = field(init=False)  # of contacts that have none of their own

    def __post_init__(self) -> None:
        self.priority = json.loads(self.campaign.settings).get("priority", 0)


def batch_ids(connection: Connection, wanted: Sequence[str]) -> list[str]:
    """All batches, or those wanted, once each. NotFound."""
    there = list(
        connection.execute(select(batches.c.batch_id).order_by("at")).scalars()
    )
    for name in wanted:
        if name not in there:
            raise NotFound("batch", name)
    return list(dict.fromkeys(wanted)) or there


def try_chunk(
    connection: Connection,
    order: Order,
    batch_id: str,
    after: int,
    *,
    careful: bool = True,
) -> tuple[list[Planned], int | None]:
    """One chunk, judged. -> the chunk, where the next begins (None: it was the last).
    Not `careful`: as if no contact were planned and no number called yet. Whether one
    is shows when they are written."""
    rows = page.rows_of(connection, batch_id, after)
    if not rows:
        return [], None
    found = [(contact_of(row), row) for row in rows]
    span = Span(batch_id, after, rows[-1].place)
    numbered = [(c, position) for c, _ in found for position in range(len(c.numbers))]
    known = opinions(connection, order, span, numbered, found)
    chosen = choose(order, numbered, known, taken_of(connection, order, span, careful))
    judged = [Planned(c, batch_id, position, said) for (c, position), said in chosen]
    return judged, span.last if len(found) == CHUNK else None


def opinions(
    connection: Connection,
    order: Order,
    span: Span,
    numbered: Sequence[Numbered],
    found: Sequence[tuple[Contact, Any]],
) -> Sequence[Case | Verdict]:
    """Of each number what is to be judged, or the verdict on all of its kind."""
    judge = order.judge
    if not isinstance(judge, KnowingJudge):
        return facts(connection, order, span, numbered)
    batch = about(connection, order, span.batch_id)
    kinds = Kinds(judge, order.now, batch, found)
    noted = page.noted(connection, span, kinds.since)
    if noted is None:
        return facts(connection, order, span, numbered)
    noted.update(contact.contact_id for contact, _ in found if not named(contact))
    full = [
        cases.wish(*one, span.batch_id, batch.importer, batch.asked)
        for one in numbered
        if in_it(one[0], noted)
    ]
    gathered = iter(cases.gather(connection, full, order.now, kinds.since))
    return [
        next(gathered) if in_it(contact, noted) else kinds.verdict(key)
        for (contact, _), key in zip(numbered, kinds.keys, strict=True)
    ]


def facts(
    connection: Connection, order: Order, span: Span, numbered: Sequence[Numbered]
) -> list[Case]:
    """What the gate may know of each number, in order."""
    noted = page.noted(connection, span, order.now - cases.HISTORY)
    _, importer, reviewers, asked = about(connection, order, span.batch_id)
    wishes = [cases.wish(*one, span.batch_id, importer, asked) for one in numbered]
    full = [w for w, (c, _) in zip(wishes, numbered, strict=True) if in_it(c, noted)]
    gathered = iter(cases.gather(connection, full, order.now))
    return [
        next(gathered) if in_it(contact, noted) else cases.bare(wish, reviewers)
        for wish, (contact, _) in zip(wishes, numbered, strict=True)
    ]


def about(connection: Connection, order: Order, batch_id: str) -> Batch:
    importer = connection.execute(_importer, {"batch_id": batch_id}).scalar_one()
    reviewers = cases.reviewed(connection, batch_id)
    return Batch(batch_id, importer, reviewers, cases.asked(order.campaign.settings))


def in_it(contact: Contact, noted: set[str] | None) -> bool:
    return noted is None or contact.contact_id in noted


class Taken(NamedTuple):
    """What refuses of its own: contacts that are planned, numbers that are called."""

    planned: set[str]
    busy: set[str]
    shared: set[str]  # numbers of several contacts


def taken_of(connection: Connection, order: Order, span: Span, careful: bool) -> Taken:
    if not careful:
        return Taken(set(), set(), set())
    return Taken(
        page.planned(connection, span, order.campaign.campaign_id),
        page.busy(connection, span) | order.taken,
        set() if order.commit else page.shared(connection, span),
    )


def choose(
    order: Order,
    numbered: Sequence[Numbered],
    known: Sequence[Case | Verdict],
    taken: Taken,
) -> list[tuple[Numbered, Verdict]]:
    """For each contact its first number that may be called now or later."""
    planned, busy, shared = taken
    chosen = dict[str, tuple[Numbered, Verdict]]()
    for one, what in zip(numbered, known, strict=True):
        name, number = one[0].contact_id, one[0].numbers[one[1]]
        if name in chosen and not for_good(chosen[name][1]):
            continue
        said = what if isinstance(what, Verdict) else order.judge(what, order.now)
        verdict = house(said, name in planned, number in busy)
        if name not in chosen or not for_good(verdict):
            chosen[name] = one, verdict
            if not for_good(verdict):
                busy.add(number)
                if number in shared:  # of a dry run: else it is written
                    order.taken.add(number)
    return list(chosen.values())


def for_good(verdict: Verdict) -> bool:
    """Whether no time will change it."""
    return not verdict.allowed and verdict.next_allowed is None


def house(verdict: Verdict, planned: bool, busy: bool) -> Verdict:
    """The gate's verdict with the ledger's own reasons added."""
    own = (ALREADY,) if planned else (OPEN_ATTEMPT,) if busy else ()
    return Verdict(False, (*own, *verdict.reasons)) if own else verdict


def commit_chunk(
    work: Work, order: Order, batch_id: str, after: int
) -> tuple[list[Planned], int | None]:
    """One chunk, judged and written."""
    judged, following = try_chunk(work.connection, order, batch_id, after)
    create(work, order, [p for p in judged if not skipped(p)])
    return judged, following


def write(work: Work, order: Order, judged: Sequence[Planned]) -> None:
    """Write a chunk that was judged without care. Conflict: one of its contacts is
    planned already, or one of its numbers is called: nothing is written then."""
    ended = [p.contact.numbers[p.number] for p in judged if for_good(p.verdict)]
    for part in parts(ended):  # no constraint tells of these
        if _busy.all(work.connection, {"numbers": part}):
            raise Conflict("a number of theirs has an open attempt")
    create(work, order, judged)


def skipped(planned: Planned) -> bool:
    rules = {reason.rule for reason in planned.verdict.reasons}
    return bool(rules & {OPEN_ATTEMPT.rule, ALREADY.rule})


def create(work: Work, order: Order, found: Sequence[Planned]) -> None:
    """Their first attempts, `due` or refused for good, and an entry for each."""
    campaign_id = order.campaign.campaign_id
    work.wake()
    same = dict[int, Common]()  # many share one verdict
    rows = list[tuple[object, ...]]()
    told = list[tuple[str, str, str]]()
    for attempt_id, planned in zip(new_ids(len(found)), found, strict=True):
        contact, position, verdict = planned.contact, planned.number, planned.verdict
        common = same.get(id(verdict))
        if common is None:
            common = same[id(verdict)] = common_of(order, verdict)
        governed, said, kind, before, between, after = common
        name, token = contact.contact_id, contact.numbers[position]
        about = attempt_id, campaign_id, name, 1, position, token, contact.account
        own = contact.priority
        rank = order.priority if own is None else own
        rows.append((*about, *governed, contact.stage, rank, *said))
        body = f"{before}{quoted(name)}{between}{position}{after}"
        told.append((kind, attempt_id, body))
    _new.tuples(work.connection, NEW, rows)
    work.note_texts(order.now, told)


class Common(NamedTuple):
    """What attempts with one verdict have in common."""

    governed: tuple[object, ...]  # columns of the attempt
    said: tuple[object, ...]  # verdict and rules
    kind: str  # of the entry
    before: str  # of the entry's body: the contact's id comes
    between: str  # the number's place comes
    after: str


def common_of(order: Order, verdict: Verdict) -> Common:
    found = judged_values(order, verdict)
    before, between, after = entry(order, verdict, found)
    kind = "attempt.refused" if found["phase"] == Phase.DONE else "attempt.planned"
    governed = tuple(found[name] for name in moves.GOVERNED)
    said = found["verdict"], found["rules"]
    return Common(governed, said, kind, before, between, after)


def entry(
    order: Order, verdict: Verdict, found: dict[str, object]
) -> tuple[str, str, str]:
    """The body of the journal's entry, around the contact's id and the number."""
    before = f'{{"campaign":{text(order.campaign.campaign_id)},"contact":'
    if found["phase"] == Phase.DONE:
        reasons = text([reason_map(reason) for reason in verdict.reasons])
        return before, ',"n":1,"number":', f',"reasons":{reasons}}}'
    return before, f',"n":1,"not_before":{text(found["not_before"])},"number":', "}"


def create_rows(work: Work, rows: Sequence[dict[str, object]]) -> None:
    """New attempts, whole (`NEW`)."""
    if rows:
        _new.many(work.connection, rows)


def judged_values(order: Order, verdict: Verdict) -> dict[str, object]:
    attempt = Attempt(Phase.DUE, verdict.next_allowed or order.now)
    if for_good(verdict):
        attempt = advance(attempt, Ended(Disposition.REFUSED, order.now))
    return {
        **moves.values(attempt),
        "campaign_id": order.campaign.campaign_id,
        "verdict": verdict_text(verdict),
        "rules": rules_text(verdict),
        "priority": order.priority,
    }


def own_values(planned: Planned) -> dict[str, object]:
    contact = planned.contact
    own = {} if contact.priority is None else {"priority": contact.priority}
    return {
        **own,
        "contact_id": contact.contact_id,
        "position": planned.number,
        "number": contact.numbers[planned.number],
        "account": contact.account,
        "stage": contact.stage,
    }
