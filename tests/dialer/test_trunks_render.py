"""What is rendered for Asterisk, how it is installed, and that no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.trunks.model import Trunks, load
from dialer.trunks.render import changes, install, render, text, wanted
from tests.kit.asterisk_config import read_back

CONFIG = Path(__file__).parents[2] / "config"
FILE = """
[asterisk.main]
user = "engine"
secret = { file = "ami.secret" }
bind = "192.0.2.1"
external = "203.0.113.9"
local_net = ["10.0.0.0/8"]
ca_file = "/etc/ssl/ca.pem"

[asterisk.other]
secret = { file = "ami.secret" }

[trunk.north]
asterisk = "main"
hosts = ["sip.example.net:5061"]
transport = "tls"
srtp = true
username = "accord"
password = { file = "north.secret" }
register = true
from_domain = "example.net"
caller_ids = ["+861055550000"]

[trunk.south]
asterisk = "main"
hosts = ["192.0.2.7", "192.0.2.8"]
codecs = ["g722"]
caller_ids = ["+861055550000"]

[trunk.off]
asterisk = "main"
hosts = ["192.0.2.9"]
caller_ids = ["+861055550000"]
enabled = false

[trunk.elsewhere]
asterisk = "other"
hosts = ["192.0.2.10"]
caller_ids = ["+861055550000"]
"""
SECRETS = {"ami.secret": "hush-hush", "north.secret": "qu;iet"}


@pytest.fixture
def found(tmp_path: Path) -> Trunks:
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(secret)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "trunks.toml").write_text(FILE)
    return load(tmp_path / "trunks.toml", secrets=True)


def sections(rendered: str) -> dict[str, dict[str, str]]:
    """Sections of a configuration file by name; repeated keys keep the last."""
    found, name = dict[str, dict[str, str]](), ""
    for line in rendered.splitlines():
        if line.startswith("["):
            name = line.strip("[]")
            found[name] = {}
        elif line and not line.startswith(";"):
            key, _, value = line.partition(" = ")
            found[name][key] = value
    return found


def test_a_trunk_over_tls_with_srtp_and_registration(found: Trunks) -> None:
    files = render(found, "main", "")
    north = sections(files["accord-pjsip-wizard.conf"])["north"]
    assert north["remote_hosts"] == "sip.example.net:5061"
    assert north["contact_pattern"] == r"sip:${REMOTE_HOST}\;transport=tls"
    assert north["sends_registrations"] == "yes"
    assert north["outbound_auth/password"] == r"qu\;iet"
    assert north["endpoint/media_encryption"] == "sdes"
    assert north["endpoint/allow"] == "!all,alaw,ulaw"
    transport = sections(files["accord-pjsip.conf"])["accord-tls"]
    assert transport["bind"] == "192.0.2.1:5061"
    assert (transport["method"], transport["verify_server"]) == ("tlsv1_2", "yes")
    assert transport["external_media_address"] == "203.0.113.9"


def test_another_reader_reads_what_was_meant(found: Trunks, tmp_path: Path) -> None:
    """pyst2 cuts a value at an escaped semicolon, so that one is put out of its way."""
    for name, rendered in render(found, "main", "").items():
        path = tmp_path / name
        path.write_text(rendered.replace("\\;", "%3B"))
        theirs = {
            section: {key: values[-1] for key, values in keys.items()}
            for section, keys in read_back(path).items()
        }
        assert theirs == sections(path.read_text()), name


def test_a_websocket_trunk_brings_its_client(found: Trunks) -> None:
    assert "accord-websocket.conf" not in render(found, "main", "")
    south = found.trunk["south"].model_copy(update={"media": "websocket"})
    other = found.model_copy(update={"trunk": {"south": south}})
    files = render(other, "main", "")
    client = sections(files["accord-websocket.conf"])["accord"]
    assert client["uri"] == "ws://127.0.0.1:8787/media"
    shipped = CONFIG / "asterisk" / "websocket_client.conf"
    assert client == sections(shipped.read_text())["accord"]


def test_only_enabled_trunks_of_that_asterisk_are_there(found: Trunks) -> None:
    wizard = sections(render(found, "main", "")["accord-pjsip-wizard.conf"])
    assert list(wizard) == ["north", "south"]
    assert wizard["south"]["remote_hosts"] == "192.0.2.7,192.0.2.8"
    assert list(sections(render(found, "other", "")["accord-pjsip.conf"])) == [
        "accord-udp"
    ]


def test_the_manager_user_may_place_calls_and_run_no_commands(found: Trunks) -> None:
    user = sections(render(found, "main", "")["accord-manager.conf"])["engine"]
    assert user["secret"] == "hush-hush"
    assert user["permit"] == "127.0.0.1/255.255.255.255"
    assert "command" not in user["write"]
    assert "all" not in (user["read"], user["write"])
    assert "eventfilter(action(include),name(Hangup))" in " ".join(user)


def test_a_value_cannot_begin_a_line_of_its_own() -> None:
    with pytest.raises(ValueError, match="more than one line"):
        text([("north", [("from_user", "a\nallow = all")])])


def test_installing_draws_our_files_in_and_leaves_the_rest(
    found: Trunks, tmp_path: Path
) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    theirs = folder / "pjsip.conf"
    theirs.write_text("[theirs]\ntype = transport")  # no end of line
    theirs.chmod(0o604)
    install(folder, wanted(folder, render(found, "main", "[accord]\n")))
    assert theirs.read_text() == (
        "[theirs]\ntype = transport\n#include accord-pjsip.conf\n"
    )
    assert theirs.stat().st_mode & 0o777 == 0o604
    assert (folder / "accord-manager.conf").stat().st_mode & 0o777 == 0o640
    again = wanted(folder, render(found, "main", "[accord]\n"))
    assert changes(folder, again) == ""
    assert "pjsip.conf" not in again
    assert sorted(p.name for p in folder.iterdir() if p.name.startswith(".")) == []


def test_no_secret_is_in_a_diff(found: Trunks, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "manager.conf").write_text("[boss]\nsecret=topmost\nread = all\n")
    shown = changes(folder, wanted(folder, render(found, "main", "")))
    assert "read = all" in shown
    assert "endpoint/allow" in shown
    for secret in (*SECRETS.values(), "topmost", "iet"):
        assert secret not in shown.replace("quiet", "")


def test_a_changed_secret_is_told_without_it(found: Trunks, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    install(folder, wanted(folder, render(found, "main", "")))
    (tmp_path / "ami.secret").write_text("other-one")
    shown = changes(folder, wanted(folder, render(found, "main", "")))
    assert shown == "accord-manager.conf: a secret changes\n"
