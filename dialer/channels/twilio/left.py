"""What became of calls whose engine died: found by our own record, asked of Twilio."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from dialer.channels.port import ChannelDown, Order
from dialer.channels.tries import call_id
from dialer.channels.twilio.pending import FINAL, RANKS
from dialer.channels.twilio.record import Noted, Record
from dialer.channels.twilio.rest import Lost, Refused, Rest, Seen
from dialer.clock import Clock

SKEW = timedelta(seconds=5)  #: of Twilio's clock against ours
LISTED = timedelta(seconds=30)  #: after which a call that was placed is in the list
LIMIT = 1000  #: calls that are looked through
OVER = 2700.0  #: seconds after which no call of then is up: Twilio's limit is 1,800


class Left:
    """shared: other nodes call for the same campaigns, on records of their own."""

    def __init__(
        self, rest: Rest, record: Record, clock: Clock, *, shared: bool
    ) -> None:
        self._rest = rest
        self._record = record
        self._clock = clock
        self._shared = shared
        self._asked = dict[str, float]()  # when it was first asked what is not here

    async def of(self, orders: Sequence[Order]) -> dict[str, bool]:
        """See `port.Switch.left`."""
        here = {noted.attempt for noted in self._record.noted.values()}
        names = dict.fromkeys(order.attempt_id for order in orders)
        found = {name: False for name in names if name in here or self._none(name)}
        tries = {call_id(order): order.attempt_id for order in orders}
        mine = [n for c, n in self._record.noted.items() if c in tries]
        lists = dict[str, list[Seen]]()
        try:
            for noted in mine:
                people = await self._one(noted, lists)
                if people is None:
                    found.pop(noted.attempt, None)
                elif noted.attempt in found:
                    found[noted.attempt] |= people
        except (Lost, Refused) as no:
            raise ChannelDown("Twilio does not tell") from no
        return found

    def _none(self, attempt: str) -> bool:
        """Whether no call is up of an attempt that is not on our record. The only one
        knows; where there are more, a dead node's may be up until Twilio's time
        limit ends it."""
        now = self._clock.elapsed()
        return not self._shared or now - self._asked.setdefault(attempt, now) > OVER

    async def _one(self, noted: Noted, lists: dict[str, list[Seen]]) -> bool | None:
        """Whether people have it; None: it cannot be told yet. lists: of our numbers'
        calls, as far as they were asked for."""
        sid, ours, age = noted.sid, noted.caller_id, self._clock.now() - noted.at
        if not sid and ours not in lists:
            lists[ours] = await self._rest.find(from_=ours, limit=LIMIT)
        calls = [await self._call(sid)] if sid else self._look(noted, lists[ours])
        if any(c and c.status in ("in-progress", "completed") for c in calls):
            self._record.add(noted.call, answered=True)
        up = [c for c in calls if c and RANKS.get(c.status, FINAL) < FINAL]
        if not calls and age.total_seconds() < OVER:
            long_ago = age >= LISTED and self._reaches(lists[ours], noted)
            return False if long_ago else None
        for call in up:
            people = await self._people(noted, call)
            if people is not False:
                return people
            await self._end(call.sid)
        return False

    async def _call(self, sid: str) -> Seen | None:
        try:
            return await self._rest.fetch(sid)
        except Refused as no:
            if no.status == 404:
                return None
            raise

    def _reaches(self, listed: Sequence[Seen], noted: Noted) -> bool:
        """Whether the list goes back to that moment: Twilio tells the newest first."""
        since = noted.at - SKEW
        whole = len(listed) < LIMIT
        return whole or any(c.created and c.created < since for c in listed)

    def _look(self, noted: Noted, listed: Sequence[Seen]) -> list[Seen]:
        """Calls to that number, by its hash, from that moment on."""
        known = self._record.sids
        found = [
            call
            for call in listed
            if call.created
            and call.created >= noted.at - SKEW
            and known.get(call.sid, noted.call) == noted.call
            and self._record.hashed(call.to) == noted.to
        ]
        for call in found:
            self._record.add(noted.call, sid=call.sid)
        return found

    async def _people(self, noted: Noted, call: Seen) -> bool | None:
        if not noted.people:
            return False
        if noted.taken:
            return True
        legs = await self._rest.find(parent_call_sid=call.sid, limit=20)
        if any(leg.status == "in-progress" for leg in legs):
            return True
        return None  # it waits for them

    async def _end(self, sid: str) -> None:
        try:
            await self._rest.end(sid)
        except Refused as no:
            if no.status not in (400, 404):  # it is over meanwhile
                raise
