"""The commands: what they print, what they refuse, with which exit code."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from dialer import settings
from dialer.cli.contacts import contacts
from dialer.store import keys
from dialer.store.port import StoreError

DEMO = str(settings.shipped("config") / "demo" / "contacts.csv")
HEADER = "name,phone,account,creditor,amount,currency\n"


class Terminal:
    """One user at one installation."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = settings.load(home)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(contacts, words, obj=self.settings)

    def json(self, *words: str) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def file(self, text: str) -> str:
        path = self.home / "people.csv"
        path.write_text(text, "utf-8")
        return str(path)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    found = Terminal(tmp_path / "home")
    keys.write(found.settings.key_file, keys.new_key())
    return found


def test_import_review_and_explain_from_end_to_end(terminal: Terminal) -> None:
    report = terminal.json("import", DEMO, "--as", "ann")
    counts = [report[k] for k in ("rows_read", "accepted", "rejected", "duplicates")]
    assert counts == [60, 51, 7, 2]
    assert report["blocked_by_provenance"] == 6
    assert not report["approved"]
    batch = report["batch"]
    assert terminal.json("import", DEMO, "--as", "zoe")["unchanged"]
    terminal.json("review", batch[:8], "--as", "bo", "--approve")
    second = terminal.json("review", batch, "--as", "cy", "--approve", "--note", "ok")
    assert second["approved"]
    assert [r["reviewer"] for r in second["reviews"]] == ["bo", "cy"]
    (listed,) = terminal.json("batches")["batches"]
    assert listed["importer"] == "ann"
    at = ("--at", "2026-11-24 13:30:00")
    good = terminal.json("explain", "170 0000 0001", *at)
    assert good["contacts"][0]["verdict"]["allowed"]
    stopped = terminal.json("explain", "17000000028", *at)
    (about,) = stopped["contacts"]
    assert not about["verdict"]["allowed"]
    assert {flag["flag"] for flag in about["flags"]} == {"do_not_call"}


def test_reports_for_people_are_masked_and_name_the_next_step(
    terminal: Terminal,
) -> None:
    result = terminal.run("import", DEMO, "--as", "ann")
    assert result.exit_code == 0
    assert "60 rows read, 51 accepted, 7 rejected, 2 duplicates" in result.output
    assert "dialer contacts review b_" in result.output
    assert "60 of 60 rows" in result.stderr
    explained = terminal.run("explain", "17000000027")
    assert "may not be called now" in explained.output
    assert "2 of 3 different kinds" in explained.output
    for text in (result.output, explained.output):
        assert "1700000" not in text
        assert "测试" not in text


def test_rejects_are_listed_and_written_for_the_operator_alone(
    terminal: Terminal,
) -> None:
    wanted = terminal.home / "r.csv"
    batch = terminal.json("import", DEMO, "--as", "ann", "--rejects", str(wanted))
    assert stat.S_IMODE(wanted.stat().st_mode) == 0o600
    assert wanted.read_bytes() == Path(batch["rejects_file"]).read_bytes()
    found = terminal.json("rejects", batch["batch"])
    assert [row["line"] for row in found["rows"]] == [str(n) for n in range(36, 43)]
    twice = terminal.json("rejects", batch["batch"], "--duplicates")
    assert [row["line"] for row in twice["rows"]] == ["43", "44"]
    assert "03/04/2026" in terminal.run("rejects", batch["batch"]).output


def test_names_with_brackets_are_no_markup(terminal: Terminal) -> None:
    path = terminal.file(f"[/red],{HEADER}x,Ann,?,A,C,1,USD\n")
    result = terminal.run("import", path, "--as", "[/b]")
    assert "column not used: [/red]" in result.output
    assert terminal.run("batches").exit_code == 0


REFUSED: list[tuple[list[str], int, str]] = [
    (["import", "nothing.csv"], 2, "does not exist"),
    (["import", "FILE", "--map", "x"], 2, "expected column=field"),
    (["import", "FILE", "--map", "name=nom"], 2, "no such field"),
    (["import", "FILE", "--rejects", "FILE"], 2, "file that is being imported"),
    (["explain", "12"], 1, "too short"),
    (["review", "b_1"], 2, "--approve or --reject"),
    (["rejects", "b_1"], 1, "no batch named"),
]


@pytest.mark.parametrize(("words", "code", "told"), REFUSED)
def test_what_is_asked_wrongly(
    terminal: Terminal, words: list[str], code: int, told: str
) -> None:
    path = terminal.file(HEADER + "Ann,2125550101,A,C,1,USD\n")
    result = terminal.run(*(path if word == "FILE" else word for word in words))
    if isinstance(result.exception, StoreError):  # `main` prints these, and exits 1
        assert told in str(result.exception)
        assert code == 1
        return
    assert result.exit_code == code
    assert told in result.stderr


def test_a_wrong_file_is_one_message_and_nothing_is_stored(terminal: Terminal) -> None:
    result = terminal.run("import", terminal.file("name,amount\nAnn,1\n"))
    assert result.exit_code == 1
    assert result.stderr.count("no column for") == 3
    assert terminal.json("batches") == {"batches": []}


def test_a_file_without_one_good_row_fails_and_says_why(terminal: Terminal) -> None:
    result = terminal.run("import", terminal.file(HEADER + "Ann,?,A,C,1,USD\n"))
    assert result.exit_code == 1
    assert "none of the 1 rows" in result.stderr
    assert "review it" not in result.output


def test_every_command_has_an_example() -> None:
    for name, command in contacts.commands.items():
        text = command.get_help(click.Context(command))
        assert f"dialer contacts {name}" in text, name
