"""Attempts at a time that the callee asked for are found, and taken, before others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_7"
down_revision = "ledger_6"

ONLY = sa.text("phase = 'due' AND asked = 1")


def upgrade() -> None:
    op.add_column(
        "attempts", sa.Column("asked", sa.Integer, nullable=False, server_default="0")
    )
    op.create_index(
        "ix_attempts_asked",
        "attempts",
        ["campaign_id", "not_before"],
        sqlite_where=ONLY,
        postgresql_where=ONLY,
    )
