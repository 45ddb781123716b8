"""trunks.toml: what is taken, and every problem of a wrong one with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.trunks.model import Trunk, TrunksError, load

GOOD = """
[asterisk.main]
secret = { file = "ami.secret" }
ca_file = "/etc/ssl/certs/ca-certificates.crt"

[trunk.north]
asterisk = "main"
hosts = ["sip.example.net:5061", "[2001:db8::1]"]
transport = "tls"
srtp = true
username = "accord"
password = { file = "north.secret" }
caller_ids = ["+861055550000"]
prefixes = ["+86"]
strip = "+86"
prepend = "0"
"""

CLOUD = """
[twilio.main]
account = "AC00000000000000000000000000000000"
key = "SK00000000000000000000000000000000"
secret = { file = "north.secret" }
token = { file = "ami.secret" }
public = "https://calls.example.com/accord"
people = { people = "sip:people@pbx.example.com", a = "queue:a", b = "+861055550001" }

[trunk.cloud]
type = "twilio"
twilio = "main"
caller_ids = ["+861055550000"]
"""


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    for name in ("ami.secret", "north.secret"):
        (folder / name).write_text("s3cret\n")
        (folder / name).chmod(mode)
    path = folder / "trunks.toml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, mode: int = 0o600) -> list[tuple[str, str]]:
    with pytest.raises(TrunksError) as refused:
        load(write(folder, text, mode), secrets=True)
    return refused.value.problems


def test_a_good_file_is_read_and_its_secrets_are_not_in_it(tmp_path: Path) -> None:
    found = load(write(tmp_path, GOOD), secrets=True)
    north = found.trunk["north"]
    assert north.hosts[0] == "sip.example.net:5061"
    assert found.asterisk["main"].secret.read(found.folder) == "s3cret"
    assert "s3cret" not in repr(found)


def test_what_the_carrier_is_sent() -> None:
    def trunk(**more: str) -> Trunk:
        given = {"asterisk": "main", "hosts": ("h",), "caller_ids": ("+861055550000",)}
        return Trunk.model_validate({**given, **more})

    number = "+8613800138000"
    assert trunk().dialed(number) == number
    assert trunk(strip="+86").dialed(number) == "13800138000"
    assert trunk(strip="+86", prepend="0").dialed(number) == "013800138000"
    assert trunk(strip="+1", prepend="00").dialed(number) == "008613800138000"
    assert trunk(prepend="00").dialed(number) == "008613800138000"


@pytest.mark.parametrize(
    ("was", "wrong", "place", "what"),
    [
        ('"main"\n', '"east"\n', "trunk.north.asterisk", "there is no [asterisk.east]"),
        ("sip.example.net:5061", "a b", "trunk.north.hosts", "'a b' is not host"),
        ("net:5061", "net:99999", "trunk.north.hosts", "is not host or host:port"),
        ('"tls"', '"udp"', "trunk.north.srtp", "needs transport tls"),
        ('"tls"', '"quic"', "trunk.north.transport", "'udp', 'tcp' or 'tls'"),
        ('["+86"]', '["86"]', "trunk.north.prefixes", "'86' does not begin"),
        ("+861055550000", "010", "trunk.north.caller_ids", "'010' is not a number"),
        ('username = "accord"', "", "trunk.north.username", "go together"),
        ("north.secret", "none", "trunk.north.password", "no such file"),
        ("[trunk.north]", "[trunk.North]", "trunk.North", "small letters"),
        ('strip = "+86"', "channels = 0", "trunk.north.channels", "greater than"),
        ('strip = "+86"', 'strap = "+86"', "trunk.north.strap", "not permitted"),
        ('"accord"', '"a;b"', "trunk.north.username", "should match pattern"),
        ("ca_file", "cert_file", "asterisk.main.ca_file", "say who signs"),
        ("[asterisk.main]", "[asterisk.main", "file", "line 2"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    tmp_path: Path, was: str, wrong: str, place: str, what: str
) -> None:
    assert GOOD.replace(was, wrong) != GOOD
    found = dict(problems(tmp_path, GOOD.replace(was, wrong)))
    assert what in found[place]
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("was", "wrong", "place", "what"),
    [
        (
            'twilio = "main"',
            'twilio = "east"',
            "trunk.cloud.twilio",
            "no [twilio.east]",
        ),
        (
            'twilio = "main"',
            'twilio = "main"\nsrtp = true',
            "trunk.cloud.srtp",
            "not for",
        ),
        ('"twilio"', '"sip"', "trunk.cloud.type", "'asterisk' or 'twilio'"),
        ('type = "twilio"', 'hosts = ["h"]', "trunk.cloud.asterisk", "there is no"),
        ("AC0", "AB0", "twilio.main.account", "should match pattern"),
        (
            'key = "SK00000000000000000000000000000000"',
            "",
            "twilio.main.key",
            "together",
        ),
        ("https://calls", "http://calls", "twilio.main.public", "is not https://"),
        ("com/accord", "com/", "twilio.main.public", "no slash"),
        ("sip:people", "people", "twilio.main.people.people", "is not sip:"),
        ("north.secret", "none", "twilio.main.secret", "no such file"),
        ("ami.secret", "none", "twilio.main.token", "no such file"),
        ("+861055550000", "555", "trunk.cloud.caller_ids", "is not a number"),
    ],
)
def test_a_wrong_account_is_refused_with_its_place(
    tmp_path: Path, was: str, wrong: str, place: str, what: str
) -> None:
    found = load(write(tmp_path, CLOUD), secrets=True)
    assert found.trunk["cloud"].switch == "twilio.main"
    assert "s3cret" not in repr(found)
    told = dict(problems(tmp_path, CLOUD.replace(was, wrong, 1)))
    assert what in told[place]


def test_a_port_of_ours_is_taken_once(tmp_path: Path) -> None:
    two = (
        GOOD.replace('"main"\n', '"main"\nmedia = "websocket"\n', 1)
        + """
[asterisk.other]
secret = { file = "ami.secret" }
media_port = 8787
"""
    )
    found = dict(problems(tmp_path, two))
    assert found == {
        "asterisk.other.media_port": "8787 is that of asterisk.main.websocket_port"
        " already"
    }


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    wrong = GOOD.replace('"tls"', '"tcp"').replace('["+86"]', '["x"]')
    assert len(problems(tmp_path, wrong, mode=0o644)) == 4  # two of them secrets


def test_a_secret_that_others_may_read_is_not_read(tmp_path: Path) -> None:
    found = dict(problems(tmp_path, GOOD, mode=0o640))
    assert "chmod 600" in found["asterisk.main.secret"]
    assert "chmod 600" in found["trunk.north.password"]


def test_a_secret_from_the_environment(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace('file = "ami.secret"', 'env = "AMI_S"'))
    secret = load(path).asterisk["main"].secret
    assert secret.problem(tmp_path, {}) == "$AMI_S is not set"
    assert secret.read(tmp_path, {"AMI_S": "x"}) == "x"
