"""Hashes, signed checkpoints and inclusion proofs, checked from first principles.

With `layout.py`, `verify.py` and `audit.py` this is the whole verifier: it needs
Python 3.11 and `cryptography`, nothing else, and does not hash with the writer's code.
Formats: RFC 9162 section 2.1 (hashes), C2SP signed-note, tlog-checkpoint, tlog-proof.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELDS = ("v", "seq", "at", "kind", "subject", "commit")
PROOF_HEAD = "c2sp.org/tlog-proof@v1"


class Row(Protocol):
    """One row of the journal, as the ledger keeps it."""

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def salt(self) -> bytes: ...


class StoredRow(NamedTuple):
    """A row read from a ledger file, or carried by a proof."""

    seq: int
    at: str
    kind: str
    subject: str
    body: str
    salt: bytes


class Broken(Exception):
    """A text is not what its format says, or its signature does not hold."""


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint: the log's name, its size, the root of its tree."""

    origin: str
    size: int
    root: bytes


# --- hashes (RFC 9162 2.1.1)


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def root_of(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash over hashes of entries."""
    peaks: list[tuple[int, bytes]] = []  # (height, hash), the big ones first
    for leaf in leaves:
        height, found = 0, leaf
        while peaks and peaks[-1][0] == height:
            found = node_hash(peaks.pop()[1], found)
            height += 1
        peaks.append((height, found))
    if not peaks:
        return sha256(b"").digest()
    root = peaks.pop()[1]
    while peaks:
        root = node_hash(peaks.pop()[1], root)
    return root


def included(
    leaf: bytes, index: int, size: int, path: list[bytes], root: bytes
) -> bool:
    """Does `path` lead from the entry's hash to the root? (RFC 9162 2.1.3.2)"""
    if index >= size:
        return False
    fn, sn, found = index, size - 1, leaf
    for step in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            found = node_hash(step, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node_hash(found, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and found == root


def leaf_of(row: Row) -> bytes:
    """The entry that a journal row must have: its body behind a salted hash."""
    secret = (
        b"accord/entry/v1\0" + bytes([len(row.salt)]) + row.salt + row.body.encode()
    )
    values = (1, row.seq, row.at, row.kind, row.subject, sha256(secret).hexdigest())
    return _json(dict(zip(FIELDS, values, strict=True)))


def _json(value: object) -> bytes:
    """RFC 8785, for texts and whole numbers."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()


# --- signed notes


def open_note(note: bytes, vkey: str) -> Head:
    """Check the log's signature. Broken: malformed in any byte, or not signed by it."""
    name, key_id, key = _parse_vkey(vkey)
    try:
        text, signatures = note.decode().rsplit("\n\n", 1)
    except ValueError:
        raise Broken("is not a signed note") from None
    signed = f"{text}\n".encode()
    if re.search(r"[\x00-\x09\x0b-\x1f]", text) or not signatures.endswith("\n"):
        raise Broken("is not a signed note")
    ours = 0
    for line in signatures[:-1].split("\n"):
        dash, signer, code = (*line.split(" "), "", "")[:3]
        if dash != "—" or line.count(" ") != 2:
            raise Broken("has a malformed signature line")
        blob = _base64(code)
        if signer == name and blob[:4] == key_id:
            _check_signature(key, blob[4:], signed)
            ours += 1
    if not ours:
        raise Broken(f"is not signed by {name}")
    return _parse_head(text, name)


def _check_signature(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> None:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        raise Broken("carries a signature that does not hold") from None


def _parse_head(text: str, name: str) -> Head:
    lines = text.split("\n")
    if len(lines) < 3 or not re.fullmatch(r"0|[1-9]\d*", lines[1]):
        raise Broken("is not a checkpoint")
    root = _base64(lines[2])
    if lines[0] != name or len(root) != 32:
        raise Broken("is not a checkpoint of this log")
    return Head(lines[0], int(lines[1]), root)


def _parse_vkey(vkey: str) -> tuple[str, bytes, Ed25519PublicKey]:
    name, _, rest = vkey.strip().partition("+")
    hexed, _, code = rest.partition("+")
    key = _base64(code)
    key_id = sha256(name.encode() + b"\n" + key).digest()[:4]
    if not name or len(key) != 33 or key[0] != 1 or key_id.hex() != hexed:
        raise Broken("the verifier key is malformed")
    return name, key_id, Ed25519PublicKey.from_public_bytes(key[1:])


def _base64(code: str) -> bytes:
    """Strict: one spelling only for each value, or a byte could change unseen."""
    try:
        found = base64.b64decode(code, validate=True)
    except (binascii.Error, ValueError):
        raise Broken("has malformed base64") from None
    if base64.b64encode(found).decode() != code:
        raise Broken("has malformed base64")
    return found


# --- one proof


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof shows: the entry, and its words where they were opened."""

    head: Head
    index: int
    entry: dict[str, object]
    body: str | None


def check_proof(text: str, vkey: str) -> Proved:
    """Check an inclusion proof with its entry in the `extra` line. Broken: why not."""
    lines = text.split("\n")
    if lines[0] != PROOF_HEAD or len(lines) < 8 or not lines[1].startswith("extra "):
        raise Broken(f"is not a {PROOF_HEAD} with its entry")
    found = re.fullmatch(r"index (0|[1-9]\d*)", lines[2])
    end = lines.index("", 3) if "" in lines[3:] else 0
    if not found or not end:
        raise Broken("has no index or no checkpoint")
    head = open_note("\n".join(lines[end + 1 :]).encode(), vkey)
    path = [_base64(line) for line in lines[3:end]]
    extra = _extra(lines[1][6:])
    entry = extra["entry"].encode()
    index = int(found[1])
    if not included(leaf_hash(entry), index, head.size, path, head.root):
        raise Broken(f"does not lead from entry {index + 1} to the signed root")
    return Proved(head, index, json.loads(entry), _opened(extra, entry))


def _extra(code: str) -> dict[str, str]:
    """The entry, and what opens it; written in the one right way, all of it texts."""
    raw = _base64(code)
    try:
        extra = json.loads(raw)
        right = set(extra) in ({"entry"}, {"entry", "body", "salt"})
        right = right and all(isinstance(v, str) for v in extra.values())
        if not right or _json(extra) != raw:
            raise Broken("has no well-formed entry")
    except (ValueError, TypeError, AttributeError):
        raise Broken("has no well-formed entry") from None
    return {str(name): str(value) for name, value in extra.items()}


def _opened(extra: dict[str, str], entry: bytes) -> str | None:
    if "body" not in extra:
        return None
    said = json.loads(entry)
    try:
        row = StoredRow(
            said["seq"],
            said["at"],
            said["kind"],
            said["subject"],
            extra["body"],
            bytes.fromhex(extra["salt"]),
        )
        if leaf_of(row) == entry:
            return row.body
    except (KeyError, TypeError, ValueError):
        pass
    raise Broken("opens to other words than were committed to")
