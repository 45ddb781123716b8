"""A call is asked for once, and known whatever becomes of the answer."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from dialer.channels.causes import Causes
from dialer.channels.port import ChannelDown, NotAnswered, Unsure
from dialer.channels.twilio import twiml
from dialer.channels.twilio.door import Address
from dialer.channels.twilio.pending import Pending
from dialer.channels.twilio.record import Noted, Record
from dialer.channels.twilio.rest import (
    Lost,
    Patience,
    Refused,
    Rest,
    Wanted,
    reason,
)
from dialer.clock import Clock

log = logging.getLogger(__name__)

LIMIT = 1800  #: seconds after which Twilio ends a call by itself
SKEW = timedelta(seconds=5)  #: of Twilio's clock against ours


@dataclass(frozen=True, slots=True)
class Ways:
    """What an account's table says beside its credentials."""

    address: Address
    apology: Sequence[twiml.Words]
    people: Mapping[str, str]  # hand_over_to -> SIP address, number or queue
    takers: Mapping[str, twiml.Told] = field(default_factory=dict)  # are told first
    machine: str = ""  # MachineDetection; empty: not asked for
    patience: Patience = Patience()  # noqa: RUF009 - it is frozen


class Placing:
    """known: the sids of calls that are accounted for."""

    def __init__(
        self,
        rest: Rest,
        record: Record,
        ways: Ways,
        causes: Causes,
        clock: Clock,
        known: Callable[[], set[str]],
    ) -> None:
        self._rest = rest
        self._record = record
        self._ways = ways
        self._causes = causes
        self._clock = clock
        self._known = known

    async def note(self, pending: Pending) -> None:
        order, at = pending.order, self._clock.now()
        to = self._record.hashed(order.number)
        noted = Noted(
            pending.call, order.attempt_id, order.trunk, at, order.caller_id, to
        )
        try:
            await self._record.place(noted)
        except OSError as error:
            log.error("the record of calls cannot be written: no call is placed")
            raise ChannelDown("the record of calls cannot be written") from error

    async def placed(self, pending: Pending) -> None:
        """Ask for the call, once; its sid, or why there is none, is in `pending`. It
        goes on when nobody wants the call any more: it must be ended then."""
        try:
            sid = await self._rest.create(self._wanted(pending))
        except Refused as no:
            log.warning("call refused", extra={"why": reason(no)})
            cause = self._causes.refused(no.code)
            self._none(pending, NotAnswered(cause))
        except ChannelDown as down:
            self._none(pending, down)
        except Lost:
            log.warning("the answer to a call's request was lost: looking for the call")
            await self._look_for(pending)
        else:
            await self._is(pending, sid)
        finally:
            self._none(pending, Unsure())  # unless it is known by now

    def _wanted(self, pending: Pending) -> Wanted:
        order, address = pending.order, self._ways.address
        talk = twiml.Talk(address.stream, pending.again())
        return Wanted(
            to=order.number,
            caller_id=order.caller_id,
            twiml=twiml.talk(talk, self._ways.apology),
            status_url=address.of(pending.call, "status"),
            ring_seconds=max(1, math.ceil(order.ring_seconds)),
            limit_seconds=LIMIT,
            machine=self._ways.machine,
            machine_url=address.of(pending.call, "machine"),
        )

    def _none(self, pending: Pending, why: Exception) -> None:
        if not pending.sid.done():
            pending.sid.set_exception(why)
            pending.sid.exception()  # it may be that nobody asks

    async def _is(self, pending: Pending, sid: str) -> None:
        """This is its call. Any other of this order must not go on."""
        if not pending.adopt(sid):
            log.error("two calls for one order: one is ended")
            await self.end(sid)

    async def _look_for(self, pending: Pending) -> None:
        """In what Twilio lists, unless a webhook or the stream is sooner."""
        for pause in self._ways.patience.looks:
            if pending.sid.done() or await self._found(pending):
                return
            await self._clock.sleep(pause)
        if not pending.sid.done():
            await self._found(pending)

    async def _found(self, pending: Pending) -> bool:
        order = pending.order
        since = self._record.noted[pending.call].at - SKEW
        try:
            listed = await self._rest.find(
                to=order.number, from_=order.caller_id, limit=20
            )
        except (Refused, Lost, ChannelDown):
            return False
        mine = self._known() | self._record.sids.keys()
        new = [
            call
            for call in listed
            if call.created and call.created >= since and call.sid not in mine
        ]
        for call in new:
            await self._is(pending, call.sid)
        return bool(new)

    async def end(self, sid: str) -> bool:
        try:
            await self._rest.end(sid)
        except Refused:
            return False  # it is over
        except (Lost, ChannelDown) as no:  # its apology and its time limit end it
            log.warning("hang-up not confirmed", extra={"why": reason(no)})
            return False
        return True
