"""Two layers of encryption on a record (R26): its own data key, then the tenant key.

AES-256-GCM (NIST SP 800-38D) throughout, 96-bit random nonces in front of the
ciphertext. What a ciphertext belongs to (the contact, the key version) is its
associated data: moving it to another row makes it unreadable.
"""

from __future__ import annotations

import json
import os
from datetime import date
from decimal import Decimal
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dialer.model import Personal, Source
from dialer.store.keys import LENGTH, TenantKey
from dialer.store.port import KeyMissing, StoreError
from dialer.store.rows import plain_text

NONCE = 12
CHECK = b"accord vault"


class Tampered(StoreError):
    """A vault record does not open: it was changed, moved or damaged."""

    def __init__(self, contact_id: str) -> None:
        super().__init__(f"the vault record of {contact_id} was changed or damaged")
        self.contact_id = contact_id


def seal(cipher: AESGCM, plain: bytes, belongs_to: str) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + cipher.encrypt(nonce, plain, belongs_to.encode())


def unseal(cipher: AESGCM, sealed: bytes, belongs_to: str) -> bytes:
    """InvalidTag: another key, another place, or other bytes."""
    return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], belongs_to.encode())


def data_key_place(contact_id: str, version: int) -> str:
    return f"data key|{contact_id}|{version}"


def close(key: TenantKey, contact_id: str, personal: Personal) -> dict[str, object]:
    """A row of `records`."""
    return close_text(key, contact_id, personal_text(personal))


def close_text(key: TenantKey, name: str, plain: str) -> dict[str, object]:
    """A row of `records` for any text, under the name it is found by."""
    data_key = os.urandom(LENGTH)
    return {
        "contact_id": name,
        "key_version": key.version,
        "wrapped": wrap(key, name, data_key),
        "ciphertext": seal(AESGCM(data_key), plain.encode(), f"record|{name}"),
    }


def wrap(key: TenantKey, contact_id: str, data_key: bytes) -> bytes:
    return seal(key.wrapping, data_key, data_key_place(contact_id, key.version))


def unwrap(key: TenantKey, contact_id: str, wrapped: bytes) -> bytes:
    """The data key. Tampered."""
    try:
        return unseal(key.wrapping, wrapped, data_key_place(contact_id, key.version))
    except (InvalidTag, ValueError) as error:
        raise Tampered(contact_id) from error


def reveal(
    key: TenantKey, contact_id: str, wrapped: bytes, ciphertext: bytes
) -> Personal:
    """The record. Tampered."""
    try:
        return personal_of(
            json.loads(reveal_text(key, contact_id, wrapped, ciphertext))
        )
    except ValueError as error:
        raise Tampered(contact_id) from error


def reveal_text(key: TenantKey, name: str, wrapped: bytes, ciphertext: bytes) -> str:
    """What `close_text` closed. Tampered."""
    data_key = unwrap(key, name, wrapped)
    try:
        return unseal(AESGCM(data_key), ciphertext, f"record|{name}").decode()
    except (InvalidTag, ValueError) as error:
        raise Tampered(name) from error


def keyring_row(key: TenantKey, token_secret: bytes) -> dict[str, object]:
    """A row of `keyring`: proof of the key, and the token secret under it."""
    place = f"token secret|{key.version}"
    return {
        "version": key.version,
        "check_value": seal(key.wrapping, CHECK, f"check|{key.version}"),
        "token_secret": seal(key.wrapping, token_secret, place),
    }


def open_keyring(key: TenantKey, check_value: bytes, token_secret: bytes) -> bytes:
    """The token secret. KeyMissing: this is not the key the vault was made with."""
    try:
        unseal(key.wrapping, check_value, f"check|{key.version}")
    except InvalidTag as error:
        raise KeyMissing(
            "this is not the tenant key that this vault was made with;"
            " put back the right key (no data was touched)"
        ) from error
    try:
        return unseal(key.wrapping, token_secret, f"token secret|{key.version}")
    except InvalidTag as error:
        raise StoreError("the vault's token secret was changed or damaged") from error


def personal_text(personal: Personal) -> str:
    due, amount = personal.due, personal.amount
    return plain_text(
        {
            "name": personal.name,
            "phones": personal.phones,
            "id_number": personal.id_number,
            "account": personal.account,
            "creditor": personal.creditor,
            "amount": None if amount is None else str(amount),
            "currency": personal.currency,
            "due": due and due.isoformat(),
            "sources": [
                [s.kind, s.reference, s.dated.isoformat()] for s in personal.sources
            ],
            "product": personal.product,
            "role": personal.role,
        }
    )


def personal_of(found: dict[str, Any]) -> Personal:
    amount, due = found["amount"], found["due"]
    sources = tuple(
        Source(kind, reference, date.fromisoformat(dated))
        for kind, reference, dated in found["sources"]
    )
    changed = {
        "phones": tuple(found["phones"]),
        "amount": None if amount is None else Decimal(amount),
        "due": due and date.fromisoformat(due),
        "sources": sources,
    }
    return Personal(**{**found, **changed})
