"""Gather what the gate may know. One statement finds the facts of one contact or of
thousands: flags in force, reviews, and every call with the person over 35 days."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    String,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    text,
    type_coerce,
    union_all,
)

from dialer.model import (
    Case,
    Consent,
    Contact,
    Disposition,
    Judge,
    KnowingJudge,
    PastCall,
)
from dialer.store.flags import EVERYBODY
from dialer.store.port import creditor_token
from dialer.store.prepared import Listed, Lists, parts
from dialer.store.tables import (
    DIALED,
    attempts,
    flags,
    inbound,
    numbers,
    reviews,
    stamp,
)

NOT_DIALED = "not_dialed"  # the cause that `channels.port.Cause` has for it
HISTORY = timedelta(days=35)  # the longest rule looks back a month
Found = dict[tuple[str, str], list[tuple[str, str, str, str]]]


class Wish(NamedTuple):
    """One number of one contact, and what is asked with it."""

    person: str
    number: str
    account: str
    zones: tuple[str, ...]
    locations: tuple[str, ...]
    sources: tuple[str, ...]
    consents: tuple[Consent, ...]
    batch_id: str
    importer: str
    creditor: str
    packs: tuple[str, ...] = ()
    purpose: str = "collection"
    dated: date | None = None


def wish(
    contact: Contact,
    position: int,
    batch_id: str,
    importer: str,
    asked: tuple[tuple[str, ...], str] = ((), "collection"),
) -> Wish:
    """`asked`: see the function of that name."""
    return Wish(
        contact.person,
        contact.numbers[position],
        contact.account,
        contact.zones[position],
        contact.locations,
        contact.sources,
        contact.consents,
        batch_id,
        importer,
        contact.creditor,
        *asked,
        dated=contact.dated,
    )


# --- the statement: rows (kind, key, a, b, c, d), all text

Match = Mapping[str, ColumnElement[bool]]
_word = literal_column


def row(
    kind: str, key: ColumnElement[str], *rest: ColumnElement[str]
) -> Select[*tuple[Any, ...]]:
    filled = [*rest, *[_word("''")] * (4 - len(rest))]
    named = (c.label(name) for c, name in zip(filled, "abcd", strict=True))
    return select(_word(f"'{kind}'").label("kind"), key.label("key"), *named)


def flag_rows(match: Match) -> Select[*tuple[Any, ...]]:
    until = type_coerce(flags.c.until, String)
    in_force = or_(until.is_(None), until > bindparam("now", type_=String))
    end = func.coalesce(until, "")
    found = row("flag", flags.c.token, flags.c.flag, end)
    return found.where(match["token"], in_force)


def review_rows(match: Match) -> Select[*tuple[Any, ...]]:
    approved = case((reviews.c.approved, _word("'yes'")), else_=_word("'no'"))
    found = row("review", reviews.c.batch_id, reviews.c.reviewer, approved)
    return found.where(match["batch_id"])


def call_rows(match: Match) -> list[Select[*tuple[Any, ...]]]:
    """Calls over every number of the person: to them and from them. A call that may
    have been answered counts as answered; what no trunk took was no call."""
    mine = select(numbers.c.person, numbers.c.number).where(match["person"])
    mine_once = mine.distinct().subquery()
    since = bindparam("since", type_=String)
    maybe = or_(
        attempts.c.answered_at.is_not(None),
        text(DIALED),
        attempts.c.disposition == Disposition.UNKNOWN.value,
    )
    lost = attempts.c.disposition == Disposition.ABANDONED.value
    outcome = case(
        (lost, _word("'abandoned'")),
        (maybe, _word("'answered'")),
        else_=_word("'unanswered'"),
    )
    rang = type_coerce(attempts.c.dialing_at, String)
    came = type_coerce(inbound.c.at, String)
    person = mine_once.c.person
    out = row("out", person, attempts.c.number, attempts.c.account, rang, outcome)
    into = row(
        "in", person, inbound.c.number, inbound.c.account, came, inbound.c.outcome
    )
    return [
        out.join_from(
            mine_once, attempts, attempts.c.number == mine_once.c.number
        ).where(rang >= since, attempts.c.cause != NOT_DIALED),
        into.join_from(
            mine_once, inbound, inbound.c.number == mine_once.c.number
        ).where(came >= since),
    ]


def statement(match: Match) -> CompoundSelect[*tuple[Any, ...]]:
    return union_all(flag_rows(match), review_rows(match), *call_rows(match))


def facts(lists: Lists) -> CompoundSelect[*tuple[Any, ...]]:
    tokens = [*lists("persons"), *lists("numbers"), *lists("accounts")]
    tokens += lists("creditors")
    return statement(
        {
            "token": flags.c.token.in_([*tokens, bindparam("everybody")]),
            "batch_id": reviews.c.batch_id.in_(lists("batches")),
            "person": numbers.c.person.in_(lists("persons")),
        }
    )


_facts = Listed(facts)


_reviews = select(reviews.c.reviewer, reviews.c.approved).where(
    reviews.c.batch_id == bindparam("batch_id")
)

# --- what is asked of it


def gather(
    connection: Connection,
    wishes: Sequence[Wish],
    now: datetime,
    since: datetime | None = None,
) -> list[Case]:
    """One case for each wish, in order, with its calls since then (35 days)."""
    times = {"now": stamp(now), "since": stamp(since or now - HISTORY)}
    found: Found = defaultdict(list)
    for part in parts(wishes):
        found |= facts_of(connection, part, times)  # found in two parts: the same
    batches = {wish.batch_id for wish in wishes}
    approved = {b: approvers(found.get(("review", b), [])) for b in batches}
    return [case_of(wish, found, approved[wish.batch_id]) for wish in wishes]


def reach(judge: Judge, wishes: Sequence[Wish], now: datetime) -> datetime:
    """From when on calls may matter to its verdict on any of them."""
    if not isinstance(judge, KnowingJudge):
        return now - HISTORY
    places = {(wish.zones, wish.locations, wish.packs): wish for wish in wishes}
    asked = (judge.reach(bare(wish, ()), now) for wish in places.values())
    return min(asked, default=now)


def facts_of(
    connection: Connection, wishes: Sequence[Wish], times: Mapping[str, str]
) -> Found:
    lists = {
        "persons": [wish.person for wish in wishes],
        "numbers": [wish.number for wish in wishes],
        "accounts": [wish.account for wish in wishes],
        "creditors": [creditor_token(wish.creditor) for wish in wishes],
        "batches": [wish.batch_id for wish in wishes],
    }
    found: Found = defaultdict(list)
    values = {**times, "everybody": EVERYBODY}
    for kind, key, a, b, c, d in _facts.all(connection, lists, values):
        found[kind, key].append((a, b, c, d))
    return found


def case_of(wish: Wish, found: Found, reviewers: tuple[str, ...]) -> Case:
    creditor = creditor_token(wish.creditor)
    tokens = (wish.person, wish.number, wish.account, creditor, EVERYBODY)
    flagged = [row for token in tokens for row in found.get(("flag", token), ())]
    return Case(
        number=wish.number,
        person=wish.person,
        account=wish.account,
        zones=wish.zones,
        locations=wish.locations,
        packs=wish.packs,
        sources=wish.sources,
        reviewers=reviewers,
        importer=wish.importer,
        history=history(found, wish.person),
        consents=wish.consents,
        flags=tuple(dict.fromkeys(row[0] for row in flagged)),
        purpose=wish.purpose,
        flags_until=last_end(flagged),
        dated=wish.dated,
    )


def last_end(flagged: list[tuple[str, str, str, str]]) -> datetime | None:
    """When all of the flags have ended; None when one does not."""
    ends = [until for _, until, _, _ in flagged]
    return datetime.fromisoformat(max(ends)) if ends and all(ends) else None


def bare(wish: Wish, reviewers: tuple[str, ...]) -> Case:
    """The case of one of whom no call and no flag is known."""
    return case_of(wish, {}, reviewers)


def reviewed(connection: Connection, batch_id: str) -> tuple[str, ...]:
    """Who approved a batch."""
    rows = connection.execute(_reviews, {"batch_id": batch_id})
    said = [(r.reviewer, "yes" if r.approved else "no", "", "") for r in rows]
    return approvers(said)


def approvers(reviewed: list[tuple[str, str, str, str]]) -> tuple[str, ...]:
    """Who approved; nobody when anyone rejected: a new batch must be made (R2)."""
    if any(approved == "no" for _, approved, _, _ in reviewed):
        return ()
    return tuple(sorted(reviewer for reviewer, _, _, _ in reviewed))


def history(found: Found, person: str) -> tuple[PastCall, ...]:
    """Oldest first."""
    calls = [
        PastCall(datetime.fromisoformat(at), kind, outcome, number, account)
        for kind in ("out", "in")
        for number, account, at, outcome in found.get((kind, person), ())
    ]
    return tuple(sorted(calls, key=lambda call: call.at)) if calls else ()


@lru_cache(maxsize=256)
def asked(settings: str) -> tuple[tuple[str, ...], str]:
    """The packs and the purpose that a campaign's settings ask for."""
    found = json.loads(settings)
    return tuple(found.get("packs", ())), found.get("purpose", "collection")
