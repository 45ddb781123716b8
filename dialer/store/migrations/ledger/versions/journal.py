"""The journal and the cursors of its readers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_3"
down_revision = "ledger_2"


def upgrade() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(16), nullable=False),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_journal_counted")),
        sa.CheckConstraint("length(salt) = 16", name=op.f("ck_journal_salted")),
        sa.PrimaryKeyConstraint("seq", name="pk_journal"),
    )
    op.create_table(
        "cursors",
        sa.Column("reader", sa.String(80), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("reader", name="pk_cursors"),
    )
