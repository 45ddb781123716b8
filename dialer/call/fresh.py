"""A call is placed right after the ledger has let it dial, or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dialer.channels.port import ChannelDown
from dialer.clock import Clock

FRESH = 5.0  #: seconds from asking to dial until a try goes out


def fresh(
    clock: Clock, asked: float, alive: Callable[[], bool] = lambda: True
) -> Callable[[str], Awaitable[None]]:
    """For `Order.before`. asked: when the ledger was asked, by the stopwatch. alive:
    whether this node may still act on what it was told. A process that was frozen in
    between notices here: others may have given the attempt up by now, or the callee
    may have said stop."""

    async def before(trunk: str) -> None:
        if clock.elapsed() - asked > FRESH:
            raise ChannelDown("too late: this process stood still")
        if not alive():
            raise ChannelDown("too late: others may have taken this node for dead")

    return before
