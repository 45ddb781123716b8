"""`dialer compliance`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dialer.cli.compliance import compliance
from dialer.settings import Compliance, Settings
from tests.dialer.test_compliance_lines import GOOD

CASE = {
    "number": "+8613800138000",
    "zone": "Asia/Shanghai",
    "location": "CN-32",
    "account": "A1",
    "person": "P1",
    "importer": "i1",
}
SOURCES = ("court_document", "filed_contract", "public_register")
ONE = [
    "check",
    *(part for name, value in CASE.items() for part in (f"--{name}", value)),
    *(part for kind in SOURCES for part in ("--source", kind)),
    *("--reviewer", "r1", "--reviewer", "r2"),
]


def run(home: Path, *args: str, packs: str = "") -> Result:
    found = Settings(home=home, compliance=Compliance(packs=packs))
    return CliRunner().invoke(compliance, list(args), obj=found)


def test_one_number_allowed(tmp_path: Path) -> None:
    result = run(tmp_path, *ONE, "--at", "2026-11-24T10:00:00+08:00")
    assert (result.exit_code, result.stdout) == (0, "allowed\n")


def test_one_number_refused_tells_all_on_stderr(tmp_path: Path) -> None:
    call = '{"at":"2026-11-24T09:00:00+08:00","direction":"out",'
    call += '"outcome":"abandoned","number":"+8613800138000","account":"A1"}'
    args = [*ONE, "--at", "2026-11-24T23:00:00+08:00", "--flag", "cease"]
    result = run(tmp_path, *args, "--call", call)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "accord.flags.cease (Accord R3)" in result.stderr
    assert "cn.hours (GB/T 45251-2025" in result.stderr
    assert "13800138000" not in result.output


def test_one_number_for_machines(tmp_path: Path) -> None:
    result = run(tmp_path, *ONE, "--at", "2026-11-24T23:00:00+08:00", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["next_allowed"] == "2026-11-25T00:00:00+00:00"


def test_a_batch_answers_line_for_line(tmp_path: Path) -> None:
    batch, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    night = {**GOOD, "id": "x2", "at": "2026-11-23T23:00:00+08:00"}
    good, late = json.dumps(GOOD).encode(), json.dumps(night).encode()
    batch.write_bytes(b"\n".join([good, b"", late, b"\xff", b"{}"]))
    done = run(
        tmp_path, "check", "--batch", str(batch), "--out", str(results), "--json"
    )
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"cases": 4, "allowed": 1, "refused": 3}
    found = [json.loads(line) for line in results.read_text().splitlines()]
    assert [f["id"] for f in found] == ["x1", "x2", None, None]
    assert [f["allowed"] for f in found] == [True, False, False, False]
    assert not list(tmp_path.glob("*.part"))


def test_a_batch_that_cannot_be_read_or_written_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    for batch, results in ((tmp_path / "none", out), (tmp_path, out)):
        done = run(tmp_path, "check", "--batch", str(batch), "--out", str(results))
        assert done.exit_code == 1
        assert "dialer: " in done.stderr
        assert "Traceback" not in done.output
    assert not list(tmp_path.iterdir())


def test_a_batch_goes_through_a_pipe(tmp_path: Path) -> None:
    """stdout has the verdicts and nothing else; a line that tells no id tells where."""
    args = ["check", "--batch", "-", "--out", "-", "--json"]
    found = Settings(home=tmp_path)
    lines = [json.dumps(GOOD), "", "no JSON", json.dumps({**GOOD, "id": 7})]
    done = CliRunner().invoke(compliance, args, "\n".join(lines), obj=found)
    assert done.exit_code == 0
    assert done.stderr == ""
    one, two, three = map(json.loads, done.stdout.splitlines())
    assert one == {"id": "x1", "allowed": True, "reasons": [], "next_allowed": None}
    assert two["reasons"][0]["detail"].startswith("line: line 3: not a JSON object")
    assert three["reasons"][0]["detail"] == "id: line 4: expected a text"


def test_what_cannot_be_written_as_utf8_is_escaped(tmp_path: Path) -> None:
    batch, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    batch.write_text(json.dumps({**GOOD, "purpose": "\ud800"}), "utf-8")
    run(tmp_path, "check", "--batch", str(batch), "--out", str(results))
    (found,) = map(json.loads, results.read_text("utf-8").splitlines())
    assert found["reasons"][0]["rule"] == "accord.purpose"


@pytest.mark.parametrize(
    "args",
    [
        ["check"],
        ["check", "--batch", "x"],
        ["check", "--out", "x"],
        [*ONE, "--batch", "x", "--out", "y"],
        [*ONE, "--call", "{"],
    ],
)
def test_asked_wrongly(tmp_path: Path, args: list[str]) -> None:
    assert run(tmp_path, *args).exit_code == 2


def test_packs_lists_every_rule_with_its_status(tmp_path: Path) -> None:
    listed = json.loads(run(tmp_path, "packs", "--json").stdout)["rules"]
    by_rule = {row["rule"]: row for row in listed}
    assert by_rule["in.hours"]["status"] == "unverified"
    assert by_rule["cn.talks"]["number"] == "at most 3 in 1 day, per person"
    assert by_rule["us.wait"]["number"] == "none for 7 days, per person"
    assert by_rule["us.hours"]["checked_on"] == "2026-11-23"
    shown = run(tmp_path, "packs")
    assert shown.exit_code == 0
    assert "us-nv.hours" in shown.stdout


def test_a_wrong_pack_of_the_operator_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[pack]\n", "utf-8")
    done = run(tmp_path, "packs", packs=str(tmp_path))
    assert done.exit_code == 1
    assert "bad.toml: pack.id: Field required" in done.stderr
