"""`dialer evidence` and `dialer calls`: what they print and refuse, on a real store."""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from dialer import settings
from dialer.cli.calls import calls
from dialer.cli.evidence import evidence
from dialer.home import opened
from dialer.model import Disposition, Outcome, Turn
from dialer.store import keys
from dialer.store.port import StoreError, Stores
from tests.kit import stores as kit
from tests.kit.leaks import no_leaks

TURNS = (
    Turn(
        "us",
        0.4,
        5.2,
        "您好，这里是[姓名]",
        1,
        template="open.greet",
        clauses=("pipl.13",),
        rights=("stop",),
        confirmation="identity",
        key=True,
    ),
    Turn("them", 7.0, 1.1, "[姓名]，[金额]", 2, intent="promise_pay", confidence=0.91),
)


class Terminal:
    """One user at one installation with two finished calls and one refused."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = settings.load(home)

    def run(self, group: click.Group, *words: str) -> Result:
        return CliRunner().invoke(group, words, obj=self.settings)

    def json(self, group: click.Group, *words: str) -> Any:
        result = self.run(group, *words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def fails(self, group: click.Group, *words: str) -> str:
        """The text that a user sees; a traceback is none."""
        result = self.run(group, *words)
        assert result.exit_code in (1, 2), result.output
        if isinstance(result.exception, StoreError):
            return str(result.exception)  # `__main__` prints it
        assert isinstance(result.exception, SystemExit), result.exception
        return result.output

    async def call_two(self) -> None:
        async with opened(self.settings) as stores:
            await kit.running(stores, [kit.contact(i) for i in range(1, 4)])
            await self._finish(stores, Disposition.PROMISED, TURNS)
            await self._finish(stores, Disposition.BUSY, ())

    async def _finish(
        self, stores: Stores, end: Disposition, turns: tuple[Turn, ...]
    ) -> None:
        one = await kit.dialed(stores)
        if turns:
            await stores.ledger.answered(one.attempt_id, kit.NOW)
        outcome = Outcome(
            end,
            kit.NOW,
            cause="200",
            turns=turns,
            stage=5 if turns else 1,
            facts={"option": "=1+1"},
            measures={"seconds": 60.5, "confirmations": 3.0},
        )
        await stores.ledger.finish(one.attempt_id, outcome)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    found = Terminal(tmp_path / "home")
    found.home.mkdir()
    keys.write(found.settings.key_file, keys.new_key())
    asyncio.run(found.call_two())
    return found


def test_calls_are_listed_and_filtered(terminal: Terminal) -> None:
    found = terminal.json(calls, "list")
    ends = [row["disposition"] for row in found["calls"]]
    assert (ends, found["more"]) == (["promised", "busy", None], False)
    only = terminal.json(calls, "list", "--disposition", "busy")["calls"]
    assert [row["disposition"] for row in only] == ["busy"]
    first = terminal.json(calls, "list", "--limit", "1", "--campaign", "spring")
    assert (len(first["calls"]), first["more"]) == (1, True)
    shown = terminal.run(calls, "list").output
    assert "promised" in shown
    assert "+86 170" in shown
    assert "autumn" in terminal.fails(calls, "list", "--campaign", "autumn")
    assert "Invalid value" in terminal.fails(calls, "list", "--disposition", "nice")


def test_a_call_is_shown_with_its_timeline(terminal: Terminal) -> None:
    call = terminal.json(calls, "list")["calls"][0]["attempt_id"]
    data = terminal.json(calls, "show", call[:12])
    assert [turn["who"] for turn in data["turns"]] == ["us", "them"]
    assert data["verdict"]["allowed"]
    shown = terminal.run(calls, "show", call).output
    wanted = ["[姓名]", "[金额]", "promise_pay (0.91)", "clause pipl.13", "right stop"]
    wanted += ["asks to confirm identity", "★ us", "open.greet", "gate allowed"]
    wanted += ["after 1:00.5", "option =1+1", "stage 1 opening and identity"]
    wanted += ["confirmations 3 a commitment needs 3", "1.4 s of silence"]
    flat = " ".join(shown.split())
    assert [text for text in wanted if text not in flat] == []
    assert "no call named 'ffff'" in terminal.fails(calls, "show", "ffff")


def test_calls_are_exported_once(terminal: Terminal) -> None:
    path = terminal.home / "out.csv"
    words = ("export", "--out", str(path), "--disposition", "promised")
    assert terminal.json(calls, *words)["rows"] == 1
    with path.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["phone"].startswith("'+86 170")
    assert "exists" in terminal.fails(calls, *words)
    assert terminal.json(calls, *words, "--force")["rows"] == 1
    absent = str(terminal.home / "none" / "out.csv")
    assert "no such folder" in terminal.fails(calls, "export", "--out", absent)


def test_evidence_from_checkpoint_to_proof(terminal: Terminal) -> None:
    first = terminal.json(evidence, "checkpoint")
    assert first["added"] == first["entries"] > 5
    kept = terminal.home / "kept.txt"
    kept.write_text(first["checkpoint"], "utf-8")
    again = terminal.run(evidence, "checkpoint")
    assert again.stdout == first["checkpoint"]
    report = terminal.json(
        evidence, "verify", "--checkpoint", str(kept), "--vkey", first["vkey"]
    )
    assert (report["verified"], report["problems"]) == (True, [])
    assert report["opened"] == report["entries"] == first["entries"]
    call = terminal.json(calls, "list")["calls"][0]["attempt_id"]
    folder = terminal.home / "proofs"
    made = terminal.json(evidence, "prove", call[:12], "--out", str(folder))["proofs"]
    assert len(made) >= 4
    for path in made:
        proved = terminal.json(evidence, "verify", "--proof", path)
        assert proved["entry"]["subject"] == call
    one = terminal.json(evidence, "prove", "1", "--sealed", "--out", str(folder))
    proved = terminal.json(evidence, "verify", "--proof", one["proofs"][0])
    assert (proved["entry"]["seq"], proved["body"]) == (1, None)
    shown = terminal.run(evidence, "verify", "--proof", made[-1]).output
    assert "proved: entry" in shown


def test_a_changed_ledger_or_archive_is_said_with_exit_code_1(
    terminal: Terminal,
) -> None:
    terminal.json(evidence, "checkpoint")
    with closing(sqlite3.connect(terminal.settings.ledger_db)) as db, db:
        db.execute("UPDATE journal SET body = '{}' WHERE seq = 3")
    said = terminal.fails(evidence, "verify")
    assert "journal row 3: is not what was logged: body or salt differ" in said
    assert "the archive is not as it was signed: 1 problems" in said
    result = terminal.run(evidence, "verify", "--json")
    assert (result.exit_code, json.loads(result.stdout)["verified"]) == (1, False)
    assert "is not what was logged" in terminal.fails(evidence, "prove", "3")
    (terminal.settings.evidence_folder / "checkpoint").unlink()
    assert "checkpoint: is missing" in terminal.fails(evidence, "verify")


def test_what_cannot_be_proved_is_said(terminal: Terminal) -> None:
    assert "no checkpoint yet" in terminal.fails(evidence, "prove", "1")
    terminal.json(evidence, "checkpoint")
    assert "no journal entry named '999'" in terminal.fails(evidence, "prove", "999")
    assert "no call named 'ffff'" in terminal.fails(evidence, "prove", "ffff")
    junk = terminal.home / "junk"
    junk.write_bytes(b"\xff\xfe")
    assert "not a text in UTF-8" in terminal.fails(
        evidence, "verify", "--proof", str(junk)
    )
    junk.write_text("junk", "utf-8")
    assert "is not a c2sp.org/tlog-proof@v1" in terminal.fails(
        evidence, "verify", "--proof", str(junk)
    )


def test_nothing_personal_is_left_in_any_file(terminal: Terminal) -> None:
    terminal.json(evidence, "checkpoint")
    terminal.json(calls, "export", "--out", str(terminal.home / "out.csv"))
    person = kit.personal(1)
    no_leaks(terminal.home, [person.name, *person.phones, person.id_number])
