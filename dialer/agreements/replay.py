"""Replay: every state anew from the events, every signature checked.

Needs the events and the public key, nothing of the installation that wrote them.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from operator import attrgetter

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dialer.agreements.event import GENESIS, Signed
from dialer.agreements.state import Standing, Unfit, advance

ED25519 = b"\x01"  # signature type of C2SP signed-note


class BadKey(Exception):
    """Not a verifier key: name+hash+base64."""


class Misfit(Exception):
    """The first event that does not fit: which, and why."""

    def __init__(self, agreement: str, seq: int, why: str) -> None:
        super().__init__(f"{agreement} event {seq}: {why}")
        self.agreement = agreement
        self.seq = seq
        self.why = why


@dataclass(frozen=True, slots=True)
class Replayed:
    """One agreement after all its events. `head`: hash of the last."""

    agreement: str
    standing: Standing
    states: tuple[str, ...]  # after each event
    head: str


def keys(vkeys: Iterable[str]) -> dict[str, Ed25519PublicKey]:
    """Verifier keys (C2SP signed-note) by name and hash. BadKey."""
    found = dict[str, Ed25519PublicKey]()
    for vkey in vkeys:
        name, _, rest = vkey.strip().partition("+")
        code, _, public = rest.partition("+")
        try:
            raw = base64.b64decode(public, validate=True)
            key = Ed25519PublicKey.from_public_bytes(raw[1:])
        except (binascii.Error, ValueError) as error:
            raise BadKey(f"not a verifier key: {vkey!r}") from error
        fits = sha256(name.encode() + b"\n" + raw).digest()[:4].hex()
        if raw[:1] != ED25519 or code != fits:
            raise BadKey(f"not a verifier key: {vkey!r}")
        found[f"{name}+{code}"] = key
    return found


def replay(events: Sequence[Signed], known: Mapping[str, Ed25519PublicKey]) -> Replayed:
    """One agreement's events, in order. Misfit: the first that does not fit."""
    standing: Standing | None = None
    head, states, at = GENESIS, list[str](), ""
    for seq, signed in enumerate(events):
        why = _broken(signed, events[0].agreement, seq, head, known)
        if not why and signed.at < at:
            why = "it is older than the event before it"
        if why:
            raise Misfit(events[0].agreement, seq, why)
        try:
            standing = advance(standing, signed.event)
        except Unfit as unfit:
            raise Misfit(signed.agreement, seq, str(unfit)) from unfit
        head, at = signed.hash, signed.at
        states.append(standing.state.value)
    if standing is None:
        raise Misfit("?", 0, "there are no events")
    return Replayed(events[0].agreement, standing, tuple(states), head)


def _broken(
    signed: Signed,
    agreement: str,
    seq: int,
    head: str,
    known: Mapping[str, Ed25519PublicKey],
) -> str:
    if signed.agreement != agreement:
        return f"it belongs to {signed.agreement}"
    if signed.seq != seq:
        return f"it says it is event {signed.seq}"
    if signed.prev != head:
        return "it does not hang on the event before it"
    key = known.get(signed.key)
    if key is None:
        return f"signed with {signed.key!r}, whose verifier key was not given"
    try:
        key.verify(base64.b64decode(signed.signature, validate=True), signed.message)
    except (InvalidSignature, binascii.Error, ValueError):
        return "its signature does not hold"
    return ""


def replay_all(
    events: Iterable[Signed], known: Mapping[str, Ed25519PublicKey]
) -> list[Replayed]:
    """Every agreement of an export. Misfit: the first event that does not fit."""
    found = [
        replay(list(group), known)
        for _, group in groupby(events, key=attrgetter("agreement"))
    ]
    for name, count in Counter(one.agreement for one in found).items():
        if count > 1:
            raise Misfit(name, 0, "its events do not stand together")
    return found


def digest(found: Iterable[Replayed]) -> str:
    """One hash over where all agreements stand, in the order of their ids:
    SHA-256 of lines `agreement state head`."""
    ordered = sorted(found, key=attrgetter("agreement"))
    lines = (f"{r.agreement} {r.standing.state} {r.head}\n" for r in ordered)
    return sha256("".join(lines).encode()).hexdigest()
