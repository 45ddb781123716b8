"""The sums of an agreement, bound and hidden: the ledger holds a commitment, the vault
holds the sums and the salt that opens it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from dialer.evidence.entry import canonical

DOMAIN = b"accord/sums/v1\0"
SALT = 16


@dataclass(frozen=True, slots=True)
class Sums:
    """Minor units of a currency; personal, for the vault."""

    currency: str
    sums: tuple[int, ...]
    salt: bytes

    @property
    def commit(self) -> str:
        """SHA-256 over domain, salt (16 bytes) and canonical JSON, hexadecimal."""
        body = canonical({"currency": self.currency, "sums": self.sums})
        return sha256(DOMAIN + self.salt + body.encode()).hexdigest()


def fresh(currency: str, sums: Sequence[int]) -> Sums:
    """With a new salt."""
    return Sums(currency, tuple(sums), secrets.token_bytes(SALT))


def covered(parts: Sequence[int], paid: int) -> int:
    """How many parts, the first ones first, `paid` covers."""
    count = 0
    for part in parts:
        paid -= part
        if paid < 0:
            break
        count += 1
    return count
