"""`trunks.toml`: one table an Asterisk, one table a trunk, checked whole.

Secrets are not in the file: a table names an environment variable or a file of mode
0600, and they are read only when something needs them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from phonenumbers import NumberParseException, is_possible_number
from phonenumbers import parse as parse_number
from pydantic import Field

from dialer.toml import FileError, Part, read

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:(\d{1,5}))?")
PREFIX = re.compile(r"\+[1-9]\d{0,14}")
#: How each codec is called in SDP and in Asterisk: telephone quality, no licences.
Codec = Literal["alaw", "ulaw", "g722"]
Port = Annotated[int, Field(ge=1, le=65535)]
Word = Annotated[str, Field(pattern=r"^[^\s;\[\]]*$", max_length=120)]


class TrunksError(FileError):
    """The file of trunks is wrong, or a secret that it names."""


class Secret(Part):
    """Where a secret is kept: exactly one of the two."""

    env: str = ""
    file: str = ""  # relative to trunks.toml; mode 0600

    def problem(self, folder: Path, environ: Mapping[str, str] = os.environ) -> str:
        """Why it cannot be read; empty: it can."""
        if bool(self.env) == bool(self.file):
            return "give either env or file"
        if self.env:
            return "" if environ.get(self.env) else f"${self.env} is not set"
        path = folder / self.file
        if not path.is_file():
            return f"{path}: no such file"
        if path.stat().st_mode & 0o077:
            return f"{path}: others may read it; chmod 600"
        try:
            text = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            return f"{path}: {error}"
        return "" if text and "\n" not in text else f"{path}: not one line of text"

    def read(self, folder: Path, environ: Mapping[str, str] = os.environ) -> str:
        """TrunksError: it cannot be read."""
        if problem := self.problem(folder, environ):
            raise TrunksError("secret", [(self.env or self.file, problem)])
        if self.env:
            return environ[self.env]
        return (folder / self.file).read_text("utf-8").strip()


class Asterisk(Part):
    """A switch that trunks live on, and how we reach each other."""

    host: str = "127.0.0.1"
    port: Port = 5038
    user: Word = "accord"
    secret: Secret = Secret(env="ACCORD_AMI_SECRET")
    media_host: str = "127.0.0.1"  # our address, as this Asterisk sees it
    media_port: int = Field(0, ge=0, le=65535)  # 0: any free one
    websocket_port: Port = 8787  # for trunks whose media is websocket
    config: str = ""  # its configuration folder on this machine; empty: elsewhere
    bind: Word = "0.0.0.0"  # where it listens for carriers
    sip_port: Port = 5060  # udp and tcp
    tls_port: Port = 5061
    external: Word = ""  # its public address, behind NAT
    local_net: tuple[Word, ...] = ()  # networks that are not behind that NAT
    ca_file: str = ""  # tls: who signs carriers' certificates; a path there
    cert_file: str = ""  # tls: our own, where a carrier asks for one
    key_file: str = ""


class Trunk(Part):
    """One carrier's way out."""

    asterisk: str
    hosts: tuple[str, ...] = Field(min_length=1)
    transport: Literal["udp", "tcp", "tls"] = "udp"
    srtp: bool = False
    codecs: tuple[Codec, ...] = Field(("alaw", "ulaw"), min_length=1)
    username: Word = ""
    password: Secret | None = None
    register_: bool = Field(False, alias="register")
    from_user: Word = ""
    from_domain: Word = ""
    caller_ids: tuple[str, ...] = Field(min_length=1)
    prefixes: tuple[str, ...] = ()  # of E.164; empty: every number
    strip: str = ""  # taken off the front of the number,
    prepend: str = Field("", pattern=r"^\+?[0-9*#]*$")  # and put there instead
    channels: int = Field(30, ge=1, le=10_000)
    calls_per_second: float = Field(5, gt=0, le=1000)
    priority: int = Field(1, ge=1, le=100)  # the lowest goes first
    weight: float = Field(1, gt=0, le=1000)  # its share among equals
    qualify_seconds: int = Field(30, ge=1, le=3600)
    failures: int = Field(5, ge=1, le=100)  # in a row, and it is taken out
    cool_down_seconds: float = Field(60, gt=0, le=86_400)
    media: Literal["audiosocket", "websocket"] = "audiosocket"
    enabled: bool = True

    def serves(self, number: str) -> bool:
        """number: E.164."""
        return not self.prefixes or number.startswith(self.prefixes)

    def dialed(self, number: str) -> str:
        """What the carrier is sent for an E.164 number."""
        if self.strip and number.startswith(self.strip):
            return self.prepend + number[len(self.strip) :]
        return number if not self.prepend else self.prepend + number.lstrip("+")


