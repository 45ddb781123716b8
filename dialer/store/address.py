"""Where the databases of a server are, and with whose credential each is opened.

A URL names host, database and role, never a password: settings are copied and shown.
Passwords come from the environment (ACCORD_LEDGER_PASSWORD ...), or from a file in
PostgreSQL's own form (host:port:database:user:password, mode 0600).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from dialer.store.port import StoreError

DRIVER = "postgresql+psycopg"
LOOPBACK = ("", "localhost", "127.0.0.1", "::1")
SHORT = {  # a cut line is noticed in ten seconds
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


@dataclass(frozen=True)
class Address:
    """One database with one role. Shows no password, for it has none."""

    name: str  # vault | ledger | evidence | owner: whose password is asked for
    url: URL
    passwords: Path | None = None

    @classmethod
    def parse(cls, name: str, text: str, passwords: Path | None = None) -> Address:
        """StoreError: not a URL of PostgreSQL, or one with a password in it."""
        try:
            url = make_url(text)
        except ArgumentError:
            raise StoreError(f"store.{name} is not a URL") from None
        if url.get_backend_name() != "postgresql" or not url.database:
            raise StoreError(
                f"store.{name} is not of the form postgresql://USER@HOST/DATABASE"
            )
        if url.password is not None:
            raise StoreError(
                f"store.{name} has a password in it: put that into the environment"
                f" ({variable(name)}) or a password file"
            )
        return cls(name, url.set(drivername=DRIVER), passwords)

    def owned_by(self, owner: str) -> Address:
        """The same database with the role that owns the tables."""
        return Address("owner", self.url.set(username=owner), self.passwords)

    @property
    def role(self) -> str:
        return self.url.username or ""

    @property
    def database(self) -> str:
        return self.url.database or ""

    def __str__(self) -> str:
        return self.url.set(drivername="postgresql", query={}).render_as_string()

    def arguments(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """What libpq takes besides the URL. StoreError: the file is open to others."""
        found = dict(SHORT)
        if self.url.host not in (None, *LOOPBACK) and "sslmode" not in self.url.query:
            found["sslmode"] = "require"
        if secret := environ.get(variable(self.name)):
            found["password"] = secret
        elif self.passwords is not None:
            found["passfile"] = str(private(self.passwords))
        return found


@dataclass(frozen=True)
class Addresses:
    """The databases of an installation. `evidence` reads the ledger's journal."""

    vault: Address
    ledger: Address
    evidence: Address

    def items(self) -> dict[str, Address]:
        """By the name of their schema."""
        return {"vault": self.vault, "ledger": self.ledger}


def variable(name: str) -> str:
    return f"ACCORD_{name.upper()}_PASSWORD"


def private(path: Path) -> Path:
    """StoreError: it cannot be read, or others can read it too."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise StoreError(f"the password file cannot be read: {error}") from error
    if mode & 0o077:
        raise StoreError(
            f"{path} has mode {mode:04o}: others can read the passwords;"
            f" run `chmod 600 {path}`"
        )
    return path
