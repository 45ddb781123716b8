"""How far a reader of the journal is behind."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from dialer.store.port import Feed


class Lag(NamedTuple):
    """`seconds`: since the oldest entry that is not read was written."""

    last: int  # the newest entry
    done: int  # the last one that was read
    seconds: float

    @property
    def entries(self) -> int:
        return self.last - self.done


async def lag(feed: Feed, reader: str, now: datetime) -> Lag:
    last, done = await feed.last(), await feed.cursor(reader)
    rows = await feed.after(done, 1)
    if not rows:
        return Lag(last, done, 0.0)
    waited = (now - datetime.fromisoformat(rows[0].at)).total_seconds()
    return Lag(last, done, max(0.0, waited))
