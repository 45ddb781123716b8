"""Values to rows and back. Lists are JSON text; times are the column's business."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from dialer.attempt import Attempt, Phase
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


@lru_cache(maxsize=4096)
def words(found: str) -> tuple[str, ...]:
    """A list of words that many rows share: the same text is read once."""
    return tuple(json.loads(found))


@lru_cache(maxsize=4096)
def zones_of(found: str) -> tuple[tuple[str, ...], ...]:
    return tuple(map(tuple, json.loads(found)))


def parsed(at: str | None) -> datetime | None:
    return None if at is None else datetime.fromisoformat(at)


def consents_text(consents: tuple[Consent, ...]) -> str:
    return text([[c.scope, stamp(c.start), stamp(c.end)] for c in consents])


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
        "numbers": text(contact.numbers),
        "masked": text(contact.masked),
        "zones": text(contact.zones),
        "locations": text(contact.locations),
        "language": contact.language,
        "creditor": contact.creditor,
        "sources": text(contact.sources),
        "consents": consents_text(contact.consents),
        "stage": contact.stage,
        "calls": contact.calls,
    }


def contact_of(row: Any) -> Contact:
    return Contact(
        contact_id=row.contact_id,
        person=row.person,
        account=row.account,
        numbers=tuple(json.loads(row.numbers)),
        masked=tuple(json.loads(row.masked)),
        zones=zones_of(row.zones),
        locations=words(row.locations),
        language=row.language,
        creditor=row.creditor,
        sources=words(row.sources),
        consents=consents_of(row.consents),
        stage=row.stage,
        calls=row.calls,
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
    return " ".join(dict.fromkeys(reason.rule for reason in verdict.reasons))


def attempt_of(row: Any) -> Attempt:
    """From a row as the database holds it (see `prepared`)."""
    return Attempt(
        phase=Phase(row.phase),
        not_before=datetime.fromisoformat(row.not_before),
        node=row.node,
        lease_until=parsed(row.lease_until),
        dialing_at=parsed(row.dialing_at),
        answered_at=parsed(row.answered_at),
        ended_at=parsed(row.ended_at),
        disposition=row.disposition and Disposition(row.disposition),
    )


GOVERNED = (
    *("phase", "not_before", "node", "lease_until"),
    *("dialing_at", "answered_at", "ended_at", "disposition"),
)


def attempt_values(attempt: Attempt) -> dict[str, object]:
    """The columns that `advance` governs, as the database holds them."""
    return {
        "phase": attempt.phase.value,
        "not_before": stamp(attempt.not_before),
        "node": attempt.node,
        "lease_until": stamped(attempt.lease_until),
        "dialing_at": stamped(attempt.dialing_at),
        "answered_at": stamped(attempt.answered_at),
        "ended_at": stamped(attempt.ended_at),
        "disposition": attempt.disposition and attempt.disposition.value,
    }


def stamped(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)


def attempt_row_of(row: R) -> AttemptRow:
    masked = json.loads(row.masked)
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
