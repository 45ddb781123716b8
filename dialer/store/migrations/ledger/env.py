"""Alembic's entry for the ledger database: run on the connection that we are given."""

from __future__ import annotations

from alembic import context

from dialer.store.tables import ledger

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=ledger,
    render_as_batch=True,
)
context.run_migrations()
