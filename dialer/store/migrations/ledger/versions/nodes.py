"""Nodes that share the work, and what of trunks they share.

The revision before it may become ledger_8 when another migration of that number is
merged: these tables depend on none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_9"
down_revision = "ledger_8"

TIME = sa.String(27)


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("node", sa.String(80), nullable=False),
        sa.Column("incarnation", sa.String(40), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.CheckConstraint(
            "state IN ('up', 'draining', 'gone')", name=op.f("ck_nodes_state_known")
        ),
        sa.PrimaryKeyConstraint("node", name="pk_nodes"),
    )
    op.create_table(
        "starts",
        sa.Column("trunk", sa.String(80), nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("trunk", name="pk_starts"),
    )
    op.create_table(
        "seats",
        sa.Column("trunk", sa.String(80), nullable=False),
        sa.Column("node", sa.String(80), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_seats_counted")),
        sa.PrimaryKeyConstraint("trunk", "node", name="pk_seats"),
    )
