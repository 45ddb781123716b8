"""The tables of the vault: no column holds a readable personal word."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

from dialer.store.tables import NAMES

vault = MetaData(naming_convention=NAMES)

keyring = Table(
    "keyring",
    vault,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("check_value", LargeBinary, nullable=False),
    Column("token_secret", LargeBinary, nullable=False),
)

records = Table(
    "records",
    vault,
    Column("contact_id", String(40), primary_key=True),
    Column("key_version", Integer, ForeignKey("keyring.version"), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Index("ix_records_key_version", "key_version"),
)
