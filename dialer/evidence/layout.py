"""Where a tiled log keeps what: C2SP tlog-tiles. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dialer.evidence.proof import root_of

WIDTH = 256  # hashes of a full tile, entries of a full bundle
TILE = re.compile(r"(entries|0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")


def path_of(level: str, n: int, width: int) -> str:
    """A tile's place under tile/: three digits an element, all but the last with x."""
    parts = [f"{n % 1000:03}"]
    while n := n // 1000:
        parts.insert(0, f"x{n % 1000:03}")
    partial = f".p/{width}" if width < WIDTH else ""
    return f"{level}/{'/'.join(parts)}{partial}"


def parsed(name: str) -> tuple[str, int, int] | None:
    """A tile's level, index and width, of a name spelled in the one right way."""
    found = TILE.fullmatch(name)
    if not found:
        return None
    n, width = int(re.sub(r"[x/]", "", found[2])), int(found[3] or WIDTH)
    right = path_of(found[1], n, width) == name
    return (found[1], n, width) if right else None


def levels_of(leaves: list[bytes]) -> Iterator[list[bytes]]:
    """The hashes of each tile level: one above for each full tile below."""
    while leaves:
        yield leaves
        full = len(leaves) // WIDTH
        leaves = [root_of(leaves[n * WIDTH : (n + 1) * WIDTH]) for n in range(full)]


def bundled(data: bytes) -> tuple[list[bytes], bool]:
    """The entries of a bundle, each after its length in two bytes; and whether they
    fill it exactly."""
    at, found = 0, []
    while at + 2 <= len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2])
        if end > len(data):
            break
        found.append(data[at + 2 : end])
        at = end
    return found, at == len(data)
