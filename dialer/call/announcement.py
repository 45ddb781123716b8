"""What the network said in words or tones before a call failed, as a cause."""

from __future__ import annotations

import logging
from collections.abc import Collection

from dialer.call.conversation import Studio
from dialer.channels.port import Cause, NotAnswered
from speech.announcements import Kind, listen
from speech.port import SpeechError

log = logging.getLogger(__name__)

#: A suspended number is as good as none: who owes its operator may lose it for good.
CAUSES: dict[Kind, Cause] = {
    Kind.UNALLOCATED: Cause.UNALLOCATED,
    Kind.SUSPENDED: Cause.UNALLOCATED,
    Kind.POWERED_OFF: Cause.NO_ANSWER,
    Kind.OUT_OF_COVERAGE: Cause.NO_ANSWER,
    Kind.UNREACHABLE: Cause.NO_ANSWER,
    Kind.BUSY: Cause.BUSY,
    Kind.UNANSWERED: Cause.NO_ANSWER,
    Kind.CONGESTION: Cause.CONGESTION,
    Kind.BARRED: Cause.FAILED,
}

#: Network causes that say little: many networks answer 480 or 503 to all. What a
#: person did (declined) and what is final already stand, whatever is played.
LOOSE = frozenset({Cause.BUSY, Cause.NO_ANSWER, Cause.CONGESTION, Cause.FAILED})


def agreed(network: Cause, kinds: Collection[Kind]) -> Cause:
    """The one cause of all kinds heard; unsure, or nothing heard: the network's."""
    causes = {CAUSES[kind] for kind in kinds}
    return causes.pop() if network in LOOSE and len(causes) == 1 else network


async def explained(
    no: NotAnswered, language: str, studio: Studio
) -> tuple[Cause, dict[str, str]]:
    """The cause, and the fact `announcement` where one was heard."""
    if not no.early or no.cause not in LOOSE:
        return no.cause, {}
    words = (language, studio.recogniser, studio.announcements)
    try:
        kinds = await studio.pool.run(listen, no.early, *words)
    except SpeechError as error:  # PoolFull is one: people who talk come first
        log.warning("announcement not heard", extra={"why": type(error).__name__})
        return no.cause, {}
    told = ",".join(sorted(kinds))
    return agreed(no.cause, kinds), {"announcement": told} if told else {}
