"""Keys that commands are signed with: Ed25519, PEM (PKCS 8), as openssl makes them."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from dialer.store.port import Refused


def create_key(path: Path, who: str) -> str:
    """A new signing key in a file of mode 0600. -> its table for commands.toml.
    FileExistsError."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with open(path, "xb", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        file.write(text)
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public = base64.b64encode(raw).decode()
    return f'[{json.dumps(who)}]\nkey = "{public}"\nmay = ["pause"]\n'


def read_key(path: Path) -> Ed25519PrivateKey:
    """Refused: others may read it, or it is no Ed25519 key."""
    if path.stat().st_mode & 0o077:
        raise Refused(f"{path}: others may read it; chmod 600")
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise Refused(f"{path}: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Refused(f"{path}: not an Ed25519 key")
    return key
