"""Reports as data for machines and as lines for people. Masked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dialer.contacts.explain import About, Explanation
from dialer.contacts.importer import Report
from dialer.contacts.listing import REJECTS
from dialer.contacts.review import standing
from dialer.model import PastCall
from dialer.store.port import Batch, FlagRow


def batch_data(batch: Batch) -> dict[str, Any]:
    """One batch, with where its review stands."""
    where = standing(batch)
    return {
        "batch": batch.batch_id,
        "file": batch.file,
        "importer": batch.importer,
        "at": batch.at.isoformat(),
        "state": batch.state,
        "rows_read": batch.rows_read,
        "accepted": batch.accepted,
        "rejected": batch.rejected,
        "duplicates": batch.duplicates,
        "approved": where.approved,
        "review": list(where.reasons),
        "reviews": [
            {
                "reviewer": review.reviewer,
                "approved": review.approved,
                "at": review.at.isoformat(),
                "note": review.note,
            }
            for review in batch.reviews
        ],
    }


def report_data(report: Report) -> dict[str, Any]:
    """What an import did; `problems` holds the first of them."""
    return {
        **batch_data(report.batch),
        "unchanged": report.unchanged,
        "resumed_after": report.resumed_after,
        "encoding": report.encoding,
        "delimiter": report.delimiter,
        "unused_columns": list(report.unused),
        "empty_rows": report.empty,
        "blocked_by_provenance": sum(report.blocked.values()),
        "rejects_file": str(report.rejects),
        "duplicates_file": str(report.duplicates),
        "problems": [
            {name: getattr(problem, name) for name in REJECTS}
            for problem in report.problems
        ],
    }


def report_lines(report: Report) -> Iterator[str]:
    """The same for people, without the problems."""
    batch = report.batch
    if report.unchanged:
        yield f"{batch.file} was imported before: nothing was changed"
    if report.resumed_after:
        yield f"went on after row {report.resumed_after}"
    yield from (f"column not used: {name}" for name in report.unused)
    yield (
        f"batch {batch.batch_id}: {batch.rows_read} rows read, {batch.accepted}"
        f" accepted, {batch.rejected} rejected, {batch.duplicates} duplicates"
    )
    if few := sum(report.blocked.values()):
        yield f"{few} accepted rows have too few kinds of source to be dialed"
    if batch.rejected:
        yield f"rejected rows: {report.rejects}"
    if batch.duplicates:
        yield f"duplicates: {report.duplicates}"
    if batch.accepted and not standing(batch).approved:
        yield "two people other than the importer review it now:"
        yield f"  dialer contacts review {batch.batch_id} --as NAME --approve"


def explanation_data(found: Explanation) -> dict[str, Any]:
    """Why a number may be called or not, for each contact that has it."""
    return {
        "number": found.masked,
        "known": bool(found.contacts),
        "flags": [_flag(row) for row in found.flags],
        "contacts": [_about(about) for about in found.contacts],
    }


def _about(about: About) -> dict[str, Any]:
    return {
        "contact": about.contact.contact_id,
        "batch": about.batch.batch_id,
        "provenance": {
            "dialable": about.provenance.dialable,
            "kinds": list(about.provenance.kinds),
            "reasons": list(about.provenance.reasons),
        },
        "review": {
            "approved": about.review.approved,
            "reasons": list(about.review.reasons),
        },
        "zones": list(about.contact.zones[about.number]),
        "locations": list(about.contact.locations),
        "flags": [_flag(row) for row in about.flags],
        "history": [_call(call) for call in about.history],
        "verdict": {
            "allowed": about.verdict.allowed,
            "reasons": [
                {"rule": r.rule, "citation": r.citation, "detail": r.detail}
                for r in about.verdict.reasons
            ],
            "next_allowed": next_.isoformat()
            if (next_ := about.verdict.next_allowed)
            else None,
        },
    }


def _flag(row: FlagRow) -> dict[str, Any]:
    until = row.until.isoformat() if row.until else None
    at = row.at.isoformat()
    return {
        "flag": row.flag,
        "scope": row.scope,
        "at": at,
        "source": row.source,
        "until": until,
    }


def _call(call: PastCall) -> dict[str, str]:
    at = call.at.isoformat()
    return {"at": at, "direction": call.direction, "outcome": call.outcome}


def explanation_lines(found: Explanation) -> Iterator[str]:
    """The same for people."""
    if not found.contacts:
        yield f"{found.masked}: no contact has this number; it is never called"
    for row in () if found.contacts else found.flags:
        yield _flag_line(row)
    for about in found.contacts:
        yield from _about_lines(found.masked, about)


def _about_lines(masked: str, about: About) -> Iterator[str]:
    verdict = about.verdict
    word = "may be called now" if verdict.allowed else "may not be called now"
    yield f"{masked} ({about.contact.contact_id}): {word}"
    for reason in verdict.reasons:
        yield f"  refused by {reason.rule}: {reason.detail} [{reason.citation}]"
    if not verdict.allowed:
        at = verdict.next_allowed
        yield (
            f"  next allowed: {at:%Y-%m-%d %H:%M} UTC"
            if at
            else "  next allowed: not until one of these facts changes"
        )
    kinds = ", ".join(about.provenance.kinds) or "none"
    yield f"  provenance: {kinds}"
    yield from (f"    {reason}" for reason in about.provenance.reasons)
    state = "approved" if about.review.approved else "; ".join(about.review.reasons)
    yield f"  review of batch {about.batch.batch_id}: {state}"
    yield f"  time zones: {', '.join(about.contact.zones[about.number]) or 'unknown'}"
    yield from map(_flag_line, about.flags)
    for call in about.history:
        way = "to" if call.direction == "out" else "from"
        yield f"  call {way} the person at {call.at:%Y-%m-%d %H:%M} UTC: {call.outcome}"


def _flag_line(row: FlagRow) -> str:
    until = f" until {row.until:%Y-%m-%d}" if row.until else ""
    since = f"since {row.at:%Y-%m-%d %H:%M} UTC{until}"
    return f"  mark: {row.flag} on the {row.scope} {since} ({row.source})"
