"""What docker/ configures, run natively: the program, the broker, the switch.

Files and commands are those of docker/, but for folders and ports.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest
from click.testing import CliRunner

from dialer.cli.main import dialer
from dialer.settings import shipped
from tests.kit import asterisk, mosquitto
from tests.kit.asterisk import Asterisk, free_tcp, free_udp
from tests.kit.docker import DOCKER, PATIENCE, ROOT, SERVICES, prepared, process, steps

pytestmark = [pytest.mark.live, pytest.mark.slow]


# --- the image's program


def test_what_the_image_copies_makes_a_program_that_runs(tmp_path: Path) -> None:
    source, target = tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    found = steps(DOCKER / "Dockerfile")
    for step in found:
        if step.name == "COPY" and "--from=" not in step.rest:
            for name in step.words[:-1]:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, source / name)
                else:
                    shutil.copy(ROOT / name, source)
    (line,) = (s.rest for s in found if s.name == "RUN" and "--no-deps" in s.rest)
    words = line.replace("/opt/accord/bin/pip", f"{sys.executable} -m pip").split()
    quiet = ["--quiet", "--target", str(target)]
    subprocess.run([*words, *quiet], cwd=source, check=True)
    assert (target / "dialer/data/config/queries/funnel.sql").exists()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dialer", "calls", "query", "--list"],
        env={**os.environ, "PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "funnel" in done.stdout


# --- Mosquitto


@pytest.fixture
def broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, Path]]:
    """As the service has it. -> its port, the secrets"""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("usr/sbin/mosquitto", "usr/bin/mosquitto_passwd"):
        by = programs / Path(name).name
        by.write_text(f'#!/bin/sh\nexec {shlex.join(mosquitto.fetch(name))} "$@"\n')
        by.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    secrets, config, port = tmp_path / "secrets", tmp_path / "config", free_tcp()
    prepared(secrets)
    (tmp_path / "data").mkdir()
    config.mkdir()

    def moved(text: str) -> str:
        for there, here in (
            ("/run/secrets", secrets),
            ("/mosquitto/config", config),
            ("/mosquitto/data", tmp_path / "data"),
            ("/tmp/users", tmp_path / "users"),
        ):
            text = text.replace(there, str(here))
        return text

    own = moved((DOCKER / "mosquitto/mosquitto.conf").read_text("utf-8"))
    own = own.replace("listener 8883", f"listener {port} 127.0.0.1")
    user = "root" if os.geteuid() == 0 else str(os.geteuid())
    (config / "mosquitto.conf").write_text(f"{own}user {user}\n", "utf-8")
    shutil.copy(DOCKER / "mosquitto/acl", config)
    (config / "acl").chmod(0o600)
    command = [moved(word) for word in SERVICES["mosquitto"]["command"]]
    with process(command, tmp_path / "log", port):
        yield port, secrets


def client(port: int, secrets: Path, user: str, password: str) -> aiomqtt.Client:
    trusted = ssl.create_default_context(cafile=str(secrets / "ca"))
    trusted.check_hostname = False  # it is issued to `mosquitto`
    return aiomqtt.Client(
        "127.0.0.1", port, username=user, password=password, tls_context=trusted
    )


async def test_the_broker_lets_in_who_is_on_its_list_to_what_is_theirs(
    broker: tuple[int, Path],
) -> None:
    port, secrets = broker
    known = dict(
        line.split(":") for line in (secrets / "mqtt_users").read_text().splitlines()
    )
    assert known["engine"] == (secrets / "mqtt").read_text().strip()
    for user, password in (("engine", "wrong"), ("nobody", known["engine"])):
        with pytest.raises(aiomqtt.MqttError):
            async with client(port, secrets, user, password):
                pass
    command = "accord/default/node/engine-1/command"
    async with (
        client(port, secrets, "engine", known["engine"]) as engine,
        client(port, secrets, "reader", known["reader"]) as reader,
    ):
        await engine.subscribe(command, qos=1)
        await reader.subscribe("accord/default/#", qos=1)
        await reader.publish(command, b"drain", qos=1)
        await reader.publish("accord/default/call/x/ended", b"made up", qos=1)
        await engine.publish("accord/other/call/x/ended", b"not ours", qos=1)
        await engine.publish(command, b"marker", qos=1)
        heard = {
            name: await asyncio.wait_for(anext(aiter(one.messages)), PATIENCE)
            for name, one in (("engine", engine), ("reader", reader))
        }
    assert {name: m.payload for name, m in heard.items()} == {
        "engine": b"marker",
        "reader": b"marker",
    }


# --- Asterisk


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[Asterisk]:
    """As the service has it, with the trunks of engine-1 rendered."""
    asterisk.fetch()
    home, ami, sip = tmp_path / "asterisk", free_tcp(), free_udp()
    for part in ("etc/accord", "lib/keys", "spool", "run", "log", "secrets"):
        (home / part).mkdir(parents=True)
    prepared(home / "secrets")
    for path in (DOCKER / "asterisk").glob("*.conf"):
        shutil.copy(path, home / "etc")
    own = asterisk._files(home, sip, ami)["asterisk.conf"]
    (home / "etc/asterisk.conf").write_text(own)
    manager = (home / "etc/manager.conf").read_text().replace("= 5038", f"= {ami}")
    (home / "etc/manager.conf").write_text(manager)
    text = (DOCKER / "config/trunks-1.toml").read_text("utf-8")
    text = text.replace("172.30.1.10", "127.0.0.1").replace("172.30.1.11", "127.0.0.1")
    text = text.replace("/run/secrets/ami", str(home / "secrets/ami_1"))
    text = text.replace("/etc/asterisk/accord", str(home / "etc/accord"))
    text = text.replace(
        "port = 5038", f"port = {ami}\nsip_port = {sip}\ntls_port = {free_tcp()}"
    )
    text = text.replace("sip.north.example:5061", f"127.0.0.1:{free_tcp()}")
    (tmp_path / "trunks.toml").write_text(text)
    words = SERVICES["trunks-1"]["command"][2:]
    done = CliRunner().invoke(dialer, ["--home", str(tmp_path), *words])
    assert done.exit_code == 0, done.output
    started = asterisk._start(home)
    try:
        there = Asterisk(home, started.pid, sip, ami)
        asterisk._booted(there, started)
        yield there
    finally:
        started.kill()
        started.wait()


def test_the_switch_starts_with_our_files_and_lets_its_engine_in(
    switch: Asterisk, tmp_path: Path
) -> None:
    modules = (DOCKER / "asterisk/modules.conf").read_text("utf-8")
    running = switch.command("module show")
    for name in re.findall(r"^load = (\S+)", modules, re.M):
        assert re.search(rf"^{name} .* Running", running, re.M), name
    assert "people" in switch.command("queue show people")
    assert "accord-in" in switch.command("dialplan show accord-in")
    assert "north" in switch.command("pjsip show endpoints")
    user = switch.command("manager show user accord")
    assert re.search(r"Write perm: *system,call,reporting,originate", user) or set(
        re.search(r"(?i)write perm: *(\S+)", user)[1].split(",")  # type: ignore[index]
    ) == {"originate", "call", "system", "reporting"}
    told = CliRunner().invoke(
        dialer, ["--home", str(tmp_path), "trunks", "status", "--json"]
    )
    assert told.exit_code == 0, told.output
    assert '"channels_in_use": 0' in told.output
    errors = [
        line
        for line in (switch.home / "log/out").read_text(errors="replace").splitlines()
        if "ERROR" in line
    ]
    assert not errors, "\n".join(errors)
    assert (shipped("config") / "asterisk/extensions.conf").read_text(
        "utf-8"
    ).strip() in (switch.home / "etc/accord/accord-extensions.conf").read_text("utf-8")
