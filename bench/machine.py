"""What a figure was measured on: part of every result."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import sqlcipher3.dbapi2 as sqlite


def machine() -> dict[str, str | int]:
    """Platform, processor, number of CPUs this process may use, Python, SQLite."""
    return {
        "platform": platform.platform(),
        "processor": processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "sqlite": sqlite.sqlite_version,
    }


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.processor()).strip() or "unknown"


def described() -> str:
    """One line for people."""
    return ", ".join(f"{name} {value}" for name, value in machine().items())
