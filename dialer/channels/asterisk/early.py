"""What the network plays before a call is answered: announcements, tones.

Whatever would send us an unanswered call's own sound answers it (AudioSocket does, and
so does Originate's EarlyMedia). So when Asterisk says that sound has begun (DialState
PROGRESS: a 180 or 183 with SDP), a second leg comes to us that only listens in
(ChanSpy), and ends with the call or with our socket. Calls without early media cost
nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from uuid import UUID, uuid5

from dialer.channels.asterisk.ami import Message
from dialer.channels.asterisk.link import Link, LinkLost
from dialer.channels.asterisk.media import Media, Sound
from dialer.channels.port import Audio, ChannelDown, NotAnswered
from dialer.clock import Clock

log = logging.getLogger(__name__)

CONTEXT = "accord-early"
TAIL = 0.5  #: seconds that the end of the sound may come after the end of the call


class Early:
    """Listens in on the calls of one channel; `group` owns its tasks."""

    def __init__(
        self, link: Link, media: Media, clock: Clock, group: asyncio.TaskGroup
    ) -> None:
        self._link = link
        self._media = media
        self._clock = clock
        self._group = group
        self._quiet = set[str]()  # calls of which no sound has come

    @contextlib.asynccontextmanager
    async def during(self, call: UUID) -> AsyncIterator[None]:
        """Until the call is answered. A NotAnswered that leaves the block gets what
        was heard, at most the last 30 s."""
        self._quiet.add(str(call))
        with self._media.awaited(_name(call)) as coming:
            try:
                yield
            except NotAnswered as no:
                raise NotAnswered(no.cause, await self._sound(coming)) from None
            finally:
                self._quiet.discard(str(call))

    async def _sound(self, coming: asyncio.Future[Sound]) -> bytes:
        found = list[bytes]()
        if coming.done():
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(TAIL):
                    async for heard in coming.result().hear():
                        if isinstance(heard, Audio):
                            found.append(heard.pcm)
        return b"".join(found)

    def heard(self, message: Message) -> None:
        """Take a DialState event."""
        call = message.get("DestUniqueid")
        if message.get("DialStatus") == "PROGRESS" and call in self._quiet:
            self._quiet.discard(call)
            self._group.create_task(self._listen(UUID(call)), name="early media")

    async def _listen(self, call: UUID) -> None:
        host, port = self._media.address
        name = str(_name(call))
        headers = [
            ("Channel", f"AudioSocket/{host}:{port}/{name}/c(slin)"),
            *(("Context", CONTEXT), ("Exten", "s"), ("Priority", "1")),
            *(("Async", "true"), ("ChannelId", name)),
        ]
        try:
            await self._link.ask("Originate", headers, [("ACCORD_CALL", str(call))])
        except (ChannelDown, LinkLost):
            log.warning("early media not heard")


def _name(call: UUID) -> UUID:
    """Of the leg that listens in."""
    return uuid5(call, "early")
