"""Batches of contacts, their reviews, and finding a contact again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    insert,
    literal,
    select,
    update,
)

from dialer.model import Case, Contact
from dialer.store import cases
from dialer.store.port import Batch, NotFound, Refused, Review
from dialer.store.prepared import Prepared, parts
from dialer.store.rows import R, contact_of, contact_row
from dialer.store.runner import Runner
from dialer.store.tables import batches, contacts, numbers, reviews
from dialer.store.work import Lock, Work

_insert = Prepared(
    insert(contacts).values({name: bindparam(name) for name in contacts.c.keys()})  # noqa: SIM118
)
NUMBER = ("contact_id", "position", "number", "person")
_insert_numbers = Prepared(
    insert(numbers).values({name: bindparam(name) for name in NUMBER})
)
_batch = select(batches).where(batches.c.batch_id == bindparam("batch_id"))
_hold = _batch.with_for_update(key_share=True)  # said on PostgreSQL only
_batches = select(batches).order_by(batches.c.at, batches.c.batch_id)
_reviews = select(reviews).order_by(reviews.c.at, reviews.c.reviewer)
_known = select(contacts.c.contact_id).where(
    contacts.c.contact_id.in_(bindparam("ids", expanding=True))
)
_numbered = (
    select(contacts)
    .where(
        contacts.c.contact_id.in_(
            select(numbers.c.contact_id).where(numbers.c.number == bindparam("number"))
        )
    )
    .order_by(contacts.c.contact_id)
)
_mine: BindParameter[str] = bindparam("tokens", expanding=True)
_accounts = select(contacts.c.account, contacts.c.contact_id, literal(0)).where(
    contacts.c.account.in_(_mine)
)
_persons = select(numbers.c.person, numbers.c.contact_id, literal(0)).where(
    numbers.c.person.in_(_mine)
)
_numbers = select(numbers.c.number, numbers.c.contact_id, numbers.c.position).where(
    numbers.c.number.in_(_mine)
)
_with_importer = (
    select(contacts, batches.c.importer)
    .join_from(contacts, batches)
    .where(contacts.c.contact_id == bindparam("contact_id"))
)


class SqlContacts:
    """`port.Contacts` on any SQL database."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def open_batch(self, batch: Batch) -> Batch:
        return await self._runner.write(lambda work: open_batch(work, batch))

    async def add(
        self,
        batch_id: str,
        contacts: Sequence[Contact],
        *,
        rows_read: int,
        rejected: int,
        duplicates: int,
        at: datetime,
        finished: bool = False,
    ) -> list[str]:
        """`duplicates` counts those the caller knows of; the ones that this call
        returns are added to it here. Refused: the batch is imported already."""
        counts = {
            "rows_read": rows_read,
            "rejected": rejected,
            "duplicates": duplicates,
            "state": "imported" if finished else "importing",
        }
        return await self._runner.write(
            lambda work: add(work, batch_id, contacts, counts, at)
        )

    async def review(self, batch_id: str, review: Review) -> Batch:
        return await self._runner.write(lambda work: reviewed(work, batch_id, review))

    async def batches(self) -> list[Batch]:
        return await self._runner.read(all_batches)

    async def find(self, number: str) -> list[tuple[Contact, Batch]]:
        return await self._runner.read(lambda c: find(c, number))

    async def owners(self, tokens: Sequence[str]) -> dict[str, tuple[str, int]]:
        return await self._runner.read(lambda c: owners(c, tokens))

    async def case(self, contact_id: str, number: int, now: datetime) -> Case:
        return await self._runner.read(lambda c: one_case(c, contact_id, number, now))


def batch_of(row: R, reviewed: Iterable[R]) -> Batch:
    said = (Review(r.reviewer, r.approved, r.at, r.note) for r in reviewed)
    return Batch(**row._mapping, reviews=tuple(said))


def batch(connection: Connection, batch_id: str) -> Batch:
    row = connection.execute(_batch, {"batch_id": batch_id}).first()
    if row is None:
        raise NotFound("batch", batch_id)
    mine = _reviews.where(reviews.c.batch_id == batch_id)
    return batch_of(row, connection.execute(mine))


def all_batches(connection: Connection) -> list[Batch]:
    said = defaultdict[str, list[R]](list)
    for row in connection.execute(_reviews):
        said[row.batch_id].append(row)
    return [batch_of(row, said[row.batch_id]) for row in connection.execute(_batches)]


def open_batch(work: Work, new: Batch) -> Batch:
    there = work.connection.execute(_batch, {"batch_id": new.batch_id}).first()
    if there is None:
        values = {name: getattr(new, name) for name in batches.c.keys()}  # noqa: SIM118
        work.connection.execute(insert(batches), values)
        body = {"file": new.file, "importer": new.importer}
        work.note(new.at, "batch.opened", new.batch_id, body)
    return batch(work.connection, new.batch_id)


