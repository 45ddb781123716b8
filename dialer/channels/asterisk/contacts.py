"""Whether a carrier answers the OPTIONS of an Asterisk (`qualify_frequency`).

Asked by PJSIPShowEndpoint: PJSIPShowContacts of 22.10 lists registered contacts only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dialer.channels.asterisk.ami import Message


class Peer(NamedTuple):
    """One carrier's address. ms: the round trip of OPTIONS; None: no answer."""

    status: str
    ms: float | None

    @property
    def there(self) -> bool:
        """What is not asked (`NonQualified`) or not asked yet counts as there."""
        return self.status != "Unreachable"


def peers(messages: Iterable[Message]) -> list[Peer]:
    """Of the events that PJSIPShowEndpoint gives."""
    return [
        peer(message) for message in messages if message.event == "ContactStatusDetail"
    ]


def peer(message: Message) -> Peer:
    status, micros = message.get("Status"), message.get("RoundtripUsec")
    there = status == "Reachable" and micros.isdecimal()
    return Peer(status, int(micros) / 1000 if there else None)
