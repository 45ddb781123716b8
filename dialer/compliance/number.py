"""A number as the rules compare it."""

from __future__ import annotations

import re
from functools import lru_cache

NUMBER = re.compile(r"\+[1-9][0-9]{5,14}|n_\w+", re.ASCII)
SEPARATORS = re.compile(r"[ ().-]")


@lru_cache(maxsize=4096)
def plain(text: str) -> str | None:
    """Without separators; None when it is neither E.164 nor a number token."""
    number = SEPARATORS.sub("", text)
    return number if NUMBER.fullmatch(number) else None
