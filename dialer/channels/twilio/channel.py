"""Calls through one Twilio account: placed over REST, told of by webhooks, their sound
over media streams.

One order is one request, ever. Whether there is a call is known by its answer; else by
a signed webhook or a stream of that call, whichever comes first; else by the list of
calls to that number since that moment; else it is `Unsure`.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from dialer.channels.alive import Alive
from dialer.channels.causes import Causes
from dialer.channels.line import Transferable
from dialer.channels.port import (
    About,
    Cause,
    ChannelDown,
    Line,
    NotAnswered,
    Order,
    Unsure,
)
from dialer.channels.tries import call_id
from dialer.channels.twilio import twiml
from dialer.channels.twilio.bills import Bill, Bills
from dialer.channels.twilio.door import Door, unknown
from dialer.channels.twilio.left import Left
from dialer.channels.twilio.pending import (
    FINAL,
    RANKS,
    Bucket,
    Pending,
    Progress,
    put,
)
from dialer.channels.twilio.placing import Placing, Ways
from dialer.channels.twilio.record import Record
from dialer.channels.twilio.rest import (
    Account,
    Lost,
    Refused,
    Rest,
    account_state,
    reason,
)
from dialer.channels.twilio.stream import Stream
from dialer.clock import Clock

log = logging.getLogger(__name__)

WAIT = 60  #: seconds that people may take to answer
PROMPT = 2.0  #: seconds that ending a call may keep whoever was in it
AFTER = 1.0  #: seconds that the last word on a call may come after we ended it
FRESH = 30.0  #: seconds that an account counts as in order
REMEMBERED = 5000  #: calls that are over, and may still be told of


class TwilioChannel(Alive):
    """A `channels.port.Switch`. Use within `async with`."""

    def __init__(
        self,
        account: Account,
        ways: Ways,
        clock: Clock,
        causes: Causes,
        record: Record,
        billed: Callable[[Bill], None] | None = None,
        *,
        shared: bool = False,
    ) -> None:
        """`shared`: see `left.Left`."""
        self._ways = ways
        self._clock = clock
        self._causes = causes
        self._record = record
        self.rest = Rest(account, clock, ways.patience)
        self.door = Door(ways.address, account, self, clock)
        self.bills = Bills(self.rest, record, clock, billed or (lambda bill: None))
        self._seen = -math.inf  # when the account was last found in order
        self._placing = Placing(
            self.rest,
            record,
            ways,
            causes,
            clock,
            lambda: {pending.known for pending in self._calls.values()},
        )
        self._left = Left(self.rest, record, clock, shared=shared)
        self._calls: dict[str, Pending] = {}
        self._over = OrderedDict[str, Pending]()
        self._group = asyncio.TaskGroup()
        self.trunk = ""

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        async with self.rest, self._group, self.door, self.bills:
            yield

    def lines(self) -> int:
        return self.door.lines()

    async def reachable(self) -> tuple[bool, str]:
        """Whether calls can be placed, and why (not); asked every half minute."""
        if self._clock.elapsed() - self._seen > FRESH:
            there, why = await account_state(self.rest)
            if not there:
                return False, why
            self._seen = self._clock.elapsed()
        return True, "Twilio answers"

    async def left(self, orders: Sequence[Order]) -> Mapping[str, bool]:
        """See `port.Switch`."""
        mine = {pending.order.attempt_id for pending in self._calls.values()}
        found = await self._left.of([o for o in orders if o.attempt_id not in mine])
        for order in orders:
            self.bills.of(call_id(order))
        return found

    @asynccontextmanager
    async def place(self, order: Order) -> AsyncIterator[Line]:
        """NotAnswered. ChannelDown: nothing was sent. Unsure: it may have rung."""
        call = call_id(order)
        if call in self._record.noted:
            log.error("a try that was placed before")
            raise Unsure
        pending = Pending(call, order, self._clock)
        self._calls[call] = pending
        try:
            await self._placing.note(pending)
            placing = self._placing.placed(pending)
            pending.asked = True
            self._group.create_task(placing, name="twilio-place")
            stream = await self._answered(order, pending)
            yield Transferable(stream, partial(self._hand_over, pending))
        finally:
            await self._leave(pending)

    # --- until it is answered

    async def _answered(self, order: Order, pending: Pending) -> Stream:
        begun = self._clock.elapsed()
        await asyncio.wait([pending.sid])
        self._record.add(pending.call, sid=pending.sid.result())
        left = max(0.5, order.ring_seconds - (self._clock.elapsed() - begun))
        try:
            await self._news(pending, left, pending.up)
        except TimeoutError:
            await self._ask(pending)  # what was lost on its way
            if not (pending.up.done() or pending.ended.done()):
                await self._hang_up(pending)
                raise NotAnswered(Cause.NO_ANSWER) from None
        if pending.up.done() and not pending.ended.done():
            self._record.add(pending.call, answered=True)
            try:
                await self._news(pending, self._ways.patience.stream)
            except TimeoutError:
                log.error("answered, and no stream came: is the public address right?")
                await self._hang_up(pending)
                raise NotAnswered(Cause.FAILED) from None
        if pending.coming.done():
            return pending.coming.result()
        ended = pending.ended.result()
        if ended is None:
            raise Unsure
        raise NotAnswered(self._causes.of_status(ended.status, ended.sip))

    async def _news(
        self, pending: Pending, seconds: float, *more: asyncio.Future[Any]
    ) -> None:
        """Wait for the stream, the end, or `more`. TimeoutError. Webhooks get lost, so
        a call that nothing is heard of is asked for."""
        news: list[asyncio.Future[Any]] = [pending.coming, pending.ended, *more]
        async with self._clock.timeout(seconds):
            while not any(one.done() for one in news):
                try:
                    async with self._clock.timeout(self._ways.patience.poll):
                        await asyncio.wait(news, return_when=asyncio.FIRST_COMPLETED)
                except TimeoutError:
                    await self._ask(pending)

    async def _ask(self, pending: Pending) -> None:
        try:
            seen = await self.rest.fetch(pending.known)
        except (Refused, Lost, ChannelDown) as no:
            log.warning("a call cannot be looked at", extra={"why": reason(no)})
        else:
            pending.heard(Progress(seen.sid, seen.status))

    # --- its end

    async def _leave(self, pending: Pending) -> None:
        """End it, whatever it does now; also if its sid is not known yet. Where Twilio
        is slow to end it, the end of the stream does: the apology, and no more."""
        ending = self._hang_up if pending.known else self._end_later
        try:
            if pending.asked and not pending.settled:
                task = self._group.create_task(ending(pending), name="twilio-end")
                if pending.known:
                    async with self._clock.timeout(PROMPT):
                        await asyncio.wait([task])
        except TimeoutError:
            log.warning("hang-up takes its time")
        finally:
            pending.close()
            del self._calls[pending.call]
            self._over[pending.call] = pending
            if len(self._over) > REMEMBERED:
                self._over.popitem(last=False)
            if pending.known:
                self._record.add(pending.call, sid=pending.known)
                if pending.up.done():
                    self._record.add(pending.call, answered=True)
                self.bills.of(pending.call)

    async def _end_later(self, pending: Pending) -> None:
        await asyncio.wait([pending.sid])
        if pending.known:
            self._record.add(pending.call, sid=pending.known)
            await self._placing.end(pending.known)

    async def _hang_up(self, pending: Pending) -> None:
        """End the call; wait a little for Twilio to say that it has."""
        if await self._placing.end(pending.known):
            try:
                async with self._clock.timeout(AFTER):
                    await asyncio.wait([pending.ended])
            except TimeoutError:
                pass  # the webhook may come later

    # --- people

    async def _hand_over(
        self, pending: Pending, to: str, about: About
    ) -> Stream | bool:
        """True: people took it. False: it stayed, or is gone. Or it came back."""
        where = self._ways.people.get(to.removeprefix("queue:"), "")
        if not where or pending.settled:
            log.warning("people: not in the account's table")
            return False
        stream = pending.coming.result()
        pending.again()
        pending.about = None if where.startswith("sip") else about
        address = self._ways.address
        people = twiml.People(
            where,
            taken=address.of(pending.call, f"taken{pending.turn}"),
            after=address.of(pending.call, f"after{pending.turn}"),
            caller_id=pending.order.caller_id,
            wait=WAIT,
        )
        document = twiml.hand_over(people, pending.order.attempt_id, about)
        self._record.add(pending.call, people=True)
        try:
            await self.rest.redirect(pending.known, document)
        except (Refused, Lost, ChannelDown) as no:
            log.warning("people: not asked", extra={"why": reason(no)})
            if isinstance(no, Lost):  # perhaps it went: then its stream stops
                await self._clock.sleep(AFTER)
            if not stream.over:
                pending.stayed()
                self._record.add(pending.call, people=False)
                return False
        try:
            await self._news(pending, WAIT + AFTER, pending.taken)
        except TimeoutError:
            return False
        if pending.taken.done():
            return True
        self._record.add(pending.call, people=False)
        return pending.coming.result() if pending.coming.done() else False

    # --- told by the door

    def bucket(self, call: str) -> Bucket | None:
        pending = self._calls.get(call) or self._over.get(call)
        return pending.bucket if pending else None

    def claim(self, stream: Stream, call_sid: str, token: str) -> bool:
        for pending in self._calls.values():
            if token and pending.token == token:
                return pending.claim(stream, call_sid)
        return False

    def told(self, call: str, kind: str, said: Mapping[str, str]) -> str:
        pending = self._calls.get(call) or self._over.get(call)
        if pending is None:
            return unknown(kind)
        match kind:
            case "status":
                self._status(pending, said)
            case "machine":
                found = self._causes.answered_by(said.get("AnsweredBy", ""))
                if found and pending.adopt(said.get("CallSid", "")):
                    pending.machine(found)
            case _ if kind == f"taken{pending.turn}":
                self._taken(pending)
                if pending.about:
                    return twiml.whisper(pending.about, self._ways.takers)
                return twiml.nothing()
            case _ if kind == f"after{pending.turn}":
                return self._after(pending, said)
            case _:
                return unknown(kind)
        return ""

    def _status(self, pending: Pending, said: Mapping[str, str]) -> None:
        number = said.get("SequenceNumber", "")
        word = Progress(
            said.get("CallSid", ""),
            said.get("CallStatus", ""),
            said.get("SipResponseCode", ""),
            int(number) if number.isascii() and number.isdecimal() else None,
        )
        wanted = pending.call in self._calls
        if wanted:
            pending.heard(word)
        stray = word.sid != pending.known or not wanted
        up = RANKS.get(word.status, FINAL) < FINAL
        if stray and up and not pending.taken.done():
            self._group.create_task(self._placing.end(word.sid), name="twilio-stray")

    def _taken(self, pending: Pending) -> None:
        if pending.turn and pending.call in self._calls:
            put(pending.taken, None)
            self._record.add(pending.call, taken=True)

    def _after(self, pending: Pending, said: Mapping[str, str]) -> str:
        """People are done with the callee, or none of them took the call."""
        if said.get("DialCallStatus") in ("completed", "answered"):
            self._taken(pending)
        if pending.settled or pending.call not in self._calls:
            return twiml.hang_up()
        talk = twiml.Talk(self._ways.address.stream, pending.token)
        return twiml.talk(talk, self._ways.apology)
