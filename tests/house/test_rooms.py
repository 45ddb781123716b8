"""The architecture is this table. A room may import what it lists, and itself."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEAVES = {"dialer.model", "dialer.attempt", "dialer.clock"}
ROOMS: dict[str, set[str]] = {
    "speech": set(),
    "ivr": set(),
    "dialer.model": set(),
    "dialer.clock": set(),
    "dialer.files": set(),
    "dialer.toml": set(),
    "dialer.attempt": {"dialer.model"},
    "dialer.offers": {"dialer.toml"},
    "dialer.agreements": {"dialer.evidence.entry"},
    "dialer.compliance": {"dialer.model"},
    "dialer.contacts": LEAVES | {"dialer.store.port"},
    "dialer.campaign": LEAVES
    | {"dialer.channels.port", "dialer.store.port", "dialer.toml"},
    "dialer.channels": {
        "dialer.clock",
        "dialer.files",
        "dialer.toml",
        "speech.audio",
        "speech.port",
    },
    "dialer.call": LEAVES
    | {
        "dialer.agreements",
        "dialer.campaign.hours",
        "dialer.campaign.paced",
        "dialer.campaign.retry",
        "dialer.channels.port",
        "dialer.evidence.mask",
        "dialer.offers",
        "dialer.store.port",
        "ivr",
        "speech",
    },
    "dialer.simulate": {"dialer.campaign", "dialer.model", "dialer.toml"},
    "dialer.evidence": LEAVES | {"dialer.files", "dialer.store.port"},
    "dialer.trunks": {"dialer.clock", "dialer.channels.port", "dialer.toml"},
    "dialer.store": LEAVES
    | {"dialer.agreements", "dialer.evidence.entry", "dialer.files"},
    "dialer.reports": LEAVES | {"dialer.files", "dialer.store.port"},
    "dialer.events": LEAVES
    | {"dialer.evidence.entry", "dialer.files", "dialer.store.port", "dialer.toml"},
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


def strays(path: Path) -> set[str]:
    """What a file imports from rooms that its own may not enter."""
    own = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own is None:
        return set()  # app.py, settings.py, cli: they may name anything
    allowed = ROOMS[own] | {own}
    return {
        name
        for name in imports(path)
        if not any(f"{name}.".startswith(f"{a}.") for a in allowed)
    }


def test_imports_stay_in_their_rooms() -> None:
    found = {str(path.relative_to(ROOT)): strays(path) for path in FILES}
    assert {path: names for path, names in found.items() if names} == {}


def test_a_sign_is_only_a_sign() -> None:
    signs = [path for path in FILES if path.name == "__init__.py"]
    assert len(signs) > 15
    for path in signs:
        tree = ast.parse(path.read_text("utf-8"))
        assert len(tree.body) == 1, path
        assert ast.get_docstring(tree), path
