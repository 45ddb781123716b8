"""The architecture is this table. A room may import what it lists, and itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAVES = {"dialer.model", "dialer.attempt", "dialer.clock"}
ROOMS: dict[str, set[str]] = {
    "speech": set(),
    "ivr": set(),
    "dialer.model": set(),
    "dialer.clock": set(),
    "dialer.attempt": {"dialer.model"},
    "dialer.compliance": {"dialer.model"},
    "dialer.contacts": LEAVES | {"dialer.store.port"},
    "dialer.campaign": LEAVES | {"dialer.store.port"},
    "dialer.channels": {"dialer.clock", "speech.audio", "speech.port"},
    "dialer.call": LEAVES
    | {
        "dialer.campaign.retry",
        "dialer.channels.port",
        "dialer.evidence.mask",
        "dialer.store.port",
        "ivr",
        "speech",
    },
    "dialer.evidence": LEAVES | {"dialer.store.port"},
    "dialer.store": LEAVES | {"dialer.evidence.entry"},
    "dialer.reports": LEAVES | {"dialer.store.port"},
}


def room(module: str) -> str | None:
    return max((r for r in ROOMS if f"{module}.".startswith(f"{r}.")), default=None)


def imports(path: Path) -> set[str]:
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name for name in found if name.split(".")[0] in {"dialer", "ivr", "speech"}}


FILES = [f for top in ("dialer", "ivr", "speech") for f in (ROOT / top).rglob("*.py")]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_stay_in_their_rooms(path: Path) -> None:
    here = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    own = room(here)
    if own is None:
        return  # app.py, settings.py, cli: they may name anything
    allowed = ROOMS[own] | {own}
    strays = {
        name
        for name in imports(path)
        if not any(f"{name}.".startswith(f"{a}.") for a in allowed)
    }
    assert not strays, f"{here} is in room {own}, which may not import {strays}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_sign_is_only_a_sign(path: Path) -> None:
    if path.name != "__init__.py":
        return
    body = ast.parse(path.read_text("utf-8")).body
    assert len(body) == 1
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
