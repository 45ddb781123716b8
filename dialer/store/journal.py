"""The one feed: what happened, in commit order, without a gap."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update

from dialer.store.port import JournalRow, Refused
from dialer.store.runner import Runner
from dialer.store.tables import cursors, journal
from dialer.store.work import Work

#: Every kind of entry, and what it says. The subject is the id that it is about.
KINDS = {
    "batch.opened": "an import began (batch)",
    "contacts.added": "a chunk of contacts was added; the batch's counters (batch)",
    "batch.reviewed": "a reviewer approved or rejected a batch (batch)",
    "flag.set": "something that stops calls was set or extended (flag)",
    "list.exported": "a do-not-call list was written out in clear, and by whom (who)",
    "campaign.created": "a campaign with its settings (campaign)",
    "campaign.state": "a campaign was launched, paused, resumed, stopped, done",
    "attempt.planned": "an attempt is due from a given time (attempt)",
    "attempt.reserved": "a node leased attempts, listed in one entry (campaign)",
    "attempt.refused": "the gate refused for good, with every reason (attempt)",
    "attempt.postponed": "the gate refused for now, with every reason (attempt)",
    "attempt.returned": "a lease lapsed before dialing: due again (attempt)",
    "attempt.shown": "an agent was shown the case before it is called (attempt)",
    "attempt.chosen": "an agent accepted the case, or passed it over (attempt)",
    "attempt.dialing": "the gate allowed it; the call is about to be placed (attempt)",
    "attempt.answered": "the far end picked up (attempt)",
    "attempt.lost": "its node died after dialing; never dialed again (attempt)",
    "attempt.ended": "how it ended, cause, facts and measures (attempt)",
    "agreement.event": "a signed event of an agreement, with its hash (agreement)",
    "agreement.refused": "why what a call confirmed became no agreement (attempt)",
    "trunk.state": "a trunk came up, went off or was not reached, and why (trunk)",
    "node.started": "a node calls for a campaign; its lines and version (node)",
    "node.stopped": "a node ended in order; one that dies leaves no such entry (node)",
    "command.taken": "somebody commands over MQTT what, to which node (who)",
    "trunk.bill": "seconds and price of a call, as its carrier tells (attempt)",
    "log.kept": "from here on another evidence log is kept of the journal (its key)",
    "node.membership": "a node came up, shall drain or is gone, and why (node)",
    "call.turns": "what was said, masked, turn by turn (attempt)",
}

_after = (
    select(journal)
    .where(journal.c.seq > bindparam("seq"))
    .order_by(journal.c.seq)
    .limit(bindparam("limit"))
)
_last = select(func.coalesce(func.max(journal.c.seq), 0))
_cursor = select(cursors.c.seq).where(cursors.c.reader == bindparam("name"))
_owner = select(cursors.c.owner).where(cursors.c.reader == bindparam("name"))


class SqlJournal:
    """`port.Journal` on any SQL database."""

    def __init__(self, runner: Runner, feed: Runner | None = None) -> None:
        """`feed` has the credential of readers, where they have their own."""
        self._runner = runner
        self._feed = feed or runner

    async def after(self, seq: int, limit: int = 1000) -> list[JournalRow]:
        return await self._feed.read(lambda c: after(c, seq, limit))

    async def note(
        self, at: datetime, kind: str, subject: str, body: Mapping[str, object]
    ) -> None:
        """An entry about what no other table holds."""
        await self._runner.write(lambda work: work.note(at, kind, subject, body))

    async def cursor(self, reader: str) -> int:
        """The last entry that `reader` has dealt with; 0 at first."""
        return await self._feed.read(lambda c: cursor(c, reader) or 0)

    async def last(self) -> int:
        return await self._runner.read(lambda c: c.execute(_last).scalar_one())

    async def move(self, reader: str, seq: int) -> None:
        """Refused: there is no such entry yet."""
        await self._feed.write(lambda work: move(work, reader, seq))

    async def kept_by(self, reader: str, owner: str, *, anew: bool = False) -> str:
        there = await self._feed.read(lambda c: owner_of(c, reader))
        if there and not (anew and there != owner):
            return there
        return await self._feed.write(lambda work: own(work, reader, owner, anew))


def after(connection: Connection, seq: int, limit: int) -> list[JournalRow]:
    rows = connection.execute(_after, {"seq": seq, "limit": limit})
    return [JournalRow(*row) for row in rows]


def cursor(connection: Connection, reader: str) -> int | None:
    return connection.execute(_cursor, {"name": reader}).scalar()


def owner_of(connection: Connection, reader: str) -> str | None:
    return connection.execute(_owner, {"name": reader}).scalar()


def own(work: Work, reader: str, owner: str, anew: bool) -> str:
    """The row's lock makes one of two who ask at once wait, and see the other's."""
    if owner_of(work.connection, reader) is None:
        row = {"reader": reader, "seq": 0, "owner": owner}
        work.connection.execute(insert(cursors), row)
    changed = update(cursors).where(cursors.c.reader == reader).values(owner=owner)
    if not anew:
        changed = changed.where(cursors.c.owner == "")
    work.connection.execute(changed)
    return owner_of(work.connection, reader) or owner


def move(work: Work, reader: str, seq: int) -> None:
    last = after(work.connection, seq - 1, 1)
    if seq and (not last or last[0].seq != seq):
        raise Refused(f"the journal has no entry {seq}")
    if cursor(work.connection, reader) is None:
        work.connection.execute(insert(cursors), {"reader": reader, "seq": seq})
    else:
        mine = update(cursors).where(cursors.c.reader == reader)
        work.connection.execute(mine, {"seq": seq})
