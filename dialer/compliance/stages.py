"""Which step on the way to a call a rule belongs to, as the funnel names them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from dialer.compliance.rules import Rulebook

OF_KIND = {
    "sources": "provenance",
    "age": "provenance",
    "facts": "provenance",
    "reviews": "reviewed",
    "flags": "consent",
    "consent": "consent",
    "purposes": "consent",
    "frequency": "caps",
    "wait": "caps",
    "inconvenient": "window",
    "hours": "window",
    "default_hours": "window",
}


def stage_of(book: Rulebook) -> Callable[[str], str]:
    """From a reason's rule (`accord.flags.cease` is of rule `accord.flags`)."""
    kinds = {rule.id: rule.kind for _, rule in book.rules()}

    @lru_cache(maxsize=1024)
    def find(name: str) -> str:
        while name not in kinds:
            name, _, _ = name.rpartition(".")
        return OF_KIND[kinds[name]]

    return find
