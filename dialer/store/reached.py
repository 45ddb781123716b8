"""How many calls reached somebody, hour by hour: for best hours and for pacing."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import Connection, String, bindparam, func, select, type_coerce

from dialer.model import SPOKE, Disposition
from dialer.store.port import Reached
from dialer.store.rows import zones_of
from dialer.store.tables import attempts, contacts, stamp

_hour = func.substr(type_coerce(attempts.c.dialing_at, String), 1, 13)
_counts = (
    select(
        _hour,
        contacts.c.zones,
        attempts.c.position,
        attempts.c.disposition,
        attempts.c.answered_at.is_not(None),
        func.count(),
    )
    .join_from(attempts, contacts)
    .where(
        attempts.c.campaign_id == bindparam("campaign_id"),
        type_coerce(attempts.c.dialing_at, String) >= bindparam("since"),
        attempts.c.disposition.is_not(None),
    )
    .group_by(
        _hour,
        contacts.c.zones,
        attempts.c.position,
        attempts.c.disposition,
        attempts.c.answered_at.is_not(None),
    )
)


def reached(
    connection: Connection, campaign_id: str, since: datetime
) -> tuple[Reached, ...]:
    """Only attempts that are over."""
    dialed = Counter[tuple[str, str]]()
    spoke, abandoned = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    wanted = {"campaign_id": campaign_id, "since": stamp(since)}
    for hour, zones, position, how, answered, count in connection.execute(
        _counts, wanted
    ):
        of = zones_of(zones)
        key = hour, next(iter(of[position]), "")
        dialed[key] += count
        spoke[key] += count if answered and how in SPOKE else 0
        abandoned[key] += count if how == Disposition.ABANDONED else 0
    return tuple(
        Reached(
            datetime.fromisoformat(f"{hour}:00:00Z"),
            zone,
            dialed[hour, zone],
            spoke[hour, zone],
            abandoned[hour, zone],
        )
        for hour, zone in sorted(dialed)
    )
