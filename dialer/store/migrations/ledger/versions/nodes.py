"""Nodes that share the work, what of trunks they share, what one of them does for
all, and whose log the journal is kept in."""

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
        sa.Column("seat", sa.String(40), nullable=False),
        sa.Column("node", sa.String(80), nullable=False),
        sa.Column("start_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("trunk", "seat", name="pk_seats"),
    )
    op.create_index("ix_seats_node", "seats", ["node"])
    op.create_table(
        "duties",
        sa.Column("duty", sa.String(120), nullable=False),
        sa.Column("node", sa.String(80), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("duty", name="pk_duties"),
    )
    op.create_index("ix_duties_node", "duties", ["node"])
    owner = sa.Column("owner", sa.String(200), nullable=False, server_default="")
    op.add_column("cursors", owner)
