"""Signed checkpoints: C2SP signed-note with Ed25519, tlog-checkpoint.

The key file holds one line, `PRIVATE+KEY+name+hash+base64`, the form that other
transparency logs use; beside it lies the verifier key, `name+hash+base64`.
"""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dialer.store.port import StoreError

ED25519 = b"\x01"  # signature type of C2SP signed-note
MARK = "PRIVATE+KEY+"


class LogError(StoreError):
    """The evidence log cannot be used as it is; the text says why."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The log's name and key."""

    origin: str
    key: Ed25519PrivateKey

    @property
    def _public(self) -> bytes:
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return ED25519 + raw

    @property
    def key_id(self) -> bytes:
        """Four bytes, as signed-note recommends."""
        return sha256(self.origin.encode() + b"\n" + self._public).digest()[:4]

    @property
    def vkey(self) -> str:
        """What a verifier needs to know of us."""
        code = base64.b64encode(self._public).decode()
        return f"{self.origin}+{self.key_id.hex()}+{code}"

    def sign(self, size: int, root: bytes) -> bytes:
        """A checkpoint. Ed25519 is deterministic: the same tree, the same bytes."""
        text = f"{self.origin}\n{size}\n{base64.b64encode(root).decode()}\n"
        blob = self.key_id + self.key.sign(text.encode())
        line = f"\n— {self.origin} {base64.b64encode(blob).decode()}\n"
        return (text + line).encode()

    def secret(self) -> str:
        code = base64.b64encode(ED25519 + self.key.private_bytes_raw()).decode()
        return f"{MARK}{self.origin}+{self.key_id.hex()}+{code}"


def new_signer(origin: str | None = None) -> Signer:
    """A fresh key; without an `origin`, under a name that no other log has."""
    name = origin or f"accord.invalid/log/{secrets.token_hex(8)}"
    if not name or any(c.isspace() or c == "+" or not c.isprintable() for c in name):
        raise LogError(f"{name!r}: a log's name has no spaces and no plus")
    return Signer(name, Ed25519PrivateKey.generate())


def load_signer(path: Path) -> Signer:
    """Read a key file. LogError: not there, readable by others, or not a key."""
    try:
        if path.stat().st_mode & 0o077:
            raise LogError(f"{path}: others may read it; expected mode 0600")
        text = path.read_text("utf-8").strip()
        name, _, rest = text.removeprefix(MARK).partition("+")
        seed = base64.b64decode(rest.partition("+")[2], validate=True)
        signer = Signer(name, Ed25519PrivateKey.from_private_bytes(seed[1:]))
    except (OSError, ValueError) as error:
        raise LogError(f"{path}: not a signing key: {error}") from error
    if signer.secret() != text:
        raise LogError(f"{path}: not a signing key: its parts do not fit")
    return signer


def create_signer(path: Path, origin: str | None = None) -> Signer:
    """Make a key file, mode 0600, whole or not at all. FileExistsError: it is there."""
    signer = new_signer(origin)
    half = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    opened = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(signer.secret() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(half, path)
    finally:
        half.unlink()
    return signer
