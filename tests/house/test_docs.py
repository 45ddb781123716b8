"""Documents that say what the code is are compared with the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dialer.attempt import MOVES
from tests.house.test_rooms import ROOMS

ROOT = Path(__file__).parents[2]


def block(text: str, name: str) -> list[str]:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert found, f"no block {name}"
    return found[1].strip().splitlines()


def test_the_rooms_in_the_document_are_the_rooms_of_the_test() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    rows = {
        f"| `{room}` | {', '.join(f'`{m}`' for m in sorted(allowed)) or 'nothing'} |"
        for room, allowed in ROOMS.items()
    }
    assert set(block(text, "rooms")[2:]) == rows


def test_the_moves_in_the_document_are_the_moves_of_the_code() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    rows = [f"| {a} | {event.__name__} | {b} |" for (a, event), b in MOVES.items()]
    assert block(text, "moves")[2:] == rows


def tables(model: type, name: str = "") -> Iterator[tuple[str, str]]:
    """(table, setting) of a model and those inside it."""
    for key, field in model.model_fields.items():  # type: ignore[attr-defined]
        if hasattr(field.annotation, "model_fields"):
            yield from tables(field.annotation, f"{name}.{key}".strip("."))
        elif key != "home":
            yield name, key


def test_every_setting_is_in_the_shipped_file() -> None:
    from dialer.settings import Settings

    text = (ROOT / "config/dialer.toml").read_text("utf-8")
    parts = dict(re.findall(r"^\[([\w.]+)\].*?\n(.*?)(?=^\[|\Z)", text, re.M | re.S))
    found = list(tables(Settings))
    assert ("events.mqtt", "tenant") in found
    for table, name in found:
        there = f"{table}.{name}" in parts or re.search(
            rf"^{name} = ", parts[table], re.M
        )
        assert there, (table, name)


def test_no_broad_except_but_where_it_is_meant() -> None:
    meant = {
        *("dialer/__main__.py", "dialer/campaign/dispatcher.py", "dialer/sinks.py")
    }
    found = {
        str(path.relative_to(ROOT))
        for top in ("dialer", "ivr", "speech")
        for path in (ROOT / top).rglob("*.py")
        if re.search(r"except (Base)?Exception\b", path.read_text("utf-8"))
    }
    assert found <= meant
