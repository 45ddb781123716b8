"""The main job as a user meets it: real processes and audio, the README's commands."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "config" / "demo"
SHORT = (
    *("zh-opts-out-by-voice", "zh-third-party", "zh-voicemail"),
    *("en-opts-out-by-voice", "en-opts-out-by-key", "en-third-party"),
    *("en-voicemail", "en-hangs-up", "en-unallocated", "en-network-busy"),
    *("en-busy-call-back", "en-wrong-number"),
)

pytestmark = [
    *(pytest.mark.slow, pytest.mark.live, pytest.mark.model),
    pytest.mark.alone,  # calls in real time, with a recogniser: late on half a machine
]


def dialer(
    *arguments: str, cwd: Path, code: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dialer", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done


def some_contacts(path: Path, numbers: set[str]) -> None:
    """Those rows of the demo's file that have one of the numbers."""
    with (DEMO / "contacts.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    kept = [row for row in rows if re.sub(r"\D", "", row[1])[-8:] in numbers]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *kept[: len(numbers)]])


def some_callees(folder: Path, names: tuple[str, ...]) -> set[str]:
    folder.mkdir()
    numbers = set()
    for name in names:
        shutil.copy(DEMO / "callees" / f"{name}.toml", folder)
        text = (folder / f"{name}.toml").read_text("utf-8")
        found = re.search(r'number = "(.*)"', text)
        assert found
        numbers.add(found[1][-8:])
    return numbers


def test_a_short_demo_ends_as_its_callees_say(tmp_path: Path) -> None:
    numbers = some_callees(tmp_path / "callees", SHORT)
    some_contacts(tmp_path / "contacts.csv", numbers)
    own = ("--callees", "callees", "--contacts", "contacts.csv")
    result = json.loads(dialer("demo", *own, "--json", cwd=tmp_path).stdout)
    assert result["unexpected"] == []
    assert result["expected_outcomes_total"] == len(SHORT)
    assert result["attempts"] == len(SHORT)
    assert result["violations"] == result["unmasked_leaks"] == 0
    assert result["evidence"]["verified"]
    over = {k: n for k, n in result["dispositions"].items() if k != "due"}
    assert result["analysts"]["attempts"] == sum(over.values())
    home = ("--home", "demo-home")
    listed = json.loads(dialer(*home, "calls", "list", "--json", cwd=tmp_path).stdout)
    ends = [c for c in listed["calls"] if c["disposition"] == "opted_out"]
    assert len(ends) == 3
    shown = dialer(*home, "calls", "show", ends[0]["attempt_id"], cwd=tmp_path).stdout
    assert "opted_out" in shown
    dialer(*home, "calls", "export", "--format", "csv", "--out", "o.csv", cwd=tmp_path)
    exported = (tmp_path / "o.csv").read_text("utf-8-sig")
    assert exported.count("opted_out") == 3
    dialer(*home, "evidence", "verify", cwd=tmp_path)
    entries = sorted((tmp_path / "demo-home/evidence/tile/entries").rglob("*"))
    tile = next(path for path in entries if path.is_file())
    data = bytearray(tile.read_bytes())
    data[len(data) // 2] ^= 1
    tile.write_bytes(data)
    dialer(*home, "evidence", "verify", cwd=tmp_path, code=1)


def readme_commands() -> list[list[str]]:
    """The campaign section's lines, as arguments."""
    text = (ROOT / "README.md").read_text("utf-8")
    block = text.split("## A campaign of your own\n```\n")[1].split("```")[0]
    return [line.split()[1:] for line in block.splitlines()]


def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    numbers = some_callees(tmp_path / "callees", ("en-network-busy",))
    some_contacts(tmp_path / "people.csv", numbers)
    campaign = (DEMO / "campaign.toml").read_text("utf-8")
    campaign = campaign.replace('name = "demo"', 'name = "autumn"')
    own = campaign.replace("lines = ", 'callees = "callees"\nlines = ', 1)
    (tmp_path / "autumn.toml").write_text(own, "utf-8")
    for command in readme_commands():
        dialer(*command, cwd=tmp_path)
    found = json.loads(
        dialer("campaign", "status", "autumn", "--json", cwd=tmp_path).stdout
    )
    # dialed if this hour is lawful where the callee is, else waiting for it
    dialed = found["dispositions"].get("congestion", 0)
    assert dialed + found["phases"].get("due", 0) >= 1
    dialer("contacts", "explain", "2015550118", "--country", "US", cwd=tmp_path)


def test_what_goes_wrong_is_told_in_one_line(tmp_path: Path) -> None:
    told = dialer("campaign", "list", cwd=tmp_path, code=1).stderr
    assert "dialer init" in told
    dialer("init", cwd=tmp_path)
    (tmp_path / "bad.toml").write_text('name = "x y"\nlines = 0\n', "utf-8")
    told = dialer("campaign", "create", "bad.toml", cwd=tmp_path, code=1).stderr
    assert all(place in told for place in ("name", "agency", "lines"))
    told = dialer("campaign", "plan", "nobody", cwd=tmp_path, code=1).stderr
    assert "nobody" in told
    dialer("campaign", "explode", cwd=tmp_path, code=2)
