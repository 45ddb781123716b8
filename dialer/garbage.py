"""The garbage collector, spared what stays."""

from __future__ import annotations

import gc


def settle() -> None:
    """Spare the garbage collector what is loaded: it will stay, and to look through it
    again takes 100 ms, in the middle of somebody's call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)
