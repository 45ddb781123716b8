"""docker/ against what it speaks of: every command, setting, port and secret in it. No
Docker engine runs here, so its commands run natively.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml
from click.testing import CliRunner

from dialer.cli.main import dialer
from dialer.settings import Settings
from dialer.trunks import model as trunks
from tests.kit.asterisk import MODULES
from tests.kit.docker import (
    COMPOSE,
    DOCKER,
    ROOT,
    SERVICES,
    prepared,
    settings,
    steps,
)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of ours: (service, words after `dialer`)."""
    for name, service in SERVICES.items():
        if service["image"] == "accord":
            words = [str(w) for w in service["command"]]
            if "entrypoint" in service:
                words = service["entrypoint"][-1].partition("dialer ")[2].split()
            yield name, words
        test = service.get("healthcheck", {}).get("test", [])
        if "dialer" in test:
            yield name, test[test.index("dialer") + 1 :]
    for step in steps(DOCKER / "Dockerfile"):
        if step.name == "CMD":
            yield "Dockerfile", step.words


def parsed(words: list[str]) -> tuple[str, dict[str, Any]]:
    """The command's path, and its options. UsageError: there is no such."""
    command: click.Command = dialer
    path, rest, given = list[str](), list(words), dict[str, Any]()
    while isinstance(command, click.Group):
        context = click.Context(command)
        parser = command.make_parser(context)
        given, rest, _ = parser.parse_args(args=list(rest))
        if not rest:
            return " ".join(path), given
        name, *rest = rest
        path.append(name)
        if name not in command.commands:
            raise click.UsageError(f"no command {' '.join(path)}")
        command = command.commands[name]
    given, left, _ = command.make_parser(click.Context(command)).parse_args(args=rest)
    assert not left
    return " ".join(path), given


def test_every_command_is_one_that_there_is() -> None:
    for where, words in commands():
        try:
            parsed(words)
        except click.UsageError as error:
            raise AssertionError(f"{where}: dialer {' '.join(words)}") from error


