"""Alembic's entry for the vault database: run on the connection that we are given."""

from __future__ import annotations

from alembic import context

from dialer.store.vault_tables import vault

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=vault,
    render_as_batch=True,
)
context.run_migrations()
