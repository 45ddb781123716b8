"""Indexes of attempts that most moves leave alone: their condition is a column that a
move does not write. SQLite rewrites an entry whenever a column of the condition is
written, and with tokens as keys that is a page more in every commit for every call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_4"
down_revision = "ledger_3"


def upgrade() -> None:
    again("uq_attempts_open_number", ["number"], "ended_at IS NULL", unique=True)
    again("ix_attempts_leases", ["lease_until"], "lease_until IS NOT NULL")


def again(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.drop_index(name, "attempts")
    only = sa.text(where)
    op.create_index(
        name,
        "attempts",
        columns,
        unique=unique,
        sqlite_where=only,
        postgresql_where=only,
    )
