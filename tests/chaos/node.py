"""One node: `python -m tests.chaos.node HOME NAME SECONDS`, its clock off by so many.

The real store, dispatcher, membership and shared trunk caps, and the carrier in memory
with its own record of calls. Nobody answers. Exit code 0: drained; 3: refused or taken
for dead; anything else is a fault.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

from dialer.attempt import IllegalMove
from dialer.call.fresh import fresh
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.channels.loopback.callee import Callee
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.channels.port import Cause, ChannelDown, NoSeat, NotAnswered, Order
from dialer.clock import SystemClock
from dialer.engine import feeding
from dialer.evidence.log import Log
from dialer.model import Case, Disposition, Outcome, Reason, Verdict
from dialer.settings import Engine
from dialer.sharing import Cap, Member, SharedTrunks, member
from dialer.store.address import Address, Addresses
from dialer.store.port import Claimed, Refused, StoreDown, Stores
from tests.kit.stores import served

CAP = Cap(channels=24, per_second=60.0)
LEASE = timedelta(seconds=6)
LINES = 12
REFUSED = 3


def judge(case: Case, now: datetime) -> Verdict:
    """Once a person, and nobody who opted out: what the checker looks for."""
    if case.history or case.flags:
        return Verdict(False, (Reason("once", "a test", "called, or opted out"),))
    return Verdict(True)


def numbers(home: Path) -> dict[str, str]:
    """The phone number of each number token."""
    found: dict[str, str] = json.loads((home / "numbers.json").read_text())
    return found


def addresses(home: Path, name: str = "") -> Addresses:
    """As a node reaches the databases: some by a way that is cut now and then."""
    own = home / f"addresses-{name}.json"
    told = json.loads((own if own.exists() else home / "addresses.json").read_text())
    return Addresses(**{who: Address.parse(who, url) for who, url in told.items()})


def callee(number: str) -> Callee:
    """Somebody who does not pick up, after 0 to 150 ms."""
    return Callee(number, answer="busy", ring_seconds=int(number[-2:]) % 4 / 20)


class Caller:
    """Takes claimed attempts to their end."""

    def __init__(self, stores: Stores, carrier: SharedTrunks, me: Member, name: str):
        self._stores = stores
        self._carrier = carrier
        self._me = me
        self._name = name
        self._phones: dict[str, str] = {}

    def knows(self, phones: dict[str, str]) -> None:
        self._phones = phones

    async def call(self, one: Claimed) -> None:
        ledger, clock = self._stores.ledger, self._me.clock
        number = self._phones[one.contact.numbers[one.number]]
        try:
            async with self._carrier.seat(number, "") as channel:
                before = fresh(clock, clock.elapsed(), lambda: self._me.alive)
                verdict = await ledger.dialing(
                    one.attempt_id, node=self._name, now=clock.now(), judge=judge
                )
                if not verdict.allowed:
                    return
                cause = Cause.FAILED
                try:
                    await before("")
                    order = Order(one.attempt_id, number, 1.0, before=before)
                    async with channel.place(order):
                        raise AssertionError("nobody picks up here")
                except NotAnswered as no:
                    cause = no.cause
                except ChannelDown:
                    cause = Cause.NOT_DIALED  # it stood still
                ended = Outcome(Disposition.BUSY, clock.now(), cause.value)
                await ledger.finish(one.attempt_id, ended)
        except (NoSeat, Refused, IllegalMove):
            return  # others have it, or will

    async def reconcile(self) -> None:
        """The network in memory ends with its process."""
        for attempt in await self._stores.ledger.lost("spring"):
            ended = Outcome(Disposition.UNKNOWN, self._me.clock.now(), "node died")
            try:
                await self._stores.ledger.finish(attempt, ended)
            except IllegalMove:
                continue  # its node has woken up


async def life(home: Path, name: str, wrong_by: float) -> int:
    own = Engine(node=name, beat_seconds=0.3, stale_seconds=2.0, poll_seconds=0.1)
    clock = SystemClock(timedelta(seconds=wrong_by))
    phones = numbers(home)
    callees = {phone: callee(phone) for phone in phones.values()}
    async with (
        served(addresses(home, name), node=name) as stores,
        member(stores, own, clock) as me,
        LoopbackChannel(callees, me.clock, record=home / "carrier.jsonl") as channel,
    ):
        carrier = SharedTrunks(channel, stores.lines, {"": CAP}, name, me.clock)
        caller = Caller(stores, carrier, me, name)
        caller.knows(phones)
        pace = Pace(LINES, ahead=4, poll=0.1, grace=5.0, lease=LEASE)
        dispatcher = Dispatcher(
            "spring", stores, caller.call, me.clock, node=name, pace=pace
        )
        print("up", flush=True)  # noqa: T201 - the test waits for it
        async with asyncio.TaskGroup() as group:
            own_tasks = [
                group.create_task(
                    me.beat(lambda why: dispatcher.stop(), caller.reconcile)
                )
            ]
            if name == "east":
                log = Log.open(home / "evidence")
                own_tasks.append(group.create_task(feeding(log, stores, me.clock)))
            while not me.why:
                await dispatcher.run(wait=True)
                await caller.reconcile()
                await me.clock.sleep(0.2)
            for task in own_tasks:
                task.cancel()
        return REFUSED if "dead" in me.why else 0


def main() -> int:
    home, name, wrong_by = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    try:
        return asyncio.run(life(home, name, wrong_by))
    except* (Refused, StoreDown) as refused:
        print(*refused.exceptions, file=sys.stderr)  # noqa: T201
    return REFUSED


if __name__ == "__main__":
    sys.exit(main())