def add(
    work: Work,
    batch_id: str,
    found: Sequence[Contact],
    counts: dict[str, Any],
    at: datetime,
) -> list[str]:
    work.connection.execute(_hold, {"batch_id": batch_id})
    before = batch(work.connection, batch_id)
    if before.state == "imported":
        raise Refused(f"batch {batch_id} is imported: nothing is added to it later")
    for contact in found:
        whole(contact)
    new, known = divided(work.connection, found)
    if new:
        places = enumerate(new.values(), before.accepted + 1)
        rows = [contact_row(contact, batch_id, place) for place, contact in places]
        _insert.many(work.connection, rows)
        _insert_numbers.tuples(work.connection, NUMBER, number_rows(new.values()))
    counts["accepted"] = before.accepted + len(new)
    counts["duplicates"] += len(known)
    mine = update(batches).where(batches.c.batch_id == batch_id)
    work.connection.execute(mine, counts)
    work.note(at, "contacts.added", batch_id, {**counts, "contacts": list(new)})
    return known


def whole(contact: Contact) -> None:
    """Refused: no number, or not a mask and zones for each."""
    count = len(contact.numbers)
    if not count or {len(contact.masked), len(contact.zones)} != {count}:
        raise Refused(
            f"contact {contact.contact_id} needs numbers, and a mask and zones for each"
        )


def divided(
    connection: Connection, found: Sequence[Contact]
) -> tuple[dict[str, Contact], list[str]]:
    """The new ones by id, and the ids that are known (also from this chunk)."""
    ids = [contact.contact_id for contact in found]
    there = set(connection.execute(_known, {"ids": ids}).scalars())
    new, known = dict[str, Contact](), list[str]()
    for contact in found:
        if contact.contact_id in there:
            known.append(contact.contact_id)
        else:
            there.add(contact.contact_id)
            new[contact.contact_id] = contact
    return new, known


def number_rows(new: Iterable[Contact]) -> list[tuple[object, ...]]:
    return [
        (contact.contact_id, position, number, contact.person)
        for contact in new
        for position, number in enumerate(contact.numbers)
    ]


def reviewed(work: Work, batch_id: str, review: Review) -> Batch:
    work.alone(Lock.GATE)  # who rejects stops calls
    before = batch(work.connection, batch_id)
    if before.state != "imported":
        raise Refused(f"batch {batch_id} is still being imported: finish that first")
    if same(review.reviewer, before.importer):
        raise Refused(f"{review.reviewer} imported batch {batch_id}: others review it")
    if any(same(said.reviewer, review.reviewer) for said in before.reviews):
        raise Refused(f"{review.reviewer} has reviewed batch {batch_id} already")
    values = {
        "reviewer": review.reviewer,
        "approved": review.approved,
        "at": review.at,
        "note": review.note,
    }
    work.connection.execute(insert(reviews), {"batch_id": batch_id, **values})
    said = {"reviewer": review.reviewer, "approved": review.approved}
    work.note(review.at, "batch.reviewed", batch_id, said)  # a note may name people
    return batch(work.connection, batch_id)


def same(one: str, other: str) -> bool:
    """Whether two names mean one person: case and blanks make nobody else (R2)."""
    return "".join(one.casefold().split()) == "".join(other.casefold().split())


def find(connection: Connection, number: str) -> list[tuple[Contact, Batch]]:
    rows = connection.execute(_numbered, {"number": number}).all()
    mine = {row.batch_id: batch(connection, row.batch_id) for row in rows}
    return [(contact_of(row), mine[row.batch_id]) for row in rows]


def owners(connection: Connection, tokens: Sequence[str]) -> dict[str, tuple[str, int]]:
    found = dict[str, tuple[str, int]]()
    for part in parts(tokens):
        for statement in (_accounts, _persons, _numbers):
            for token, contact_id, position in connection.execute(
                statement, {"tokens": list(part)}
            ):
                found[token] = (contact_id, position)
    return found


def one_case(
    connection: Connection, contact_id: str, number: int, now: datetime
) -> Case:
    row = connection.execute(_with_importer, {"contact_id": contact_id}).first()
    if row is None:
        raise NotFound("contact", contact_id)
    contact = contact_of(row)
    if not 0 <= number < len(contact.numbers):
        raise NotFound("number", f"{contact_id} #{number}")
    wish = cases.wish(contact, number, row.batch_id, row.importer)
    return cases.gather(connection, [wish], now)[0]
