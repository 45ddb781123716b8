"""Other processes read rows as this one would, in order."""

from __future__ import annotations

import csv
import os
import signal
from datetime import date
from multiprocessing import active_children
from pathlib import Path

import pytest

from dialer.contacts import parsing
from dialer.contacts.parsing import Way, read_all
from dialer.contacts.row import Parsed, RowReader
from dialer.contacts.rules import load_rules
from dialer.contacts.table import Row, columns_of, survey
from dialer.settings import shipped

HEADER = ["name", "phone", "account", "creditor", "amount", "sources"]
RULES = load_rules(shipped("config") / "import.toml")


def written(path: Path) -> tuple[Way, list[list[Row]]]:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        for n in range(60):
            amount = "many" if n % 7 == 0 else "10.50"
            source = "court_document|1|2026-01-01"
            out.writerow(
                [f"Ann {n}", f"+1212555{n:04d}", f"A{n}", "Bank", amount, source]
            )
    table = survey(path, RULES, {})
    rows = list(table)
    columns = columns_of(table, RULES, {})
    return (columns, RULES, date(2026, 11, 24)), [
        rows[i : i + 3] for i in range(0, 60, 3)
    ]


@pytest.mark.parametrize("killed", [False, True])
async def test_others_read_what_this_one_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    way, chunks = written(tmp_path / "people.csv")
    reader = RowReader(*way)
    alone = [[reader.read(row) for row in chunk] for chunk in chunks]
    assert any(p.problems for p in alone[0])
    assert any(p.candidate for p in alone[0])
    monkeypatch.setattr(parsing, "FEW", 1)
    found = list[list[Parsed]]()
    others = 0
    async for chunk, parsed in read_all(way, iter(chunks), 60):
        assert chunk == chunks[len(found)]
        found.append(parsed)
        others = max(others, len(active_children()))
        if killed and len(found) == 2:
            for child in active_children():
                if child.pid is not None:
                    os.kill(child.pid, signal.SIGKILL)
    assert found == alone
    assert others == min(parsing.MOST, len(os.sched_getaffinity(0)))
