"""The store's suite runs on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dialer.store.address import Addresses
from dialer.store.port import Stores
from tests.kit.postgres import Server
from tests.kit.stores import installation, opened, served, wiped


@pytest.fixture(scope="session")
def databases(server: Server) -> Iterator[Addresses]:
    with installation(server) as found:
        yield found


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.live)])
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Stores]:
    if request.param == "sqlite":
        async with opened(tmp_path) as found:
            yield found
        return
    server: Server = request.getfixturevalue("server")
    addresses: Addresses = request.getfixturevalue("databases")
    async with served(addresses) as found:
        yield found
    wiped(server, addresses)
