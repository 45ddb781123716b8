"""A flag may be about a creditor too. SQLite cannot change a constraint: there the
table is made anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_6"
down_revision = "ledger_5"

NAME = "ck_flags_scope_known"
KNOWN = "scope IN ('person', 'number', 'account', 'creditor', 'all')"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f(NAME), "flags", type_="check")
        op.create_check_constraint(op.f(NAME), "flags", KNOWN)
        return
    op.drop_index("ix_flags_token", "flags")
    op.rename_table("flags", "flags_before")
    op.create_table(
        "flags",
        sa.Column("flag", sa.String(40), nullable=False),
        sa.Column("scope", sa.String(10), nullable=False),
        sa.Column("token", sa.String(40), nullable=False),
        sa.Column("source", sa.String(80), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("until", sa.String(27), nullable=True),
        sa.CheckConstraint(KNOWN, name=op.f(NAME)),
        sa.PrimaryKeyConstraint("flag", "scope", "token", "source", name="pk_flags"),
    )
    columns = "flag, scope, token, source, at, until"
    op.execute(f"INSERT INTO flags ({columns}) SELECT {columns} FROM flags_before")
    op.drop_table("flags_before")
    op.create_index("ix_flags_token", "flags", ["token"])
