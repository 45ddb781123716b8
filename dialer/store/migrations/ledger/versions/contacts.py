"""Batches, reviews, contacts, their numbers, flags, calls made to us."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_1"
down_revision = None

TIME = sa.String(27)


def upgrade() -> None:
    create_batches()
    create_reviews()
    create_contacts()
    create_numbers()
    create_flags()
    create_inbound()


def create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.String(80), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("importer", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('importing', 'imported')", name=op.f("ck_batches_state_known")
        ),
        sa.PrimaryKeyConstraint("batch_id", name="pk_batches"),
    )


def create_reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("batch_id", sa.String(80), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name="fk_reviews_batch_id"
        ),
        sa.PrimaryKeyConstraint("batch_id", "reviewer", name="pk_reviews"),
    )


def create_contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("contact_id", sa.String(40), nullable=False),
        sa.Column("batch_id", sa.String(80), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(40), nullable=False),
        sa.Column("account", sa.String(40), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("masked", sa.Text(), nullable=False),
        sa.Column("zones", sa.Text(), nullable=False),
        sa.Column("locations", sa.Text(), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("consents", sa.Text(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "stage BETWEEN 1 AND 5", name=op.f("ck_contacts_stage_known")
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.batch_id"], name="fk_contacts_batch_id"
        ),
        sa.PrimaryKeyConstraint("contact_id", name="pk_contacts"),
    )
    op.create_index(
        "ix_contacts_batch_id_place", "contacts", ["batch_id", "place"], unique=True
    )


def create_numbers() -> None:
    op.create_table(
        "numbers",
        sa.Column("contact_id", sa.String(40), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("person", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.contact_id"], name="fk_numbers_contact_id"
        ),
        sa.PrimaryKeyConstraint("contact_id", "position", name="pk_numbers"),
    )
    op.create_index("ix_numbers_number", "numbers", ["number"])
    op.create_index("ix_numbers_person_number", "numbers", ["person", "number"])


def create_flags() -> None:
    op.create_table(
        "flags",
        sa.Column("flag", sa.String(40), nullable=False),
        sa.Column("scope", sa.String(10), nullable=False),
        sa.Column("token", sa.String(40), nullable=False),
        sa.Column("source", sa.String(80), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=True),
        sa.CheckConstraint(
            "scope IN ('person', 'number', 'account', 'all')",
            name=op.f("ck_flags_scope_known"),
        ),
        sa.PrimaryKeyConstraint("flag", "scope", "token", "source", name="pk_flags"),
    )
    op.create_index("ix_flags_token", "flags", ["token"])


def create_inbound() -> None:
    op.create_table(
        "inbound",
        sa.Column("inbound_id", sa.String(40), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("account", sa.String(40), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.PrimaryKeyConstraint("inbound_id", name="pk_inbound"),
    )
    op.create_index("ix_inbound_number_at", "inbound", ["number", "at"])
