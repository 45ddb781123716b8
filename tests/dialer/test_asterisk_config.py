"""The .conf files that we ship and write are read back as they were meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.asterisk_rig import dialplan
from tests.kit import asterisk
from tests.kit.asterisk_config import read_back

SHIPPED = Path(__file__).parents[2] / "config" / "asterisk"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.conf")), ids=lambda p: p.name)
def test_what_we_ship_is_plain(path: Path) -> None:
    assert read_back(path)


def test_every_call_has_a_limit_before_anything_else() -> None:
    found = read_back(SHIPPED / "extensions.conf")
    assert list(found) == [
        "accord",
        "accord-early",
        "accord-people",
        "accord-agent",
        "accord-about",
        "accord-taken",
        "accord-in",
    ]
    lasts = {"accord": "Hangup()", "accord-early": "Hangup()"}
    lasts["accord-people"] = "Goto(accord,s,1)"  # which has a limit of its own
    lasts["accord-agent"] = "Goto(accord,s,1)"
    for context, last in lasts.items():
        (first,) = found[context]["exten"]
        assert ",1,Set(TIMEOUT(absolute)=" in first
        assert found[context]["same"][-1] == f"n,{last}"
    ends = [step.rpartition(",1,")[2] for step in found["accord-in"]["exten"]]
    assert ends == ["Hangup(21)", "Hangup(21)"]


def test_what_the_tests_write_is_read_back(tmp_path: Path) -> None:
    found = {}
    for name, text in asterisk._files(tmp_path, 5070, 5038).items():
        (tmp_path / name).write_text(text)
        found[name] = read_back(tmp_path / name)
    user = found["manager.conf"]["accord"]
    assert (user["secret"], user["permit"]) == (
        [asterisk.SECRET],
        ["127.0.0.1/255.255.255.255"],
    )
    assert found["manager.conf"]["general"]["port"] == ["5038"]
    loaded = [f"{name}.so" for name in asterisk.MODULES]
    assert found["modules.conf"]["modules"]["load"] == loaded
    assert found["asterisk.conf"]["directories"]["astetcdir"] == [str(tmp_path / "etc")]


def test_an_endpoint_and_a_dialplan_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "pjsip.conf"
    path.write_text(asterisk.endpoint("carrier", 5070, "accord-in", user="desk"))
    carrier = read_back(path)["carrier"]
    assert carrier["type"] == ["endpoint", "aor", "identify"]
    assert carrier["contact"] == ["sip:desk@127.0.0.1:5070"]
    path.write_text(dialplan(tmp_path))
    assert "n,Wait(60)" in read_back(path)["network"]["same"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a]\nb = 1\nwhat\n", ":3: Item must be in name = value pairs"),
        ("[a]\nb = 1\n[c\n", ":3: Missing '\\[' or '\\]'"),
        ("[a]\na]\n", ":2: Category name missing"),
        ("[a](!)\nb = 1\n", ":1: Missing"),
        ("[a](+)\n", ":1: Missing"),
        ("[]\nb = 1\n", ":1: a section without a name"),
        ("; first\nb = 1\n[a]\n", ":2: before the first section"),
        ("[a]\n= 1\n", ":2: a value without a name"),
        ("#include other.conf\n", ":1: a directive"),
        ("[a]\n;-- much\nb = 1\n--;\n", ":2: a comment of many lines"),
        ("[a]\nb = sip:x\\;transport=tcp\n", ":2: an escaped semicolon"),
        ("[a]\nb = 1\x0c[evil]\n", ":2: a control character"),
        ("[a]\nb = 1\r[evil]\n", ":2: a control character"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "x.conf"
    path.write_text(text, newline="")
    with pytest.raises(AssertionError, match=f"x.conf{told}"):
        read_back(path)


def test_values_are_kept_in_order_and_comments_are_not(tmp_path: Path) -> None:
    path = tmp_path / "x.conf"
    path.write_text(
        "[a] ; one\nb = 1 ; two\nb=> 王\n;c = 3\n\n[d]\ne =\n[a]\nb = x=y \n"
    )
    assert read_back(path) == {"a": {"b": ["1", "王", "x=y"]}, "d": {"e": [""]}}
