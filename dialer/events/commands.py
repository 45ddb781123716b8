"""Pause, resume and drain over MQTT: signed, named, once, soon, or not at all.

The broker's own rules say who may write to `node/NODE/command`; that is not relied on.
A command is signed (Ed25519) by somebody whose key and rights are in the installation's
`commands.toml`, is for one node, lasts at most five minutes, and is taken once: its
nonce is on disk before anything is done.
"""

from __future__ import annotations

import base64
import json
import logging
from binascii import Error as BadBase64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from pydantic import Field, RootModel

from dialer.clock import Clock
from dialer.events.message import Message, topic
from dialer.evidence.entry import canonical
from dialer.files import replaced
from dialer.toml import FileError, Part, read

log = logging.getLogger(__name__)

DOMAIN = b"accord/command/v1\0"  #: no other signature of ours begins like this
LONGEST = timedelta(minutes=5)  #: a command may be valid for so long
LARGEST = 4096  #: bytes
NONCE = 16  #: characters at least
Verb = Literal["pause", "resume", "drain"]


class CommandsError(FileError):
    """commands.toml is wrong, or not to be trusted."""


class NotTaken(Exception):
    """A command that is not carried out; `why` is a constant."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Command(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """What is signed is the canonical JSON (RFC 8785) of all but `signature`.
    `campaign`: name or id; drain has none."""

    v: Literal[1]
    command: Verb
    campaign: str = ""
    tenant: str
    node: str
    by: str
    nonce: str
    expires: str  # RFC 3339
    signature: str = ""  # base64

    def signed_bytes(self) -> bytes:
        fields = msgspec.to_builtins(self)
        fields.pop("signature", None)
        return DOMAIN + canonical(fields).encode()


class Person(Part):
    """Somebody who may command."""

    key: str  # Ed25519 public key, base64
    may: Annotated[list[Verb], Field(min_length=1)]


class People(RootModel[dict[str, Person]]):
    """By name: the tables of commands.toml."""


@dataclass(frozen=True, slots=True)
class Signer:
    key: Ed25519PublicKey
    may: frozenset[str]


def load(path: Path) -> dict[str, Signer]:
    """CommandsError: every problem with its place."""
    people = read(path, People, CommandsError).root
    if path.stat().st_mode & 0o022:
        what = "others may write to it; chmod go-w"
        raise CommandsError(str(path), [("file", what)])
    found, problems = dict[str, Signer](), list[tuple[str, str]]()
    for name, person in people.items():
        try:
            key = Ed25519PublicKey.from_public_bytes(_bytes(person.key))
        except ValueError:
            problems.append((f"{name}.key", "not 32 bytes in base64"))
            continue
        found[name] = Signer(key, frozenset(person.may))
    if problems:
        raise CommandsError(str(path), problems)
    return found


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except BadBase64:
        raise ValueError("not base64") from None


def message(command: Command, key: Ed25519PrivateKey) -> Message:
    """Signed, for the topic of its node."""
    signature = base64.b64encode(key.sign(command.signed_bytes())).decode()
    signed = msgspec.structs.replace(command, signature=signature)
    where = topic(command.tenant, "node", command.node, "command")
    return Message(where, msgspec.json.encode(signed))


def judge(
    payload: bytes,
    signers: Mapping[str, Signer],
    *,
    tenant: str,
    node: str,
    now: datetime,
) -> tuple[Command, datetime]:
    """-> the command and until when it may be taken. NotTaken. Whether it has been
    taken before is for `Nonces` to say."""
    if len(payload) > LARGEST:
        raise NotTaken("too long")
    try:
        command = msgspec.json.decode(payload, type=Command)
        expires = datetime.fromisoformat(command.expires)
    except (msgspec.MsgspecError, ValueError):
        raise NotTaken("not a command") from None
    signer = signers.get(command.by)
    if signer is None:
        raise NotTaken("nobody of that name may command")
    try:
        signer.key.verify(_bytes(command.signature), command.signed_bytes())
    except (InvalidSignature, ValueError):
        raise NotTaken("the signature is not theirs") from None
    if (command.tenant, command.node) != (tenant, node):
        raise NotTaken("for another node")
    if command.command not in signer.may:
        raise NotTaken("they may not do this")
    if expires.tzinfo is None or not now < expires <= now + LONGEST:
        raise NotTaken("expired, or valid for too long")
    if len(command.nonce) < NONCE:
        raise NotTaken("the nonce is too short")
    return command, expires.astimezone(UTC)


class Nonces:
    """Those that were taken and have not expired, in a file that only grows by them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, nonce: str, expires: datetime, now: datetime) -> bool:
        """False: it was taken before. Durable when it returns."""
        held = {n: at for n, at in self._read().items() if at > now.isoformat()}
        if nonce in held:
            return False
        held[nonce] = expires.isoformat()
        replaced(self._path, json.dumps(held), durable=True)
        return True

    def _read(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}


class Commands:
    """Takes what arrives. `do` carries it out and puts it on record; what it cannot do
    it says by NotTaken."""

    def __init__(
        self,
        signers: Mapping[str, Signer],
        nonces: Nonces,
        do: Callable[[Command], Awaitable[None]],
        clock: Clock,
        *,
        tenant: str,
        node: str,
    ) -> None:
        self._signers = signers
        self._nonces = nonces
        self._do = do
        self._clock = clock
        self._tenant = tenant
        self._node = node
        self.taken = 0
        self.refused = 0

    async def take(self, payload: bytes) -> None:
        """Never raises for what somebody sends."""
        now = self._clock.now()
        try:
            command, expires = judge(
                payload, self._signers, tenant=self._tenant, node=self._node, now=now
            )
            self._once(command, expires, now)
            await self._do(command)
        except (NotTaken, OSError, msgspec.MsgspecError) as no:
            self.refused += 1
            why = no.why if isinstance(no, NotTaken) else "the nonces cannot be kept"
            log.warning("events: a command is not carried out", extra={"why": why})
            return
        self.taken += 1
        log.info("events: a command is carried out", extra={"verb": command.command})

    def _once(self, command: Command, expires: datetime, now: datetime) -> None:
        if not self._nonces.take(f"{command.by} {command.nonce}", expires, now):
            raise NotTaken("it was taken before")
