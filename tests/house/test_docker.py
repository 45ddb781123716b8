"""Rules for the images and services of docker/: least privilege, pinned, limited."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.kit.docker import (
    COMPOSE,
    DOCKER,
    DOCKERFILES,
    ROOT,
    SERVICES,
    Step,
    steps,
)

PINNED = re.compile(r"[a-z0-9./-]+:[a-z0-9.-]*\d+\.?[a-z0-9.-]*")
ALONE = {"setup", "key", "trunks-1", "trunks-2"}  # run once, then end


# --- images


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
            assert (DOCKER / inside).exists(), inside
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
