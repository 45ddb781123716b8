"""Call outcomes for analysts: CSV and JSON lines, masked, with columns that stay.

The columns are documented in docs/analysts.md; a new one is added at the end.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import AsyncIterable, Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

from dialer.store.port import AttemptRow

Format = Literal["csv", "jsonl"]
COLUMNS = (
    "attempt_id",
    "campaign_id",
    "contact_id",
    "n",
    "phone",
    "language",
    "phase",
    "disposition",
    "cause",
    "stage",
    "not_before",
    "dialing_at",
    "answered_at",
    "ended_at",
    "seconds",
    "confirmations",
    "rights_explained",
    "silence_seconds",
    "units_per_minute",
    "barge_ins",
    "turns",
    "turn_latency_p50",
    "turn_latency_max",
    "refusals",
    "facts",
    "measures",
)
#: Measures that have a column of their own.
MEASURES = frozenset(COLUMNS[14:23])
RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes these for a formula


def record(row: AttemptRow) -> dict[str, object]:
    """One attempt as flat values: str, int, float or None; facts and measures as maps.
    A column without a value is None."""
    found: dict[str, object] = dict.fromkeys(COLUMNS)
    for name in COLUMNS[:10]:
        found[name] = getattr(row, name)
    for name in ("not_before", "dialing_at", "answered_at", "ended_at"):
        found[name] = _time(getattr(row, name))
    found |= {name: row.measures.get(name) for name in MEASURES}
    found["disposition"] = row.disposition and str(row.disposition)
    found["phase"] = str(row.phase)
    found["refusals"] = [reason["rule"] for reason in _reasons(row.verdict)]
    found["facts"], found["measures"] = row.facts, row.measures
    return found


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at else None


def _reasons(verdict: str) -> list[dict[str, str]]:
    found = json.loads(verdict) if verdict else {}
    reasons = found.get("reasons", []) if isinstance(found, dict) else []
    return list(reasons)


def safe(value: object) -> str:
    """A cell that no spreadsheet runs: a text that begins like a formula gets an
    apostrophe before it. Numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        text = " ".join(map(str, value))
    elif isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    else:
        text = str(value)
    return f"'{text}" if text.lstrip(" \n").startswith(RISKY) else text


def csv_line(row: AttemptRow) -> str:
    """One row of the CSV, with its line end (RFC 4180)."""
    found = record(row)
    return _csv([safe(found[name]) for name in COLUMNS])


def json_line(row: AttemptRow) -> str:
    """One JSON object and a newline, its keys in the order of the columns."""
    return json.dumps(record(row), ensure_ascii=False) + "\n"


def _csv(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


WRITERS: dict[Format, tuple[str, Callable[[AttemptRow], str]]] = {
    "csv": (_csv(list(COLUMNS)), csv_line),
    "jsonl": ("", json_line),
}


async def export(rows: AsyncIterable[AttemptRow], path: Path, form: Format) -> int:
    """Write the rows as they come; the file appears when it is whole, mode 0600, UTF-8
    (CSV with the mark that spreadsheets need). -> how many rows."""
    head, line = WRITERS[form]
    half = path.with_name(f"{path.name}.part")
    opened = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    encoding = "utf-8-sig" if form == "csv" else "utf-8"
    count = 0
    try:
        with os.fdopen(opened, "w", encoding=encoding, newline="") as file:
            file.write(head)
            async for row in rows:
                file.write(line(row))
                count += 1
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)  # there only when it was not finished
    return count
