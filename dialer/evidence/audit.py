"""The auditor's command: verify an archive or a proof with no installation of ours.

    python -m dialer.evidence.audit FOLDER --vkey KEY [--ledger F] [--remembered F]
    python -m dialer.evidence.audit --proof FILE --vkey KEY

It and `verify.py`, `layout.py`, `proof.py` beside it need Python 3.11 and the library
`cryptography`, nothing else. Exit code 0: every byte is as signed; 1: not so, and
every problem is printed.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from dialer.evidence.proof import Broken, StoredRow, check_proof
from dialer.evidence.verify import Report, verify


def ledger_rows(path: Path) -> Iterator[StoredRow]:
    """The journal out of a ledger file, read only. sqlite3.Error: not a ledger."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        columns = "seq, at, kind, subject, body, salt"
        for row in db.execute(f"SELECT {columns} FROM journal ORDER BY seq"):
            yield StoredRow(*row)


def report_lines(report: Report) -> Iterator[str]:
    """What was found, for people."""
    yield from map(str, report.problems)
    verdict = f"{len(report.problems)} problems" if report.problems else "verified"
    yield f"{report.entries} entries of {report.origin or 'an unknown log'}: {verdict}"
    yield f"root {report.root}"
    if report.opened or report.pending:
        yield f"{report.opened} journal rows opened, {report.pending} not logged yet"


def _archive(asked: argparse.Namespace) -> int:
    rows = ledger_rows(asked.ledger) if asked.ledger else None
    remembered = asked.remembered.read_text("utf-8") if asked.remembered else None
    report = verify(asked.folder, asked.vkey, rows, remembered)
    print("\n".join(report_lines(report)))  # noqa: T201 - a command of its own
    return 1 if report.problems else 0


def _proof(asked: argparse.Namespace) -> int:
    found = check_proof(asked.proof.read_text("utf-8"), asked.vkey)
    entry = json.dumps(found.entry, ensure_ascii=False, indent=1)
    print(f"entry {found.index + 1} of {found.head.origin}: proved\n{entry}")  # noqa: T201
    if found.body is not None:
        print(found.body)  # noqa: T201
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Exit code 0 as signed, 1 not, 2 asked wrongly."""
    parser = argparse.ArgumentParser(description="Verify an evidence archive or proof.")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--vkey", required=True, help="the log's verifier key")
    parser.add_argument("--ledger", type=Path, help="ledger.db: open the commitments")
    parser.add_argument("--remembered", type=Path, help="a checkpoint seen earlier")
    parser.add_argument("--proof", type=Path, help="check one inclusion proof")
    asked = parser.parse_args(arguments)
    if (asked.folder is None) == (asked.proof is None):
        parser.error("give an archive's folder or --proof FILE")
    try:
        return _archive(asked) if asked.folder else _proof(asked)
    except (Broken, OSError, UnicodeDecodeError, sqlite3.Error) as error:
        print(f"{asked.proof or asked.ledger or asked.folder}: {error}")  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
