"""The keyring and the sealed records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "vault_1"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "keyring",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("check_value", sa.LargeBinary(), nullable=False),
        sa.Column("token_secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_keyring"),
    )
    op.create_table(
        "records",
        sa.Column("contact_id", sa.String(40), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_version"], ["keyring.version"], name="fk_records_key_version"
        ),
        sa.PrimaryKeyConstraint("contact_id", name="pk_records"),
    )
    op.create_index("ix_records_key_version", "records", ["key_version"])
