"""Call outcomes as files: CSV, JSON lines, Parquet; masked, with columns that stay."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import AsyncIterable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from dialer.model import SPOKE
from dialer.reports.columns import ATTEMPTS, MEASURES
from dialer.reports.parquet import GROUP, Rows, written
from dialer.store.port import AttemptRow

MET = ("dialing", "answered", "ended")  # moments that have a local time too

Format = Literal["csv", "jsonl", "parquet"]
COLUMNS = tuple(ATTEMPTS)
RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes these for a formula


def values(row: AttemptRow) -> dict[str, object]:
    """One attempt by column, in Python's own types; None: there is no value."""
    zone = ZoneInfo(row.zone) if row.zone else None
    found: dict[str, object] = {name: getattr(row, name, None) for name in COLUMNS}
    found |= {name: row.measures.get(name) for name in MEASURES}
    found |= {f"{name}_local": _local(getattr(row, f"{name}_at"), zone) for name in MET}
    done = row.disposition is not None
    return found | {
        "disposition": str(row.disposition) if row.disposition else None,
        "phase": str(row.phase),
        "refusals": [reason["rule"] for reason in _reasons(row.verdict)],
        "zone": row.zone or None,
        "date": day(row),
        "trunk": row.facts.get("trunk"),
        "spoke": bool(row.answered_at and row.disposition in SPOKE) if done else None,
        "confirmed": row.facts.get("confirmed", "").split(),
        "agreement_id": row.agreement or None,
        "agreement_state": row.agreement_state or None,
    }


def record(row: AttemptRow) -> dict[str, object]:
    """The same as JSON has it: times and days are text."""
    return {name: plain(value) for name, value in values(row).items()}


def _local(at: datetime | None, zone: ZoneInfo | None) -> datetime | None:
    return at.astimezone(zone).replace(tzinfo=None) if at and zone else None


def day(row: AttemptRow) -> date | None:
    """On which it ended, where the callee is (UTC: nobody knows where); None: open."""
    zone = ZoneInfo(row.zone) if row.zone else UTC
    return row.ended_at.astimezone(zone).date() if row.ended_at else None


def plain(value: object) -> object:
    """Moments and days as text, in lists and maps too; all else as it is."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


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
    return csv_cells([safe(found[name]) for name in COLUMNS])


def json_line(row: AttemptRow) -> str:
    """One JSON object and a newline, its keys in the order of the columns."""
    return json.dumps(record(row), ensure_ascii=False) + "\n"


def csv_cells(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


WRITERS: dict[Format, tuple[str, Callable[[AttemptRow], str]]] = {
    "csv": (csv_cells(list(COLUMNS)), csv_line),
    "jsonl": ("", json_line),
}


async def export(rows: AsyncIterable[AttemptRow], path: Path, form: Format) -> int:
    """Write the rows as they come; the file appears when it is whole, mode 0600, UTF-8
    (CSV with the mark that spreadsheets need). -> how many rows."""
    half = path.with_name(f"{path.name}.part")
    os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        write = _parquet if form == "parquet" else _text
        count = await write(rows, half, form)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)  # there only when it was not finished
    return count


async def _text(rows: AsyncIterable[AttemptRow], half: Path, form: Format) -> int:
    head, line = WRITERS[form]
    encoding = "utf-8-sig" if form == "csv" else "utf-8"
    count = 0
    with half.open("w", encoding=encoding, newline="") as file:
        file.write(head)
        async for row in rows:
            file.write(line(row))
            count += 1
    return count


async def _parquet(rows: AsyncIterable[AttemptRow], half: Path, form: Format) -> int:
    count = 0
    with written(half, ATTEMPTS) as file:
        some: Rows = []
        async for row in rows:
            some.append(values(row))
            count += 1
            if len(some) == GROUP:
                file.add(some)
                some = []
        file.add(some)
    return count
