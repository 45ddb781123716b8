"""Files that are there whole or not at all, and stay when the power goes."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable."""
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def replaced(path: Path, text: str, *, durable: bool = False) -> None:
    """Put a file in place whole, over what is there."""
    half = path.with_name(f".{path.name}.new")
    half.write_text(text, "utf-8")
    if durable:
        sync(half)
    half.replace(path)
