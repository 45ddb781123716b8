"""Agreements and their signed events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_5"
down_revision = "ledger_4"

STATES = "'proposed', 'confirmed', 'active', 'kept', 'broken', 'closed'"
IN_FORCE = (
    "(state = 'proposed' OR state = 'confirmed' OR state = 'active'"
    " OR state = 'broken')"
)


def upgrade() -> None:
    create_agreements()
    create_events()


def create_agreements() -> None:
    op.create_table(
        "agreements",
        sa.Column("agreement", sa.String(40), nullable=False),
        sa.Column("account", sa.String(40), nullable=False),
        sa.Column("contact_id", sa.String(40), nullable=False),
        sa.Column("call", sa.String(40), nullable=True),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("covered", sa.Integer(), nullable=False),
        sa.Column("next_due", sa.String(10), nullable=True),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.CheckConstraint(
            f"state IN ({STATES})", name=op.f("ck_agreements_state_known")
        ),
        sa.CheckConstraint(
            "covered BETWEEN 0 AND parts", name=op.f("ck_agreements_covered_known")
        ),
        sa.CheckConstraint("events >= 1", name=op.f("ck_agreements_begun")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.contact_id"], name="fk_agreements_contact_id"
        ),
        sa.ForeignKeyConstraint(
            ["call"], ["attempts.attempt_id"], name="fk_agreements_call"
        ),
        sa.PrimaryKeyConstraint("agreement", name="pk_agreements"),
    )
    only = sa.text(IN_FORCE)
    op.create_index(
        "uq_agreements_in_force",
        "agreements",
        ["account"],
        unique=True,
        sqlite_where=only,
        postgresql_where=only,
    )
    op.create_index("ix_agreements_call", "agreements", ["call"])


def create_events() -> None:
    op.create_table(
        "agreement_events",
        sa.Column("agreement", sa.String(40), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev", sa.String(64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(88), nullable=False),
        sa.CheckConstraint("seq >= 0", name=op.f("ck_agreement_events_counted")),
        sa.ForeignKeyConstraint(
            ["agreement"],
            ["agreements.agreement"],
            name="fk_agreement_events_agreement",
        ),
        sa.PrimaryKeyConstraint("agreement", "seq", name="pk_agreement_events"),
    )
