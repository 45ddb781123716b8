"""docker/ against what it speaks of: rules for images and services, and every command,
setting, port, file and secret in it. No engine runs here, so its commands run natively.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from dialer.cli.main import dialer
from dialer.settings import Settings
from dialer.trunks import model as trunks
from tests.kit.asterisk import MODULES

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
#: Brought by work that is not in this tree yet. Each test below fails when one of them
#: is there: then take it off these lists, and in the end remove the lists.
PENDING_COMMANDS = {"serve"}
PENDING_SETTINGS = {
    "engine.evidence",
    *("store.vault", "store.ledger", "store.evidence", "store.passwords"),
    *("events.mqtt.host", "events.mqtt.port", "events.mqtt.tls", "events.mqtt.ca"),
    *("events.mqtt.user", "events.mqtt.password_file"),
    *("metrics.listen", "logs.format"),
}
PENDING_FILES = {"prometheus", "grafana/dashboards"}

COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = sorted(DOCKER.rglob("Dockerfile"))
PINNED = re.compile(r"[a-z0-9./-]+:[a-z0-9.-]*\d+\.?[a-z0-9.-]*")
ALONE = {"setup", "key", "trunks-1", "trunks-2"}  # run once, then end


# --- images


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a Dockerfile."""

    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """An exec form's words; else those that are not options."""
        if self.rest.startswith("["):
            return [str(word) for word in json.loads(self.rest)]
        return [w for w in shlex.split(self.rest) if not w.startswith("--")]


