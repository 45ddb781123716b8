"""`trunks.toml`: a table for each Asterisk, Twilio account and trunk, checked whole.

Secrets are not in the file: a table names an environment variable or a file of mode
0600, and they are read only when something needs them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from phonenumbers import NumberParseException, is_possible_number
from phonenumbers import parse as parse_number
from pydantic import Field

from dialer.toml import FileError, Part, read

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:(\d{1,5}))?")
PREFIX = re.compile(r"\+[1-9]\d{0,14}")
#: Where people may be reached from Twilio.
PEOPLE = re.compile(
    r"sips?:[^\s<>\"&?;]+(;transport=(udp|tcp|tls))?"
    r"|\+[1-9]\d{6,14}|queue:[\w.-]{1,64}"
)
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


class Twilio(Part):
    """An account at Twilio, and how it reaches us."""

    account: str = Field(pattern=r"^AC[0-9a-f]{32}$")
    key: str = Field("", pattern=r"^(SK[0-9a-f]{32})?$")  # API key; empty: the token
    secret: Secret | None = None  # of that key
    token: Secret = Secret(env="ACCORD_TWILIO_TOKEN")  # signs what Twilio tells us
    region: Word = ""
    edge: Word = ""
    api: str = "https://api.twilio.com"
    public: str  # our address as Twilio sees it, https://...
    host: str = "127.0.0.1"  # where we listen, behind what serves that address
    port: Port = 8790
    apology: tuple[str, ...] = Field(("zh", "en"), min_length=1)
    machine_detection: Literal["", "Enable", "DetectMessageEnd"] = ""
    people: dict[str, str] = Field(default_factory=dict)  # by hand_over_to: see PEOPLE
    record: Word = "twilio-calls.jsonl"  # of calls placed; beside this file


class Trunk(Part):
    """One carrier's way out."""

    type: Literal["asterisk", "twilio"] = "asterisk"
    asterisk: str = ""  # its switch,
    twilio: str = ""  # or its account
    hosts: tuple[str, ...] = ()
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

    @property
    def switch(self) -> str:
        """By which its calls are placed: a name that is no other's."""
        return f"twilio.{self.twilio}" if self.type == "twilio" else self.asterisk

    def serves(self, number: str) -> bool:
        """number: E.164."""
        return not self.prefixes or number.startswith(self.prefixes)

    def dialed(self, number: str) -> str:
        """What the carrier is sent for an E.164 number."""
        if self.strip and number.startswith(self.strip):
            return self.prepend + number[len(self.strip) :]
        return number if not self.prepend else self.prepend + number.lstrip("+")


class TrunksFile(Part):
    asterisk: dict[str, Asterisk] = Field(default_factory=dict)
    twilio: dict[str, Twilio] = Field(default_factory=dict)
    trunk: dict[str, Trunk] = Field(min_length=1)


class Trunks(Part):
    """A checked file, and the folder that it lies in."""

    folder: Path
    asterisk: dict[str, Asterisk]
    trunk: dict[str, Trunk]
    twilio: dict[str, Twilio] = Field(default_factory=dict)


def load(path: Path, *, secrets: bool = False) -> Trunks:
    """TrunksError with every problem. `secrets`: also whether each can be read."""
    file = read(path, TrunksFile, TrunksError)
    problems = [*_problems(file), *_ports(file)]
    if secrets:
        problems += _unreadable(file, path.parent)
    if problems:
        raise TrunksError(str(path), problems)
    return Trunks(
        folder=path.parent,
        asterisk=file.asterisk,
        trunk=file.trunk,
        twilio=file.twilio,
    )


def _problems(file: TrunksFile) -> Iterator[tuple[str, str]]:
    names = [("asterisk", name) for name in file.asterisk]
    names += [("twilio", name) for name in file.twilio]
    for kind, name in [*names, *(("trunk", name) for name in file.trunk)]:
        if not NAME.fullmatch(name):
            yield f"{kind}.{name}", "a name has small letters, digits and hyphens"
    for name, trunk in file.trunk.items():
        switches = file.twilio if trunk.type == "twilio" else file.asterisk
        named = trunk.twilio if trunk.type == "twilio" else trunk.asterisk
        if named not in switches:
            known = ", ".join(switches) or "none"
            yield (
                f"trunk.{name}.{trunk.type}",
                f"there is no [{trunk.type}.{named}] (there is {known})",
            )
        if trunk.transport == "tls" and not _trusts(file, trunk):
            yield (
                f"asterisk.{trunk.asterisk}.ca_file",
                f"trunk.{name} uses tls: say who signs its carrier's certificate",
            )
        for place, what in _trunk_problems(trunk):
            yield f"trunk.{name}.{place}", what
    for name, account in file.twilio.items():
        for place, what in _account_problems(account):
            yield f"twilio.{name}.{place}", what


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
    for name, account in file.twilio.items():
        place = f"twilio.{name}.port"
        first = taken.setdefault((account.host, account.port), place)
        if first != place:
            yield place, f"{account.port} is that of {first} already"


def _trusts(file: TrunksFile, trunk: Trunk) -> bool:
    asterisk = file.asterisk.get(trunk.asterisk)
    return asterisk is None or bool(asterisk.ca_file)


#: What only an Asterisk needs to be told.
OF_ASTERISK = (
    *("asterisk", "hosts", "transport", "srtp", "codecs", "username", "password"),
    *("register_", "from_user", "from_domain", "strip", "prepend", "media"),
    "qualify_seconds",
)


def _trunk_problems(trunk: Trunk) -> Iterator[tuple[str, str]]:
    if trunk.type == "twilio":
        for key in OF_ASTERISK:
            if key in trunk.model_fields_set:
                yield key.rstrip("_"), "is not for a trunk of type twilio"
    elif not trunk.hosts:
        yield "hosts", "say where the carrier is"
    elif trunk.twilio:
        yield "twilio", 'is for a trunk of type = "twilio"'
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
    if trunk.type == "twilio":
        return
    if trunk.srtp and trunk.transport != "tls":
        yield "srtp", "needs transport tls: its keys are in the signalling (RFC 4568)"
    if bool(trunk.username) != bool(trunk.password):
        yield "username", "username and password go together"
    if trunk.register_ and not trunk.username:
        yield "register", "needs a username"


def _account_problems(account: Twilio) -> Iterator[tuple[str, str]]:
    if bool(account.key) != bool(account.secret):
        yield "key", "key and secret go together"
    for place, url in (("public", account.public), ("api", account.api)):
        parts = urlsplit(url)
        near = parts.hostname in ("127.0.0.1", "localhost")
        if not parts.hostname or (parts.scheme != "https" and not near):
            yield place, f"{url!r} is not https://..."
        elif parts.query or parts.fragment or parts.username or url.endswith("/"):
            yield place, f"{url!r}: no slash at its end, no query, no user"
    for name, to in account.people.items():
        if not PEOPLE.fullmatch(to):
            yield f"people.{name}", f"{to!r} is not sip:..., a number or queue:NAME"


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
    for name, account in file.twilio.items():
        if problem := account.token.problem(folder):
            yield f"twilio.{name}.token", problem
        if account.secret and (problem := account.secret.problem(folder)):
            yield f"twilio.{name}.secret", problem
    for name, trunk in file.trunk.items():
        if trunk.password and (problem := trunk.password.problem(folder)):
            yield f"trunk.{name}.password", problem
