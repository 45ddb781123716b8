"""The short form of `make chaos`: 0 dialed twice, 0 lost, 0 past the gate."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.__main__ import storm


@pytest.mark.live
@pytest.mark.slow
async def test_nodes_and_the_server_killed_at_random(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - shown when the test fails
    report = await storm(tmp_path, people=250, kills=8, seed=seed)
    print(report)  # noqa: T201
    assert report["faults"] == {}
    assert report["problems"] == []
    assert report["evidence"] == report["journal"]
    assert report["placed"] >= 100
    assert report["worst_second"] <= 66  # a cap of 60, and a tenth
