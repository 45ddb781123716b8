"""The tenant key: 32 random bytes in a file of mode 0600, or in the environment.

The text is `accord-key:VERSION:BASE64`. While a rotation is under way there are two
keys: the file and the file with `.next` after its name (ACCORD_TENANT_KEY and
ACCORD_TENANT_KEY_NEXT). There is no default key and no key made in passing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dialer.files import sync
from dialer.store.port import KeyMissing, Refused

ENVIRONMENT = "ACCORD_TENANT_KEY"
MARK = "accord-key"
LENGTH = 32
REMEDY = (
    "run `dialer keys init` to make one (once; without it the vault cannot be read),"
    f" or set {ENVIRONMENT}"
)


@dataclass(frozen=True)
class TenantKey:
    """One version of the key, and during a rotation the one that follows it."""

    version: int
    secret: bytes = field(repr=False)
    following: TenantKey | None = field(default=None, repr=False)

    @cached_property
    def wrapping(self) -> AESGCM:
        """Wraps data keys and the token secret."""
        return AESGCM(derived(self, "vault wrapping key"))

    def known(self) -> dict[int, TenantKey]:
        """All keys at hand, by version."""
        after = self.following.known() if self.following else {}
        return {self.version: self, **after}

    def text(self) -> str:
        """The form that is kept in a file. Secret."""
        return f"{MARK}:{self.version}:{base64.b64encode(self.secret).decode()}\n"


class Sealer:
    """Seals files of personal data outside the database (spoken prompts with a name)
    with keys derived from the tenant key: AES-256-GCM, bound to the file's name."""

    def __init__(self, key: TenantKey) -> None:
        self._cipher = AESGCM(derived(key, "sealed files"))
        self._names = derived(key, "names of sealed files")

    def name(self, value: str) -> str:
        """A file name that tells nothing of `value`: 32 hexadecimal digits."""
        return hmac.new(self._names, value.encode(), sha256).hexdigest()[:32]

    def seal(self, name: str, plain: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + self._cipher.encrypt(nonce, plain, name.encode())

    def unseal(self, name: str, sealed: bytes) -> bytes | None:
        """None: another key's, another file's, or changed."""
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], name.encode())
        except (InvalidTag, ValueError):
            return None


def sealer(key: TenantKey) -> Sealer:
    return Sealer(key)


def derived(key: TenantKey, purpose: str) -> bytes:
    """A key for one purpose, by HKDF-SHA256 (RFC 5869)."""
    info = f"accord {purpose} {key.version}".encode()
    made = HKDF(hashes.SHA256(), length=LENGTH, salt=None, info=info)
    return made.derive(key.secret)


def new_key(version: int = 1) -> TenantKey:
    return TenantKey(version, secrets.token_bytes(LENGTH))


def next_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def absent(path: Path, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether there is no key at all, in the environment or in the file."""
    return not environ.get(ENVIRONMENT) and not path.exists()


def create(path: Path) -> None:
    """Make the first key of an installation. Refused: the file exists."""
    write(path, new_key())


def load_key(path: Path, environ: Mapping[str, str] = os.environ) -> TenantKey:
    """The key of this installation; the environment goes before the file.
    KeyMissing: none, unreadable, or readable by others than its owner."""
    if found := environ.get(ENVIRONMENT):
        after = environ.get(f"{ENVIRONMENT}_NEXT")
        following = parse(after, f"{ENVIRONMENT}_NEXT") if after else None
        return pair(parse(found, ENVIRONMENT), following)
    if not path.exists():
        raise KeyMissing(f"no tenant key: {path} does not exist; {REMEDY}")
    later = next_file(path)
    return pair(read(path), read(later) if later.exists() else None)


def pair(key: TenantKey, following: TenantKey | None) -> TenantKey:
    """One value of both; a following key that is the key itself says nothing."""
    if following is None or following.secret == key.secret:
        return key
    if following.version <= key.version:
        raise KeyMissing(
            f"the next tenant key has version {following.version},"
            f" and it must be higher than {key.version}"
        )
    return TenantKey(key.version, key.secret, following)


def read(path: Path) -> TenantKey:
    try:
        mode = path.stat().st_mode & 0o777
        found = path.read_text("ascii") if not mode & 0o077 else ""
    except UnicodeDecodeError:
        raise KeyMissing(f"{path} is not a tenant key; {REMEDY}") from None
    except OSError as error:
        raise KeyMissing(f"the tenant key cannot be read: {error}") from error
    if mode & 0o077:
        raise KeyMissing(
            f"{path} has mode {mode:04o}: others can read the tenant key;"
            f" run `chmod 600 {path}`"
        )
    return parse(found, str(path))


def parse(found: str, place: str) -> TenantKey:
    """KeyMissing names the place and what is wrong, never what stands there."""
    mark, _, rest = found.strip().partition(":")
    version, _, body = rest.partition(":")
    if mark != MARK or not version.isdecimal() or int(version) < 1:
        raise KeyMissing(
            f"{place} is not a tenant key (expected `{MARK}:VERSION:BASE64`); {REMEDY}"
        )
    try:
        secret = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise KeyMissing(f"{place}: the tenant key is not base64") from None
    if len(secret) != LENGTH:
        raise KeyMissing(
            f"{place}: the tenant key has {len(secret)} bytes, {LENGTH} are expected"
        )
    return TenantKey(int(version), secret)


def write(path: Path, key: TenantKey) -> None:
    """A new file of mode 0600, on disk when this returns. Refused: it exists."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    place = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(place, "w", encoding="ascii") as file:
            file.write(key.text())
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # whole or not at all, and never over another
    except FileExistsError:
        raise Refused(f"{path} exists: a tenant key is never overwritten") from None
    finally:
        draft.unlink()
    sync(path.parent)


def replace(path: Path) -> None:
    """The end of a rotation: the next key becomes the key."""
    os.replace(next_file(path), path)
    sync(path.parent)
