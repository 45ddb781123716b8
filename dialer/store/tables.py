"""The tables of the ledger, in types that SQLite and PostgreSQL share.

A time is text of fixed width (RFC 3339, UTC, microseconds), so that it sorts as it
reads. Lists and maps are JSON text. What `dialer.attempt` promises is repeated here as
CHECK constraints and unique indexes: no other program can break it either.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from dialer.agreements.state import State
from dialer.attempt import Phase


@lru_cache(maxsize=1024)  # one moment is written into many rows
def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds, always 27 characters. Aware times only."""
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {at}")
    moved = at if at.tzinfo is UTC else at.astimezone(UTC)
    return moved.isoformat("T", "microseconds")[:26] + "Z"


class UtcTime(TypeDecorator[datetime]):
    """Aware datetime in, UTC datetime out; text of one width in between."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> str | None:
        return None if value is None else stamp(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
ledger = MetaData(naming_convention=NAMES)

CAMPAIGN_STATES = ("created", "running", "paused", "stopped", "done")
SCOPES = ("person", "number", "account", "creditor", "all")


def among(column: str, values: Iterable[str]) -> str:
    """`column IN (values)`, said with OR: for an IN of three or more SQLite builds a
    little table each time a row is written, which was half the cost of an update."""
    return "(" + " OR ".join(f"{column} = '{value}'" for value in values) + ")"


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


# --- ledger: who

batches = Table(
    "batches",
    ledger,
    Column("batch_id", String(80), primary_key=True),
    Column("file", Text, nullable=False),
    Column("importer", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("state", String(10), nullable=False),
    Column("rows_read", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("duplicates", Integer, nullable=False),
    one_of("state", ("importing", "imported")),
)

reviews = Table(
    "reviews",
    ledger,
    Column("batch_id", ForeignKey("batches.batch_id"), primary_key=True),
    Column("reviewer", Text, primary_key=True),  # one word each (R2)
    Column("approved", Boolean, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("note", Text, nullable=False),
)

contacts = Table(
    "contacts",
    ledger,
    Column("contact_id", String(40), primary_key=True),
    Column("batch_id", ForeignKey("batches.batch_id"), nullable=False),
    Column("place", Integer, nullable=False),  # in its batch: the order of the file
    Column("person", String(40), nullable=False),
    Column("account", String(40), nullable=False),
    Column("numbers", Text, nullable=False),
    Column("masked", Text, nullable=False),
    Column("zones", Text, nullable=False),
    Column("locations", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("creditor", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("consents", Text, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("dated", String(10)),  # ISO date: see `model.Contact`
    Column("priority", Integer),  # 0-9, more is sooner; NULL: what the campaign says
    CheckConstraint("stage BETWEEN 1 AND 5", name="stage_known"),
    Index("ix_contacts_batch_id_place", "batch_id", "place", unique=True),
)

numbers = Table(  # which persons a number belongs to, and the other way
    "numbers",
    ledger,
    Column("contact_id", ForeignKey("contacts.contact_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("number", String(40), nullable=False),
    Column("person", String(40), nullable=False),
    Index("ix_numbers_number", "number"),
    Index("ix_numbers_person_number", "person", "number"),
)

flags = Table(
    "flags",
    ledger,
    Column("flag", String(40), primary_key=True),
    Column("scope", String(10), primary_key=True),
    Column("token", String(40), primary_key=True),
    Column("source", String(80), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("until", UtcTime),
    one_of("scope", SCOPES),
    Index("ix_flags_token", "token"),
)

inbound = Table(  # calls that people made to us: the gate counts them too
    "inbound",
    ledger,
    Column("inbound_id", String(40), primary_key=True),
    Column("number", String(40), nullable=False),
    Column("account", String(40), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("outcome", String(12), nullable=False),
    Index("ix_inbound_number_at", "number", "at"),
)

# --- ledger: campaigns and attempts

campaigns = Table(
    "campaigns",
    ledger,
    Column("campaign_id", String(40), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("state", String(10), nullable=False),
    Column("settings", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    one_of("state", CAMPAIGN_STATES),
)

LEASED = among("phase", ("reserved", "dialing", "talking"))
DIALED = among("phase", ("dialing", "talking", "unknown"))

attempts = Table(
    "attempts",
    ledger,
    Column("row", Integer, primary_key=True),  # the order of creation
    Column("attempt_id", String(40), nullable=False, unique=True),
    Column("campaign_id", ForeignKey("campaigns.campaign_id"), nullable=False),
    Column("contact_id", ForeignKey("contacts.contact_id"), nullable=False),
    Column("n", Integer, nullable=False),
    Column("position", Integer, nullable=False),  # index into the contact's numbers
    Column("number", String(40), nullable=False),
    Column("account", String(40), nullable=False),
    Column("phase", String(10), nullable=False),
    Column("not_before", UtcTime, nullable=False),
    Column("node", String(80)),
    Column("lease_until", UtcTime),
    Column("dialing_at", UtcTime),
    Column("answered_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("disposition", String(20)),
    Column("cause", Text, nullable=False, server_default=""),
    Column("stage", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("rules", Text, nullable=False),  # rule ids of the last verdict, by spaces
    Column("facts", Text, nullable=False, server_default="{}"),
    Column("measures", Text, nullable=False, server_default="{}"),
    Column("asked", Integer, nullable=False, server_default="0"),  # by the callee: 1
    Column("priority", Integer, nullable=False, server_default="0"),
    CheckConstraint(among("phase", Phase), name="phase_known"),
    CheckConstraint("n >= 1 AND position >= 0", name="counted"),
    CheckConstraint(f"{LEASED} = (node IS NOT NULL)", name="leased_node"),
    CheckConstraint(f"{LEASED} = (lease_until IS NOT NULL)", name="leased_until"),
    CheckConstraint(f"NOT {DIALED} OR dialing_at IS NOT NULL", name="dialed"),
    CheckConstraint(
        f"NOT {among('phase', ('due', 'reserved'))} OR dialing_at IS NULL",
        name="never_back",
    ),
    CheckConstraint("phase <> 'talking' OR answered_at IS NOT NULL", name="talking"),
    CheckConstraint("answered_at IS NULL OR dialing_at IS NOT NULL", name="answered"),
    CheckConstraint("(phase = 'done') = (ended_at IS NOT NULL)", name="ended"),
    CheckConstraint("(phase = 'done') = (disposition IS NOT NULL)", name="disposed"),
    UniqueConstraint("campaign_id", "contact_id", "n"),
)

# Of equal conditions, that whose column fewer moves write: they rewrite the index.
OPEN = text("ended_at IS NULL")  # the phase is not done
DUE = text("phase = 'due'")
ASKED = text("phase = 'due' AND asked = 1")
RAISED = text("phase = 'due' AND priority > 0")
HELD = text("lease_until IS NOT NULL")  # LEASED
RANG = text("dialing_at IS NOT NULL")
#: One open attempt per phone, across all campaigns.
one_open = Index(
    "uq_attempts_open_number",
    attempts.c.number,
    unique=True,
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)
Index(
    "ix_attempts_due",
    attempts.c.campaign_id,
    attempts.c.not_before,
    sqlite_where=DUE,
    postgresql_where=DUE,
)
Index(
    "ix_attempts_asked",
    attempts.c.campaign_id,
    attempts.c.not_before,
    sqlite_where=ASKED,
    postgresql_where=ASKED,
)
Index(
    "ix_attempts_raised",
    attempts.c.campaign_id,
    attempts.c.priority,
    attempts.c.not_before,
    sqlite_where=RAISED,
    postgresql_where=RAISED,
)
Index(
    "ix_attempts_leases",
    attempts.c.lease_until,
    sqlite_where=HELD,
    postgresql_where=HELD,
)
Index(
    "ix_attempts_rang",
    attempts.c.number,
    attempts.c.dialing_at,
    sqlite_where=RANG,
    postgresql_where=RANG,
)

previews = Table(  # cases that agents may look at before they are called
    "previews",
    ledger,
    Column("attempt_id", ForeignKey("attempts.attempt_id"), primary_key=True),
    Column("campaign_id", String(40), nullable=False),
    Column("offered_at", UtcTime, nullable=False),
    Column("agent", String(80)),  # who is shown it
    Column("answer", String(4)),
    one_of("answer", ("call", "pass")),
)

turns = Table(
    "turns",
    ledger,
    Column("attempt_id", ForeignKey("attempts.attempt_id"), primary_key=True),
    Column("i", Integer, primary_key=True, autoincrement=False),
    Column("who", String(4), nullable=False),
    Column("at", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("text", Text, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("intent", String(40), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("template", String(120), nullable=False),
    Column("clauses", Text, nullable=False),
    Column("rights", Text, nullable=False),
    Column("confirmation", Text, nullable=False),
    Column("key", Boolean, nullable=False),
    Column("interrupted", Boolean, nullable=False),
    one_of("who", ("us", "them")),
)

# --- ledger: agreements

AGREEMENT_STATES = tuple(str(state) for state in State)
IN_FORCE = among("state", ("proposed", "confirmed", "active", "broken"))

agreements = Table(  # where each stands: what its events say, kept for lists
    "agreements",
    ledger,
    Column("agreement", String(40), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("contact_id", ForeignKey("contacts.contact_id"), nullable=False),
    Column("call", ForeignKey("attempts.attempt_id")),
    Column("made_at", UtcTime, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("state", String(10), nullable=False),
    Column("parts", Integer, nullable=False),
    Column("covered", Integer, nullable=False),
    Column("next_due", String(10)),  # of the first part that is not covered
    Column("events", Integer, nullable=False),
    Column("head", String(64), nullable=False),
    one_of("state", AGREEMENT_STATES),
    CheckConstraint("covered BETWEEN 0 AND parts", name="covered_known"),
    CheckConstraint("events >= 1", name="begun"),
)
#: One agreement in force for an account.
Index(
    "uq_agreements_in_force",
    agreements.c.account,
    unique=True,
    sqlite_where=text(IN_FORCE),
    postgresql_where=text(IN_FORCE),
)
Index("ix_agreements_call", agreements.c.call)

agreement_events = Table(
    "agreement_events",
    ledger,
    Column("agreement", ForeignKey("agreements.agreement"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(27), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("body", Text, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("key", Text, nullable=False),
    Column("signature", String(88), nullable=False),
    CheckConstraint("seq >= 0", name="counted"),
)

# --- ledger: nodes, and what of trunks they share

nodes = Table(
    "nodes",
    ledger,
    Column("node", String(80), primary_key=True),
    Column("incarnation", String(40), nullable=False),  # one life of its process
    Column("state", String(10), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),  # by the database's clock
    one_of("state", ("up", "draining", "gone")),
)

starts = Table(
    "starts",
    ledger,
    Column("trunk", String(80), primary_key=True),
    Column("next_at", UtcTime, nullable=False),  # when its next call may start
)

seats = Table(
    "seats",
    ledger,
    Column("trunk", String(80), primary_key=True),
    Column("seat", String(40), primary_key=True),  # of one call, as its node names it
    Column("node", String(80), nullable=False),
    Column("start_at", UtcTime, nullable=False),
)
Index("ix_seats_node", seats.c.node)

duties = Table(
    "duties",
    ledger,
    Column("duty", String(120), primary_key=True),  # what one node does for all
    Column("node", String(80), nullable=False),
    Column("since", UtcTime, nullable=False),
)
Index("ix_duties_node", duties.c.node)

# --- ledger: the journal

journal = Table(
    "journal",
    ledger,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(27), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("body", Text, nullable=False),
    Column("salt", LargeBinary(16), nullable=False),
    CheckConstraint("seq >= 1", name="counted"),
    CheckConstraint("length(salt) = 16", name="salted"),
)

cursors = Table(
    "cursors",
    ledger,
    Column("reader", String(80), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("owner", String(200), nullable=False, server_default=""),  # the one log
)
