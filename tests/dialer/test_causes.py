"""The network's codes: the shipped table, and files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.channels.causes import BadCauses, load_causes
from dialer.channels.port import Cause

SHIPPED = load_causes(Path(__file__).parents[2] / "config" / "causes.toml")


@pytest.mark.parametrize(
    ("q850", "tech", "cause"),
    [
        ("17", "486", Cause.BUSY),
        ("19", "480", Cause.NO_ANSWER),
        ("1", "404", Cause.UNALLOCATED),
        ("1", "604", Cause.UNALLOCATED),
        ("34", "503", Cause.CONGESTION),
        ("21", "603", Cause.DECLINED),
        ("21", "403", Cause.FAILED),  # a trunk that forbids, not a person
        ("17", "SIP 600 Busy Everywhere", Cause.BUSY),
        ("17", "", Cause.BUSY),
        ("19", "none", Cause.NO_ANSWER),
        ("0", "", Cause.FAILED),
        ("", "", Cause.FAILED),
        ("x", "999", Cause.FAILED),
        ("17", "599", Cause.FAILED),  # the SIP code decides, known or not
    ],
)
def test_what_the_network_said(q850: str, tech: str, cause: Cause) -> None:
    assert SHIPPED.of(q850, tech) is cause


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[[cause]\n", "line 1"),
        ('[[cause]]\nis = "gone"\n', r"cause\.0\.is: .*'busy'"),
        ('[[cause]]\nis = "busy"\nsips = [486]\n', r"cause\.0\.sips: "),
        (
            '[[cause]]\nis = "busy"\nsip = [486]\n'
            '[[cause]]\nis = "failed"\nsip = [486]\n',
            "486: is in two entries",
        ),
    ],
)
def test_a_file_that_is_wrong_names_its_place(
    tmp_path: Path, text: str, what: str
) -> None:
    path = tmp_path / "causes.toml"
    path.write_text(text)
    with pytest.raises(BadCauses, match=what) as told:
        load_causes(path)
    assert str(told.value).startswith(str(path))


@pytest.mark.parametrize("data", [None, b"\xff\xfe["])
def test_a_file_that_cannot_be_read_is_one_message(
    tmp_path: Path, data: bytes | None
) -> None:
    path = tmp_path / "causes.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BadCauses) as told:
        load_causes(path)
    assert str(told.value).startswith(f"{path}: ")
