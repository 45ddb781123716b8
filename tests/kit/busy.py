"""A whole campaign called over the carrier in memory, where everybody is busy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from dialer import planning
from dialer.call.call import Desk, call
from dialer.campaign import retry
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.campaign.file import CampaignFile
from dialer.channels.loopback.callee import Callee
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.clock import SystemClock
from dialer.settings import Settings, shipped
from dialer.store.port import Claimed, Stores
from tests.kit.stores import NODE, allow, personal
from tests.kit.studio import humming

WANTED = CampaignFile.model_validate({"name": "spring", "agency": {"zh": "和信"}})


async def called(
    home: Path,
    stores: Stores,
    clock: SystemClock,
    people: Iterable[int],
    *,
    lines: int,
    ahead: int,
    ring_seconds: float,
) -> None:
    """Until nobody is due. The carrier's own record is HOME/carrier.jsonl."""
    phones = {personal(i).phones[0] for i in people}
    callees = {n: Callee(n, answer="busy", ring_seconds=ring_seconds) for n in phones}
    async with (
        humming(home, clock) as studio,
        LoopbackChannel(callees, clock, record=home / "carrier.jsonl") as channel,
    ):
        desk = Desk(
            stores=stores,
            carrier=channel,
            studio=studio,
            judge=allow,
            terms=planning.terms(
                WANTED,
                planning.offers(Settings(home=home)),
                lambda place: lambda day: False,
            ),
            policy=retry.load_policy(shipped("config") / "retry.toml", {}),
            node=NODE,
            ring_seconds=1.0,
            line=asyncio.Semaphore(lines),
        )

        async def one(claimed: Claimed) -> None:
            await call(claimed, desk)

        pace = Pace(lines, ahead=ahead, poll=0.05)
        await Dispatcher("spring", stores, one, clock, node=NODE, pace=pace).run()
