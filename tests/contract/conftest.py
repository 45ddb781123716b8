"""The store's suite runs on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.store.port import Stores
from tests.kit.postgres import Server
from tests.kit.stores import installation, opened, served


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.live])])
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Stores]:
    if request.param == "sqlite":
        async with opened(tmp_path) as found:
            yield found
    else:
        server: Server = request.getfixturevalue("server")
        with installation(server) as addresses:
            async with served(addresses) as found:
                yield found
