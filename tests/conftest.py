"""Servers that a test session starts once, when the first test asks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.kit import postgres, stores


@pytest.fixture(scope="session")
def passwords() -> None:
    """Of an installation's roles, where it looks for them."""
    os.environ.update(
        {
            f"ACCORD_{who}_PASSWORD": postgres.PASSWORD
            for who in ("VAULT", "LEDGER", "EVIDENCE", "OWNER")
        }
    )


@pytest.fixture(scope="session")
def server(passwords: None) -> Iterator[postgres.Server]:
    """A PostgreSQL with the roles of an installation and templates of its databases."""
    with postgres.running() as found:
        stores.ready(found)
        yield found
