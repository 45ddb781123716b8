"""No file under a folder may hold a personal value, however it is written."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dialer.reports.leaks import find_leaks

__all__ = ["find_leaks", "no_leaks"]


def no_leaks(folder: Path, needles: Collection[str]) -> None:
    """Fail with every (file, value) found."""
    found = find_leaks(folder, needles)
    assert not found, f"personal values in clear: {found}"
