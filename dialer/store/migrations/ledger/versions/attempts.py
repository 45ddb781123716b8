"""Campaigns, attempts with the constraints of their life, turns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_2"
down_revision = "ledger_1"

TIME = sa.String(27)
# not IN: SQLite builds a little table for it each time a row is written
LEASED = "(phase = 'reserved' OR phase = 'dialing' OR phase = 'talking')"
PHASES = (
    "(phase = 'due' OR phase = 'reserved' OR phase = 'dialing' OR phase = 'talking'"
    " OR phase = 'unknown' OR phase = 'done')"
)
CHECKS = {
    "phase_known": PHASES,
    "counted": "n >= 1 AND position >= 0",
    "leased_node": f"{LEASED} = (node IS NOT NULL)",
    "leased_until": f"{LEASED} = (lease_until IS NOT NULL)",
    "dialed": (
        "NOT (phase = 'dialing' OR phase = 'talking' OR phase = 'unknown')"
        " OR dialing_at IS NOT NULL"
    ),
    "never_back": "NOT (phase = 'due' OR phase = 'reserved') OR dialing_at IS NULL",
    "talking": "phase <> 'talking' OR answered_at IS NOT NULL",
    "answered": "answered_at IS NULL OR dialing_at IS NOT NULL",
    "ended": "(phase = 'done') = (ended_at IS NOT NULL)",
    "disposed": "(phase = 'done') = (disposition IS NOT NULL)",
}


def upgrade() -> None:
    create_campaigns()
    create_attempts()
    partial_index("uq_attempts_open_number", ["number"], "phase <> 'done'", unique=True)
    partial_index("ix_attempts_due", ["campaign_id", "not_before"], "phase = 'due'")
    partial_index("ix_attempts_leases", ["lease_until"], LEASED)
    rang = "dialing_at IS NOT NULL"
    partial_index("ix_attempts_rang", ["number", "dialing_at"], rang)
    create_turns()


def partial_index(
    name: str, columns: list[str], where: str, *, unique: bool = False
) -> None:
    only = sa.text(where)
    op.create_index(
        name,
        "attempts",
        columns,
        unique=unique,
        sqlite_where=only,
        postgresql_where=only,
    )


def create_campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint(
            "state IN ('created', 'running', 'paused', 'stopped', 'done')",
            name=op.f("ck_campaigns_state_known"),
        ),
        sa.PrimaryKeyConstraint("campaign_id", name="pk_campaigns"),
        sa.UniqueConstraint("name", name="uq_campaigns_name"),
    )


def create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.String(40), nullable=False),
        sa.Column("campaign_id", sa.String(40), nullable=False),
        sa.Column("contact_id", sa.String(40), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("account", sa.String(40), nullable=False),
        sa.Column("phase", sa.String(10), nullable=False),
        sa.Column("not_before", TIME, nullable=False),
        sa.Column("node", sa.String(80), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("dialing_at", TIME, nullable=True),
        sa.Column("answered_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("disposition", sa.String(20), nullable=True),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("measures", sa.Text(), server_default="{}", nullable=False),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_attempts_{name}"))
            for name, rule in CHECKS.items()
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.campaign_id"],
            name="fk_attempts_campaign_id",
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.contact_id"], name="fk_attempts_contact_id"
        ),
        sa.PrimaryKeyConstraint("row", name="pk_attempts"),
        sa.UniqueConstraint("attempt_id", name="uq_attempts_attempt_id"),
        sa.UniqueConstraint(
            "campaign_id",
            "contact_id",
            "n",
            name="uq_attempts_campaign_id_contact_id_n",
        ),
    )


def create_turns() -> None:
    op.create_table(
        "turns",
        sa.Column("attempt_id", sa.String(40), nullable=False),
        sa.Column("i", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("who", sa.String(4), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("intent", sa.String(40), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("template", sa.String(120), nullable=False),
        sa.Column("clauses", sa.Text(), nullable=False),
        sa.Column("rights", sa.Text(), nullable=False),
        sa.Column("confirmation", sa.Text(), nullable=False),
        sa.Column("key", sa.Boolean(), nullable=False),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.CheckConstraint("who IN ('us', 'them')", name=op.f("ck_turns_who_known")),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.attempt_id"], name="fk_turns_attempt_id"
        ),
        sa.PrimaryKeyConstraint("attempt_id", "i", name="pk_turns"),
    )