def keys(found: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from keys(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def test_every_setting_is_one_that_there_is() -> None:
    known = set(keys(tomllib.loads((ROOT / "config/dialer.toml").read_text("utf-8"))))
    for n in (1, 2):
        assert not set(keys(settings(n))) - known
    one, two = settings(1), settings(2)
    assert (one["engine"], two["engine"]) == (
        {"node": "engine-1", "evidence": True},
        {"node": "engine-2", "evidence": False},
    )
    assert one | {"engine": {}} == two | {"engine": {}}


def present() -> str:
    """The settings of engine-1, as TOML, but for the servers that are not here."""
    found: dict[str, Any] = settings(1)
    lines = []
    for part, values in found.items():
        for name, value in values.items():
            if not isinstance(value, dict) and part != "store":
                lines.append(f"{part}.{name} = {json.dumps(value)}")
    return "\n".join(lines)


def test_its_commands_run_natively(tmp_path: Path) -> None:
    """Those of ours, as compose.yaml has them, but for folders."""
    home, etc, secrets = (tmp_path / n for n in ("home", "etc", "secrets"))
    for folder in (home / "keys", etc / "asterisk", secrets):
        folder.mkdir(parents=True)
    prepared(secrets)
    for n in (1, 2):
        text = (DOCKER / f"config/trunks-{n}.toml").read_text("utf-8")
        text = text.replace("/run/secrets/ami", str(secrets / f"ami_{n}"))
        text = text.replace("/etc/asterisk/accord", str(etc / "asterisk"))
        (etc / f"trunks-{n}.toml").write_text(text, "utf-8")
        mine = str(etc / f"trunks-{n}.toml")
        said = present().replace("/etc/accord/trunks.toml", mine)
        (etc / f"engine-{n}.toml").write_text(said, "utf-8")
    entry = SERVICES["key"]["entrypoint"]
    assert entry[:2] == ["/bin/sh", "-ec"]
    ran = list[str]()
    order = sorted(
        commands(), key=lambda one: ("keys" not in one[1], one[0] != "setup")
    )
    for where, words in order:
        if "serve" in words:
            continue  # it stays: tests/live/test_serve.py
        own = etc / f"engine-{'2' if where.endswith('2') else '1'}.toml"
        line = [str(own) if w == "/etc/accord/dialer.toml" else w for w in words]
        if "--every" in line:
            line = line[: line.index("--every")]  # it would stay
        done = CliRunner().invoke(dialer, ["--home", str(home), *line])
        assert done.exit_code == 0, (where, line, done.output, done.exception)
        ran.append(" ".join(words[2:] if words[0] == "--config" else words))
    assert len(ran) == len(list(commands())) - 2
    made = {path.name for path in (etc / "asterisk").iterdir()}
    for name in (DOCKER / "asterisk").glob("*.conf"):
        for drawn in re.findall(
            r"^#include accord/(\S+)", name.read_text("utf-8"), re.M
        ):
            assert drawn in made
    manager = (etc / "asterisk/accord-manager.conf").read_text("utf-8")
    assert "permit = 172.30.2.11/255.255.255.255" in manager
    assert re.findall(r"^write = (.*)", manager, re.M) == [
        "originate,call,system,reporting"
    ]


def test_addresses_and_ports_fit() -> None:
    for n in (1, 2):
        found = trunks.load(DOCKER / f"config/trunks-{n}.toml", secrets=False)
        main = found.asterisk["main"]
        where = {
            s: SERVICES[f"{s}-{n}"]["networks"][f"media-{n}"]
            for s in ("engine", "asterisk")
        }
        assert main.media_host == where["engine"]["ipv4_address"]
        assert main.host == where["asterisk"]["ipv4_address"]
        subnet = COMPOSE["networks"][f"media-{n}"]["ipam"]["config"][0]["subnet"]
        assert subnet == f"{main.host.rpartition('.')[0]}.0/24"
        file = "asterisk/rtp.conf" if n == 1 else "config/rtp-2.conf"
        rtp = dict(re.findall(r"(rtp\w+) = (\d+)", (DOCKER / file).read_text("utf-8")))
        published = SERVICES[f"asterisk-{n}"]["ports"]
        span = f"{rtp['rtpstart']}-{rtp['rtpend']}"
        assert f"{span}:{span}/udp" in published
        assert any(p.endswith(f":{main.sip_port}/udp") for p in published)
        assert any(p.endswith(f":{main.tls_port}/tcp") for p in published)
    manager = (DOCKER / "asterisk/manager.conf").read_text("utf-8")
    assert f"port = {main.port}" in manager
    broker = (DOCKER / "mosquitto/mosquitto.conf").read_text("utf-8")
    mqtt = settings(1)["events"]["mqtt"]
    assert f"listener {mqtt['port']}" in broker
    assert mqtt["host"] in SERVICES
    port = settings(1)["metrics"]["listen"].rpartition(":")[2]
    assert SERVICES["engine-1"]["expose"] == [port]
    (exposed,) = (s.rest for s in steps(DOCKER / "Dockerfile") if s.name == "EXPOSE")
    assert exposed == port
    scraped = yaml.safe_load((DOCKER / "prometheus/prometheus.yml").read_text("utf-8"))
    (job,) = scraped["scrape_configs"]
    targets = job["static_configs"][0]["targets"]
    assert targets == [f"engine-{n}:{port}" for n in (1, 2)]
    default = Settings(home=ROOT).model_dump()["metrics"]["listen"]
    assert default.rpartition(":")[2] == port
    modules = (DOCKER / "asterisk/modules.conf").read_text("utf-8")
    assert {f"{name}.so" for name in MODULES} <= set(
        re.findall(r"load = (\S+)", modules)
    )
    topics = (DOCKER / "mosquitto/acl").read_text("utf-8")
    assert re.findall(r"^user (\w+)", topics, re.M) == [mqtt["user"], "reader"]


# --- secrets


def test_prepare_makes_the_secrets_once_each_for_one_reader(tmp_path: Path) -> None:
    prepared(tmp_path)
    there = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    named = {name: Path(s["file"]).name for name, s in COMPOSE["secrets"].items()}
    assert set(named.values()) <= set(there)
    assert set(there) - set(named.values()) == {"ca_key", "ca.srl"}
    for name in there:
        mode = stat.S_IMODE((tmp_path / name).stat().st_mode)
        open_ = name == "ca" or name.endswith("_certificate")
        assert mode == (0o444 if open_ else 0o600 if name == "ca.srl" else 0o400), name
    assert len(set(there.values())) == len(there)
    lines = there["passwords"].decode().splitlines()
    assert [line.split(":")[3] for line in lines] == [
        f"accord_{role}" for role in ("vault", "ledger", "evidence")
    ]
    assert lines[0].split(":")[4] == there["db_vault"].decode().strip()
    for name in ("postgres", "mosquitto"):
        check = ["openssl", "verify", "-CAfile", "ca", "-verify_hostname", name]
        subprocess.run([*check, f"{name}_certificate"], cwd=tmp_path, check=True)
    if os.geteuid() == 0:
        owners = {name: (tmp_path / name).stat().st_uid for name in there}
        assert owners["passwords"] == owners["ami_1"] == 10001
        assert owners["mqtt_users"] == owners["mosquitto_key"] == 1883
        assert owners["postgres_key"] == owners["db_owner"] == 999
    prepared(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == there
    assert "/docker/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