def steps(path: Path) -> list[Step]:
    lines = path.read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", text)
    return [Step(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_keeps_the_rules(path: Path) -> None:
    found = steps(path)
    by: dict[str, list[Step]] = {}
    for step in found:
        by.setdefault(step.name, []).append(step)
    assert by.keys() <= {
        *("FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE"),
        *("HEALTHCHECK", "ENTRYPOINT", "CMD"),
    }, "no ADD, no ARG, no SHELL, no VOLUME"
    for step in by["FROM"]:
        assert PINNED.fullmatch(step.words[0]), step
    (user,) = by["USER"]
    assert user.rest.split(":")[0] not in {"root", "0"}
    assert found.index(user) > max(found.index(s) for s in (*by["COPY"], *by["RUN"]))
    (health,) = by["HEALTHCHECK"]
    assert re.search(r"CMD \[", health.rest)
    for name in ("CMD", "ENTRYPOINT"):
        assert all(step.rest.startswith("[") for step in by.get(name, [])), name
    for step in by.get("ENV", []):
        assert not re.search(r"(?i)secret|passw|token|_key", step.rest)
    for step in by["RUN"]:
        assert not re.search(r"\b(sudo|curl|wget)\b|\| *sh\b|chmod 777", step.rest)
        assert "pip install" not in step.rest or (
            "--require-hashes" in step.rest or "--no-deps" in step.rest
        )
        if "apt-get" in step.rest:
            assert "--no-install-recommends" in step.rest
            assert "rm -rf /var/lib/apt/lists/*" in step.rest
    for step in by.get("WORKDIR", []):
        assert step.rest.startswith("/")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_what_an_image_copies_is_there_and_let_in(path: Path) -> None:
    allowed = (DOCKER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    for step in steps(path):
        if step.name == "COPY" and "--from=" not in step.rest:
            for source in step.words[:-1]:
                assert list(ROOT.glob(source)), source
                assert any(
                    source == a[1:] or source.startswith(f"{a[1:]}/")
                    for a in allowed
                    if a.startswith("!")
                ), f"{source} is not sent to the build"


def test_the_image_takes_all_that_the_wheel_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {
        source
        for step in steps(DOCKER / "Dockerfile")
        for source in step.words[:-1]
        if step.name == "COPY"
    }
    assert {*wheel["packages"], *wheel["force-include"]} <= copied
    assert {
        project["project"]["readme"],
        *project["project"]["license-files"],
    } <= copied


# --- services


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_keeps_the_rules(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "devices", "env_file"} & {
        *service
    }
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["restart"] == ("no" if name in ALONE else "unless-stopped")
    if "build" in service:
        assert (
            DOCKER / service["build"]["context"] / service["build"]["dockerfile"]
        ) in {DOCKER / ".." / path.relative_to(ROOT) for path in DOCKERFILES}
    else:
        assert PINNED.fullmatch(service["image"])
        assert "root" not in service["user"].split(":")[0] != "0"
    if name in ALONE:
        assert service["healthcheck"] == {"disable": True}
    elif "build" not in service:
        assert service["healthcheck"]["test"][0] == "CMD"
    for value in service.get("environment", {}).values():
        assert not re.search(r"(?i)passw|secret", value) or value.startswith("/run/")
    for volume in service.get("volumes", []):
        source, target, *how = volume.split(":")
        assert target.startswith("/")
        assert "docker.sock" not in volume
        if source.startswith("."):
            assert how == ["ro"]
            inside = source.removeprefix("./")
            assert (DOCKER / inside).exists() != (inside in PENDING_FILES), inside
        else:
            assert source in COMPOSE["volumes"]


def test_what_is_declared_is_used_and_the_other_way() -> None:
    used: dict[str, set[str]] = {"networks": set(), "volumes": set(), "secrets": set()}
    for service in SERVICES.values():
        used["networks"] |= set(service.get("networks", []))
        used["volumes"] |= {
            v.split(":")[0] for v in service.get("volumes", []) if v[0] != "."
        }
        used["secrets"] |= {
            s if isinstance(s, str) else s["source"] for s in service.get("secrets", [])
        }
        for other in service.get("depends_on", []):
            assert other in SERVICES
            if isinstance(service["depends_on"], dict):
                ends = service["depends_on"][other]["condition"].endswith(
                    "successfully"
                )
                assert ends == (other in ALONE)
    for kind, names in used.items():
        assert names == set(COMPOSE[kind]), kind


def test_only_what_must_be_is_reachable() -> None:
    outside = {n for n, net in COMPOSE["networks"].items() if not net.get("internal")}
    assert outside == {"carriers", "people"}
    open_to = {n: set(s.get("networks", [])) & outside for n, s in SERVICES.items()}
    assert {n for n, nets in open_to.items() if nets} == {
        *("asterisk-1", "asterisk-2", "grafana")
    }
    assert {n for n, s in SERVICES.items() if s.get("ports")} <= {
        n for n in open_to if open_to[n]
    }
    assert SERVICES["grafana"]["ports"] == ["127.0.0.1:3000:3000"]
    vault = {n for n, s in SERVICES.items() if "store" in s.get("networks", [])}
    assert vault == {"postgres", "setup", "engine-1", "engine-2", "analysts"}
    owners = {
        name
        for name, service in SERVICES.items()
        for secret in service.get("secrets", [])
        if not isinstance(secret, str) and secret["source"] == "passwords_owner"
    }
    assert owners == {"setup"}


def test_three_volumes_for_three_isolations() -> None:
    mine = {v.split(":")[0]: v.split(":")[1] for v in SERVICES["postgres"]["volumes"]}
    init = (DOCKER / "postgres/init.sql").read_text("utf-8")
    for name in ("vault", "ledger"):
        assert mine[name] == f"/var/lib/accord/{name}"
        assert (
            f"TABLESPACE accord_{name} OWNER accord_owner LOCATION '{mine[name]}'"
            in init
        )
        assert re.search(
            rf"DATABASE accord_{name} OWNER \w+ TABLESPACE accord_{name}\b", init
        )
        assert f"REVOKE ALL ON DATABASE accord_{name} FROM PUBLIC" in init
    assert "evidence:/srv/accord/evidence" in SERVICES["engine-1"]["volumes"]
    assert "evidence" not in mine


# --- what it speaks of


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
    pending = set()
    for where, words in commands():
        try:
            parsed(words)
        except click.UsageError:
            missing = [word for word in words if word in PENDING_COMMANDS]
            assert missing, f"{where}: dialer {' '.join(words)}"
            pending |= {*missing}
    assert pending == PENDING_COMMANDS, "take what is there off the list"


def keys(found: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from keys(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def settings(n: int) -> dict[str, Any]:
    return tomllib.loads((DOCKER / f"config/engine-{n}.toml").read_text("utf-8"))


def test_every_setting_is_one_that_there_is() -> None:
    known = set(keys(tomllib.loads((ROOT / "config/dialer.toml").read_text("utf-8"))))
    for n in (1, 2):
        assert set(keys(settings(n))) - known == PENDING_SETTINGS
    one, two = settings(1), settings(2)
    assert (one["engine"], two["engine"]) == (
        {"node": "engine-1", "evidence": True},
        {"node": "engine-2", "evidence": False},
    )
    assert one | {"engine": {}} == two | {"engine": {}}


def present() -> str:
    """The settings of engine-1 that this program knows, as TOML."""
    found: dict[str, Any] = settings(1)
    lines = []
    for part, values in found.items():
        for name, value in values.items():
            if not isinstance(value, dict) and f"{part}.{name}" not in PENDING_SETTINGS:
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
        if PENDING_COMMANDS & {*words}:
            continue
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
    if "metrics.listen" not in PENDING_SETTINGS:
        scraped = yaml.safe_load(
            (DOCKER / "prometheus/prometheus.yml").read_text("utf-8")
        )
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


def prepared(folder: Path) -> str:
    done = subprocess.run(
        [str(DOCKER / "prepare"), str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


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


def test_docker_compose_takes_the_file() -> None:
    if shutil.which("docker") is None:
        pytest.skip("no docker client")
    asked = ["docker", "compose", "version"]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("the docker client has no compose plugin")
    done = subprocess.run(
        ["docker", "compose", "-f", str(DOCKER / "compose.yaml"), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