class TrunksFile(Part):
    asterisk: dict[str, Asterisk] = Field(min_length=1)
    trunk: dict[str, Trunk] = Field(min_length=1)


class Trunks(Part):
    """A checked file, and the folder that it lies in."""

    folder: Path
    asterisk: dict[str, Asterisk]
    trunk: dict[str, Trunk]


def load(path: Path, *, secrets: bool = False) -> Trunks:
    """TrunksError with every problem. `secrets`: also whether each can be read."""
    file = read(path, TrunksFile, TrunksError)
    problems = [*_problems(file), *_ports(file)]
    if secrets:
        problems += _unreadable(file, path.parent)
    if problems:
        raise TrunksError(str(path), problems)
    return Trunks(folder=path.parent, asterisk=file.asterisk, trunk=file.trunk)


def _problems(file: TrunksFile) -> Iterator[tuple[str, str]]:
    for kind, names in (("asterisk", file.asterisk), ("trunk", file.trunk)):
        for name in names:
            if not NAME.fullmatch(name):
                yield f"{kind}.{name}", "a name has small letters, digits and hyphens"
    for name, trunk in file.trunk.items():
        if trunk.asterisk not in file.asterisk:
            known = ", ".join(file.asterisk)
            yield (
                f"trunk.{name}.asterisk",
                f"there is no [asterisk.{trunk.asterisk}] (there is {known})",
            )
        if trunk.transport == "tls" and not _trusts(file, trunk):
            yield (
                f"asterisk.{trunk.asterisk}.ca_file",
                f"trunk.{name} uses tls: say who signs its carrier's certificate",
            )
        for place, what in _trunk_problems(trunk):
            yield f"trunk.{name}.{place}", what


def _ports(file: TrunksFile) -> Iterator[tuple[str, str]]:
    """We listen once on a port, and each Asterisk has its own."""
    taken = dict[tuple[str, int], str]()
    for name, one in file.asterisk.items():
        over = any(
            t.media == "websocket" for t in file.trunk.values() if t.asterisk == name
        )
        for key, port in (
            ("media_port", one.media_port),
            ("websocket_port", one.websocket_port if over else 0),
        ):
            place = f"asterisk.{name}.{key}"
            first = taken.setdefault((one.media_host, port), place) if port else place
            if first != place:
                yield place, f"{port} is that of {first} already"


def _trusts(file: TrunksFile, trunk: Trunk) -> bool:
    asterisk = file.asterisk.get(trunk.asterisk)
    return asterisk is None or bool(asterisk.ca_file)


def _trunk_problems(trunk: Trunk) -> Iterator[tuple[str, str]]:
    for host in trunk.hosts:
        match = HOST.fullmatch(host)
        if not match or not 0 < int(match[3] or 5060) < 65536:
            yield "hosts", f"{host!r} is not host or host:port"
    for prefix in (*trunk.prefixes, *filter(None, [trunk.strip])):
        if not PREFIX.fullmatch(prefix):
            yield "prefixes", f"{prefix!r} does not begin like a number: +86"
    for number in trunk.caller_ids:
        if not _possible(number):
            yield "caller_ids", f"{number!r} is not a number in E.164: +861055550000"
    if trunk.srtp and trunk.transport != "tls":
        yield "srtp", "needs transport tls: its keys are in the signalling (RFC 4568)"
    if bool(trunk.username) != bool(trunk.password):
        yield "username", "username and password go together"
    if trunk.register_ and not trunk.username:
        yield "register", "needs a username"


def _possible(number: str) -> bool:
    if not PREFIX.fullmatch(number):
        return False
    try:
        return is_possible_number(parse_number(number))
    except NumberParseException:
        return False


def _unreadable(file: TrunksFile, folder: Path) -> Iterator[tuple[str, str]]:
    for name, asterisk in file.asterisk.items():
        if problem := asterisk.secret.problem(folder):
            yield f"asterisk.{name}.secret", problem
    for name, trunk in file.trunk.items():
        if trunk.password and (problem := trunk.password.problem(folder)):
            yield f"trunk.{name}.password", problem
