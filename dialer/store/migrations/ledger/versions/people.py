"""People who talk: cases that agents are shown before they are called; and an order
of choosing beside the order of the file; and how old a number's sources are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_8"
down_revision = "ledger_7"

RAISED = sa.text("phase = 'due' AND priority > 0")


def upgrade() -> None:
    op.create_table(
        "previews",
        sa.Column("attempt_id", sa.String(40), nullable=False),
        sa.Column("campaign_id", sa.String(40), nullable=False),
        sa.Column("offered_at", sa.String(27), nullable=False),
        sa.Column("agent", sa.String(80), nullable=True),
        sa.Column("answer", sa.String(4), nullable=True),
        sa.CheckConstraint(
            "answer IN ('call', 'pass')", name=op.f("ck_previews_answer_known")
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["attempts.attempt_id"],
            name="fk_previews_attempt_id",
        ),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_previews"),
    )
    op.add_column("contacts", sa.Column("dated", sa.String(10), nullable=True))
    op.add_column("contacts", sa.Column("priority", sa.Integer, nullable=True))
    op.add_column(
        "attempts",
        sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_index(
        "ix_attempts_raised",
        "attempts",
        ["campaign_id", "priority", "not_before"],
        sqlite_where=RAISED,
        postgresql_where=RAISED,
    )
