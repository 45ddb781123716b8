"""What the command line tells of campaigns for people."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from dialer.cli.main import dialer

CAMPAIGN = """
name = "c"
{number}
[agency]
zh = "和信"
[pacing]
mode = "{mode}"
at_most = {at_most}
"""


def test_status_tells_mode_and_account_and_the_file_is_checked(tmp_path: Path) -> None:
    path, home = tmp_path / "c.toml", tmp_path / "home"

    def run(*args: str) -> Result:
        return CliRunner().invoke(dialer, ["--home", str(home), *args])

    def write(mode: str, number: str, at_most: float = 0.02) -> None:
        text = CAMPAIGN.format(mode=mode, number=number, at_most=at_most)
        path.write_text(text, "utf-8")

    assert run("init").exit_code == 0
    number = 'caller_id = "+861055550000"'
    for wrong, why in (
        (("predictive", ""), "pacing.number or caller_id"),
        (("predictive", number, 0.05), "at_most"),
        (("fast", number), "pacing.mode"),
    ):
        write(*wrong)
        refused = run("campaign", "create", str(path))
        assert refused.exit_code == 1
        assert why in f"{refused.output} {refused.exception}"
    write("predictive", number)
    done = run("campaign", "create", str(path), "--priority", "3")
    assert done.exit_code == 0, done.output
    told = json.loads(run("campaign", "status", "c", "--json").stdout)["pacing"]
    assert told["mode"] == "predictive"
    assert told["engine"] is None
    rules = {one["rule"]: one["ceiling"] for one in told["abandoned"]}
    assert rules == dict.fromkeys(
        ("us.abandonment", "gb.misuse", "accord.abandonment"), 0.02
    )
    assert "abandoned by gb.misuse" in run("campaign", "status", "c").stdout
    nothing = run("campaign", "next", "c", "--agent", "ann")
    assert nothing.exit_code == 1
    assert "no case to show" in nothing.output
    unknown = run("campaign", "accept", "abc", "--agent", "ann")
    assert unknown.exit_code == 1
