"""A call on a terminal: nothing of it is cut off, whatever the width."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from dialer.attempt import Phase
from dialer.cli.timeline import (
    Shown,
    bar,
    call_map,
    clock,
    silences,
    technique,
    timeline,
)
from dialer.model import Disposition, Turn
from dialer.store.port import AgreementRow, AttemptRow
from tests.kit.stores import NOW

LONG = "有几种办法供您考虑。第一个，分十二个月还，每月[金额]。" * 4
TURNS = (
    Turn("us", 0.5, 6.0, LONG, 1, template="greet", confirmation="identity", key=True),
    Turn("them", 9.0, 2.0, "我是", 1, intent="yes", confidence=0.984),
    Turn("us", 10.0, 3.0, "[brackets] are no markup", 2, rights=("stop", "verify")),
    Turn("us", 13.0, 3.0, "cut", 2, rights=("privacy",), interrupted=True),
)
MEASURES = {
    "seconds": 72.44,
    "confirmations": 3.0,
    "rights_explained": 2.0,
    "silence_seconds": 31.0,
    "units_per_minute": 204.2,
}
ROW = AttemptRow(
    attempt_id="3f9c0a1b2c3d4e5f6071",
    campaign_id="spring",
    contact_id="c_1",
    n=1,
    phone="+86 170****0000",
    language="zh",
    phase=Phase.DONE,
    not_before=NOW,
    dialing_at=NOW,
    answered_at=NOW,
    ended_at=NOW + timedelta(seconds=72),
    disposition=Disposition.AGREED_PLAN,
    cause="16",
    stage=5,
    node=None,
    verdict='{"allowed": true}',
    facts={"option": "2", "confirmed": "identity plan final"},
    measures=MEASURES,
)
MADE = AgreementRow(
    "g_1", "a_1", "c_1", "3f", NOW, "deferral", "active", 1, 0, "2026-12-07", 3, "ab"
)
CALL = Shown(ROW, TURNS, MADE, 30.0, (192.0, 224.0))


def printed(call: Shown, width: int = 100) -> str:
    text = io.StringIO()
    Console(file=text, width=width, highlight=False).print(timeline(call))
    return text.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_word_is_on_the_terminal(width: int) -> None:
    found = "".join(printed(CALL, width).split())
    for turn in TURNS:
        assert "".join(turn.text.split()) in found
    assert "…" not in found


def test_what_was_measured_and_agreed_stands_below() -> None:
    found = " ".join(printed(CALL).split())
    for text in (
        "0:09.0 them 我是 yes (0.98)",
        "2.5 s of silence",
        "stage 2 debt confirmation",
        "cut [cut off]",
        "confirmations 3 identity plan final a commitment needs 3",
        "rights explained 2 stop verify a first call explains 3 to 5",
        "31.0 of 30 s ████████████████████ budget used up",
        "204 characters a minute within 192-224",
        "agreement g_1 deferral active 0 of 1 paid, next due 2026-12-07",
        "noted option 2",
    ):
        assert text in found


def test_a_call_that_was_refused_has_no_timeline() -> None:
    refused = (
        '{"allowed": false, "reasons": [{"rule": "cn.hours", "citation": "GB/T",'
        ' "detail": "22:10"}], "next_allowed": null}'
    )
    row = replace(ROW, verdict=refused, measures={}, facts={}, answered_at=None)
    found = " ".join(printed(Shown(row, (), None, 30.0, (192.0, 224.0))).split())
    assert "refused by cn.hours (GB/T): 22:10 for good" in found
    assert "silence" not in found
    assert technique(Shown(row, (), None, 30.0, (0.0, 0.0)))["rate_kept"] is None


def test_speech_that_was_slower_because_they_asked_is_told_apart() -> None:
    slow = replace(ROW, measures={**ROW.measures, "slow_units_per_minute": 163.0})
    found = " ".join(printed(Shown(slow, (), None, 30.0, (192.0, 224.0))).split())
    assert "slower 163 characters a minute because they asked" in found


def test_the_keys_for_machines() -> None:
    data = call_map(CALL)
    assert [turn["silence"] for turn in data["turns"]] == [0.5, 2.5, 0.0, 0.0]
    kept = data["technique"]
    assert (kept["silence_kept"], kept["rate_kept"]) == (False, True)
    assert kept["rights"] == ["stop", "verify"], "what was cut off explains nothing"
    assert data["agreement"]["state"] == "active"
    assert data["verdict"] == {"allowed": True}


def test_silence_is_when_nobody_speaks() -> None:
    one = Turn("us", 1.0, 10.0, "", 1)
    over = replace(one, who="them", at=3.0, seconds=1.0)
    after = replace(one, at=12.5)
    assert silences([one, over, after]) == [1.0, 0.0, 1.5]


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0:00.0"), (59.96, "1:00.0"), (125.25, "2:05.2")]
)
def test_the_clock(seconds: float, told: str) -> None:
    assert clock(seconds) == told


def test_a_bar_stays_in_its_frame() -> None:
    assert [bar(share).count("█") for share in (-1, 0, 0.5, 1, 9)] == [0, 0, 10, 20, 20]
