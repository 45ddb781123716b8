"""Gather what the gate may know. One statement finds the facts of one contact or of
thousands: flags in force, reviews, and every call with the person over 35 days."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    String,
    bindparam,
    case,
    literal_column,
    or_,
    select,
    text,
    type_coerce,
    union_all,
)

from dialer.model import Case, Contact, Disposition, PastCall
from dialer.store.flags import EVERYBODY
from dialer.store.prepared import Prepared
from dialer.store.tables import (
    DIALED,
    attempts,
    flags,
    inbound,
    numbers,
    reviews,
    stamp,
)

HISTORY = timedelta(days=35)  # the longest rule looks back a month
Found = dict[tuple[str, str], list[tuple[str, str, str, str]]]


@dataclass(frozen=True, slots=True)
class Wish:
    """One number of one contact, and what is asked with it."""

    contact: Contact
    position: int
    batch_id: str
    importer: str
    packs: tuple[str, ...] = ()
    purpose: str = "collection"

    @property
    def tokens(self) -> tuple[str, str, str, str]:
        c = self.contact
        return c.person, c.numbers[self.position], c.account, EVERYBODY


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
    return row("flag", flags.c.token, flags.c.flag).where(match["token"], in_force)


def review_rows(match: Match) -> Select[*tuple[Any, ...]]:
    approved = case((reviews.c.approved, _word("'yes'")), else_=_word("'no'"))
    found = row("review", reviews.c.batch_id, reviews.c.reviewer, approved)
    return found.where(match["batch_id"])


def call_rows(match: Match) -> list[Select[*tuple[Any, ...]]]:
    """Calls over every number of the person: to them and from them. A call that may
    have been answered counts as answered."""
    mine = select(numbers.c.person, numbers.c.number).where(match["person"])
    mine_once = mine.distinct().subquery()
    since = bindparam("since", type_=String)
    maybe = or_(
        attempts.c.answered_at.is_not(None),
        text(DIALED),
        attempts.c.disposition == Disposition.UNKNOWN.value,
    )
    outcome = case((maybe, _word("'answered'")), else_=_word("'unanswered'"))
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
        ).where(rang >= since),
        into.join_from(
            mine_once, inbound, inbound.c.number == mine_once.c.number
        ).where(came >= since),
    ]


def statement(match: Match) -> CompoundSelect[*tuple[Any, ...]]:
    return union_all(flag_rows(match), review_rows(match), *call_rows(match))


_one = Prepared(
    statement(
        {
            "token": flags.c.token.in_(
                [bindparam(n) for n in ("person", "number", "account", "everybody")]
            ),
            "batch_id": reviews.c.batch_id == bindparam("batch_id"),
            "person": numbers.c.person == bindparam("person"),
        }
    )
)
_many = statement(
    {
        "token": flags.c.token.in_(bindparam("tokens", expanding=True)),
        "batch_id": reviews.c.batch_id.in_(bindparam("batches", expanding=True)),
        "person": numbers.c.person.in_(bindparam("persons", expanding=True)),
    }
)


# --- what is asked of it


def gather(connection: Connection, wishes: Sequence[Wish], now: datetime) -> list[Case]:
    """One case for each wish, in order."""
    rows: Iterable[Any]
    times = {"now": stamp(now), "since": stamp(now - HISTORY)}
    if len(wishes) == 1:
        names = zip(
            ("person", "number", "account", "everybody"), wishes[0].tokens, strict=True
        )
        values = {**times, **dict(names), "batch_id": wishes[0].batch_id}
        rows = _one.run(connection, values)
    else:
        many = {
            "tokens": sorted({token for wish in wishes for token in wish.tokens}),
            "batches": sorted({wish.batch_id for wish in wishes}),
            "persons": sorted({wish.contact.person for wish in wishes}),
        }
        rows = connection.execute(_many, {**times, **many})
    found: Found = defaultdict(list)
    for kind, key, a, b, c, d in rows:
        found[kind, key].append((a, b, c, d))
    return [case_of(wish, found) for wish in wishes]


def case_of(wish: Wish, found: Found) -> Case:
    contact = wish.contact
    flagged = (name[0] for token in wish.tokens for name in found[("flag", token)])
    return Case(
        number=contact.numbers[wish.position],
        person=contact.person,
        account=contact.account,
        zones=contact.zones[wish.position],
        locations=contact.locations,
        packs=wish.packs,
        sources=contact.sources,
        reviewers=approvers(found[("review", wish.batch_id)]),
        importer=wish.importer,
        history=history(found, contact.person),
        consents=contact.consents,
        flags=tuple(dict.fromkeys(flagged)),
        purpose=wish.purpose,
    )


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
        for number, account, at, outcome in found[(kind, person)]
    ]
    return tuple(sorted(calls, key=lambda call: call.at)) if calls else ()


@lru_cache(maxsize=256)
def asked(settings: str) -> tuple[tuple[str, ...], str]:
    """The packs and the purpose that a campaign's settings ask for."""
    found = json.loads(settings)
    return tuple(found.get("packs", ())), found.get("purpose", "collection")
