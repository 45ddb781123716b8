"""One page of a batch's contacts, and what is known of them beyond their own rows.

Most contacts of a new list were never called and are under no flag. One statement tells
which are not of that kind, so that only for those all facts are gathered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Select,
    String,
    bindparam,
    exists,
    or_,
    select,
    type_coerce,
)

from dialer.store.flags import EVERYBODY
from dialer.store.prepared import Prepared
from dialer.store.tables import OPEN, attempts, contacts, flags, inbound, numbers, stamp

CHUNK = 2000

_page = Prepared(
    select(contacts)
    .where(
        contacts.c.batch_id == bindparam("batch_id"),
        contacts.c.place > bindparam("after"),
    )
    .order_by(contacts.c.place)
    .limit(CHUNK)
)


class Span(NamedTuple):
    """Where in its batch a page lies."""

    batch_id: str
    after: int
    last: int


def rows_of(connection: Connection, batch_id: str, after: int) -> list[Any]:
    """At most CHUNK rows of contacts, in the order of their file."""
    return _page.all(connection, {"batch_id": batch_id, "after": after})


# --- statements over one page


def within(found: Select[Any]) -> Select[Any]:
    """Of contacts, only those of a Span."""
    return found.where(
        contacts.c.batch_id == bindparam("batch_id"),
        contacts.c.place > bindparam("after"),
        contacts.c.place <= bindparam("last"),
    )


_since = bindparam("since", type_=String)
_persons = numbers.alias("persons")
_called = exists().where(
    attempts.c.number == _persons.c.number,
    type_coerce(attempts.c.dialing_at, String) >= _since,
)
_rang_us = exists().where(
    inbound.c.number == _persons.c.number,
    type_coerce(inbound.c.at, String) >= _since,
)
_number_flagged = exists().where(flags.c.token == _persons.c.number)
_flagged = exists().where(
    or_(flags.c.token == contacts.c.person, flags.c.token == contacts.c.account)
)
#: All numbers of the person, the contact's own among them: one index has them together.
_by_number = exists().where(
    _persons.c.person == contacts.c.person, or_(_called, _rang_us, _number_flagged)
)
_noted = Prepared(
    within(select(contacts.c.contact_id).where(or_(_flagged, _by_number)))
)
_wide = Prepared(
    select(flags.c.flag)
    .where(or_(flags.c.token == bindparam("everybody"), flags.c.scope == "creditor"))
    .limit(1)
)
_planned = Prepared(
    within(
        select(attempts.c.contact_id)
        .join_from(contacts, attempts)
        .where(attempts.c.campaign_id == bindparam("campaign_id"))
    )
)
_of_page = within(select(numbers.c.number).join_from(contacts, numbers).distinct())
_open = Prepared(
    _of_page.where(exists().where(attempts.c.number == numbers.c.number, OPEN))
)
_others = numbers.alias("others")
_shared = Prepared(
    _of_page.where(
        exists().where(
            _others.c.number == numbers.c.number,
            _others.c.contact_id != numbers.c.contact_id,
        )
    )
)


def noted(connection: Connection, span: Span, since: datetime) -> set[str] | None:
    """Contacts that are, or whose person has a number that is, under a flag; or with a
    call since then to or from one of those numbers. None: there is a flag on everybody
    or on a creditor, so all may be."""
    if _wide.all(connection, {"everybody": EVERYBODY}):
        return None
    values = {**span._asdict(), "since": stamp(since)}
    return _first(_noted.all(connection, values))


def planned(connection: Connection, span: Span, campaign_id: str) -> set[str]:
    """Contacts with an attempt in the campaign."""
    values = {**span._asdict(), "campaign_id": campaign_id}
    return _first(_planned.all(connection, values))


def busy(connection: Connection, span: Span) -> set[str]:
    """Numbers with an attempt that is not over, in any campaign."""
    return _first(_open.all(connection, span._asdict()))


def shared(connection: Connection, span: Span) -> set[str]:
    """Numbers that other contacts have too."""
    return _first(_shared.all(connection, span._asdict()))


def _first(rows: Sequence[Any]) -> set[str]:
    return {row[0] for row in rows}
