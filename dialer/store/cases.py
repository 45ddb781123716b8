"""Gather what the gate may know. One statement finds the facts of one contact or of
thousands: flags in force, reviews, and every call with the person over 35 days."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    bindparam,
    case,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
)

from dialer.attempt import Phase
from dialer.model import Case, Contact, Disposition, PastCall
from dialer.store.tables import attempts, flags, inbound, numbers, reviews, stamp

HISTORY = timedelta(days=35)  # the longest rule looks back a month
EVERYBODY = ""  # the token of a flag of scope `all`
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


def row(kind: str, key: ColumnElement[str], *rest: ColumnElement[str]) -> Select[
    tuple[str, str]
]:
    filled = [*rest, *[_word("''")] * (4 - len(rest))]
    named = (c.label(name) for c, name in zip(filled, "abcd", strict=True))
    return select(_word(f"'{kind}'").label("kind"), key.label("key"), *named)


def flag_rows(match: Match) -> Select[tuple[str, str]]:
    until = type_coerce(flags.c.until, String)
    in_force = or_(until.is_(None), until > bindparam("now", type_=String))
    return row("flag", flags.c.token, flags.c.flag).where(match["token"], in_force)


def review_rows(match: Match) -> Select[tuple[str, str]]:
    approved = case((reviews.c.approved, _word("'yes'")), else_=_word("'no'"))
    found = row("review", reviews.c.batch_id, reviews.c.reviewer, approved)
    return found.where(match["batch_id"])


def call_rows(match: Match) -> list[Select[tuple[str, str]]]:
    """Calls over every number of the person: to them and from them. A call that may
    have been answered counts as answered."""
    mine = select(numbers.c.person, numbers.c.number).where(match["person"])
    mine_once = mine.distinct().subquery()
    since = bindparam("since", type_=String)
    maybe = or_(
        attempts.c.answered_at.is_not(None),
        attempts.c.phase.in_(list[str]((Phase.DIALING, Phase.TALKING, Phase.UNKNOWN))),
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
        out.join_from(mine_once, attempts, attempts.c.number == mine_once.c.number)
        .where(rang >= since),
        into.join_from(mine_once, inbound, inbound.c.number == mine_once.c.number)
        .where(came >= since),
    ]


def statement(match: Match) -> object:
    return union_all(flag_rows(match), review_rows(match), *call_rows(match))


_one = statement(
    {
        "token": flags.c.token.in_(
            [bindparam(n) for n in ("person", "number", "account", "all")]
        ),
        "batch_id": reviews.c.batch_id == bindparam("batch_id"),
        "person": numbers.c.person == bindparam("person"),
    }
)
