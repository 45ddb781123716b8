"""Events as they are kept: canonical bytes, a hash chain, an Ed25519 signature.

message   = "accord/agreement/v1" + NUL + canonical JSON (RFC 8785) of
            {v, agreement, seq, at, kind, body, prev}; body is a string of JSON
hash      = SHA-256(message), hexadecimal
prev      = hash of the event before it, 64 zeros for the first
signature = Ed25519(message) (RFC 8032) with the key of the installation's evidence log
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from hashlib import sha256
from typing import Any

from dialer.agreements.state import (
    Activated,
    Closed,
    Confirmed,
    Event,
    Fulfilled,
    Missed,
    Paid,
    Proposed,
    Restored,
    Standing,
    Terms,
    Unfit,
    advance,
)
from dialer.evidence.entry import canonical

DOMAIN = b"accord/agreement/v1\0"  # no other message we sign begins like this
GENESIS = "0" * 64
BY_NAME: dict[str, type[Event]] = {
    kind.__name__.lower(): kind
    for kind in (
        *(Proposed, Confirmed, Activated, Paid),
        *(Missed, Restored, Fulfilled, Closed),
    )
}


@dataclass(frozen=True, slots=True)
class Signed:
    """One event of one agreement, as it is stored, logged and exported."""

    agreement: str
    seq: int  # 0, 1, 2 ... without a gap
    at: str  # RFC 3339, UTC: when it was written
    kind: str
    body: str  # canonical JSON
    prev: str
    key: str  # name+hash of the verifier key
    signature: str  # base64

    @property
    def message(self) -> bytes:
        head = {
            "v": 1,
            "agreement": self.agreement,
            "seq": self.seq,
            "at": self.at,
            "kind": self.kind,
            "body": self.body,
            "prev": self.prev,
        }
        return DOMAIN + canonical(head).encode()

    @property
    def hash(self) -> str:
        return sha256(self.message).hexdigest()

    @property
    def event(self) -> Event:
        """Unfit: no event that we know."""
        return decoded(self.kind, self.body)


@dataclass(frozen=True, slots=True)
class Pen:
    """Signs. `key`: the name and hash of the verifier key that fits."""

    key: str
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of an agreement's chain: what the next event hangs on."""

    agreement: str
    seq: int = 0  # of the next event
    prev: str = GENESIS


def write(tip: Tip, at: str, events: Iterable[Event], pen: Pen) -> list[Signed]:
    """Events appended to a chain, signed one by one."""
    found = list[Signed]()
    for event in events:
        blank = Signed(
            tip.agreement, tip.seq, at, *encoded(event), tip.prev, pen.key, ""
        )
        code = base64.b64encode(pen.sign(blank.message)).decode()
        signed = Signed(**{**asdict(blank), "signature": code})
        found.append(signed)
        tip = Tip(tip.agreement, tip.seq + 1, signed.hash)
    return found


def standing_of(events: Iterable[Signed]) -> Standing:
    """Where the events lead; signatures are not looked at. Unfit: they do not fit."""
    standing: Standing | None = None
    for signed in events:
        standing = advance(standing, signed.event)
    if standing is None:
        raise Unfit("there are no events")
    return standing


def encoded(event: Event) -> tuple[str, str]:
    """-> (kind, body)"""
    found = asdict(event)
    body = {**found.pop("terms"), **found} if isinstance(event, Proposed) else found
    plain = {name: _plain(value) for name, value in body.items()}
    kind = type(event).__name__.lower()
    return kind, canonical({k: v for k, v in plain.items() if v not in (None, "", [])})


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def decoded(kind: str, body: str) -> Event:
    """Unfit: an unknown kind, or a body that is not that of its kind."""
    made = BY_NAME.get(kind)
    if made is None:
        raise Unfit(f"no kind of event {kind!r}")
    try:
        found: Mapping[str, Any] = json.loads(body)
        event = _made(made, found)
    except (ValueError, TypeError, AttributeError) as error:
        raise Unfit(f"the body of a {kind} event is wrong: {error}") from error
    if encoded(event) != (kind, body):
        raise Unfit(f"the body of a {kind} event is not in canonical form")
    return event


def _made(made: type[Event], found: Mapping[str, Any]) -> Event:
    if made is Proposed:
        return Proposed(Terms(**_read(Terms, found)))
    return made(**_read(made, found))


def _read(made: type, found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a kind from JSON. Left out: empty text, list or number."""
    empty = {"str": "", "tuple[date, ...]": (), "tuple[str, ...]": ()}
    values = {f.name: empty[str(f.type)] for f in fields(made) if str(f.type) in empty}
    for name, value in found.items():
        kind = next((str(f.type) for f in fields(made) if f.name == name), "")
        values[name] = _typed(kind, name, value)
    return values


def _typed(kind: str, name: str, value: Any) -> Any:
    match kind, value:
        case "date", str():
            return date.fromisoformat(value)
        case "tuple[date, ...]", list():
            return tuple(date.fromisoformat(day) for day in value)
        case "tuple[str, ...]", list() if all(isinstance(v, str) for v in value):
            return tuple(value)
        case "tuple[int, ...]", list() if all(type(v) is int for v in value):
            return tuple(value)
        case "int" | "int | None", int() if not isinstance(value, bool):
            return value
        case "str", str():
            return value
        case _:
            raise ValueError(f"{name}: {value!r}")
