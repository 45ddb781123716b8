"""Values to rows and back. Lists are JSON text; times are the column's business."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Row

from dialer.attempt import Phase
from dialer.model import Consent, Contact, Disposition, Reason, Turn, Verdict
from dialer.store.port import AttemptRow, Campaign
from dialer.store.tables import stamp

R = Row[*tuple[Any, ...]]


_encoder = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, check_circular=False
)


def text(value: object) -> str:
    """JSON, compact, with the keys in order: the same value is the same text."""
    return _encoder.encode(value)


_plain = msgspec.json.Encoder(order="sorted")


def plain_text(value: object) -> str:
    """As `text`, of lists and maps of text: the same, five times as fast."""
    return _plain.encode(value).decode()


@lru_cache(maxsize=4096)
def shared_text(value: tuple[object, ...]) -> str:
    """As `text`, of what many rows have in common."""
    return text(value)


_words = msgspec.json.Decoder(tuple[str, ...])


@lru_cache(maxsize=4096)
def words(found: str) -> tuple[str, ...]:
    """A list of words: many rows share it, or one row is read again and again in the
    life of an attempt. The same text is read once."""
    return _words.decode(found)


@lru_cache(maxsize=4096)
def zones_of(found: str) -> tuple[tuple[str, ...], ...]:
    return tuple(map(tuple, json.loads(found)))


def consents_text(consents: tuple[Consent, ...]) -> str:
    if not consents:
        return "[]"
    return plain_text([[c.scope, stamp(c.start), stamp(c.end)] for c in consents])


def consents_of(found: str) -> tuple[Consent, ...]:
    if found == "[]":
        return ()
    parse = datetime.fromisoformat
    return tuple(Consent(s, parse(a), parse(b)) for s, a, b in json.loads(found))


def contact_row(contact: Contact, batch_id: str, place: int) -> dict[str, object]:
    return {
        "contact_id": contact.contact_id,
        "batch_id": batch_id,
        "place": place,
        "person": contact.person,
        "account": contact.account,
        "numbers": plain_text(contact.numbers),
        "masked": plain_text(contact.masked),
        "zones": shared_text(contact.zones),
        "locations": shared_text(contact.locations),
        "language": contact.language,
        "creditor": contact.creditor,
        "sources": shared_text(contact.sources),
        "consents": consents_text(contact.consents),
        "stage": contact.stage,
        "calls": contact.calls,
        "priority": contact.priority,
        "dated": contact.dated and contact.dated.isoformat(),
    }


@lru_cache(maxsize=1024)  # months
def dated_of(written: str | None) -> date | None:
    return None if written is None else date.fromisoformat(written)


def contact_of(row: Any) -> Contact:
    return Contact(
        contact_id=row.contact_id,
        person=row.person,
        account=row.account,
        numbers=_words.decode(row.numbers),  # nobody else's: not kept
        masked=_words.decode(row.masked),
        zones=zones_of(row.zones),
        locations=words(row.locations),
        language=row.language,
        creditor=row.creditor,
        sources=words(row.sources),
        consents=consents_of(row.consents),
        stage=row.stage,
        calls=row.calls,
        priority=row.priority,
        dated=dated_of(row.dated),
    )


def campaign_of(row: R) -> Campaign:
    return Campaign(row.campaign_id, row.name, row.state, row.settings, row.created_at)


def verdict_text(verdict: Verdict) -> str:
    if verdict.allowed:
        return '{"allowed":true}'
    after = verdict.next_allowed
    return text(
        {
            "allowed": False,
            "next_allowed": after and stamp(after),
            "reasons": [reason_map(reason) for reason in verdict.reasons],
        }
    )


def reason_map(reason: Reason) -> dict[str, str]:
    return {
        "rule": reason.rule,
        "citation": reason.citation,
        "detail": reason.detail,
    }


def rules_text(verdict: Verdict) -> str:
    """The rules that refused, each once, in order."""
    if verdict.allowed:
        return ""
    return " ".join(dict.fromkeys(reason.rule for reason in verdict.reasons))


def attempt_row_of(row: R) -> AttemptRow:
    masked = json.loads(row.masked)
    zones = zones_of(row.zones)
    return AttemptRow(
        attempt_id=row.attempt_id,
        campaign_id=row.campaign_id,
        contact_id=row.contact_id,
        n=row.n,
        phone=masked[row.position],
        language=row.language,
        phase=Phase(row.phase),
        not_before=row.not_before,
        dialing_at=row.dialing_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        disposition=row.disposition and Disposition(row.disposition),
        cause=row.cause,
        stage=row.stage,
        node=row.node,
        verdict=row.verdict,
        facts=json.loads(row.facts),
        measures=json.loads(row.measures),
        campaign=row.campaign_name,
        zone=next(iter(zones[row.position]), "") if row.position < len(zones) else "",
        agreement=row.agreement or "",
        agreement_state=row.agreement_state or "",
    )


def turn_map(turn: Turn) -> dict[str, object]:
    """For the journal: as said, with lists as lists."""
    return asdict(turn)


def turn_row(turn: Turn, attempt_id: str, i: int) -> dict[str, object]:
    lists = {"clauses": text(turn.clauses), "rights": text(turn.rights)}
    return {**asdict(turn), **lists, "attempt_id": attempt_id, "i": i}


def turn_of(row: R) -> Turn:
    plain = {k: v for k, v in row._asdict().items() if k not in {"attempt_id", "i"}}
    lists = {k: tuple(json.loads(plain[k])) for k in ("clauses", "rights")}
    return Turn(**{**plain, **lists})
