"""A real Asterisk with the dialplan that we ship; behind it SIPp is the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dialer.channels.asterisk.link import Login
from tests.kit import asterisk, sipp
from tests.kit.asterisk import Asterisk

SHIPPED = Path(__file__).parents[1] / "config"


@contextmanager
def network(calls: int, deaths: list[int] | None = None) -> Iterator[Asterisk]:
    """It has trunks `answers`, where the far end echoes and waits for our hang-up, and
    `busy`, which says 486 at once. `calls`: how many may be up together; `deaths`: see
    `asterisk.running`."""
    with (
        sipp.running(sipp.answers()) as answers,
        sipp.running(sipp.refuses("486 Busy Here")) as busy,
    ):
        trunks = asterisk.endpoint("answers", answers, "accord-in", match=False)
        trunks += asterisk.endpoint("busy", busy, "accord-in", match=False)
        files = {
            "extensions.conf": (SHIPPED / "asterisk" / "extensions.conf").read_text(),
            "pjsip.conf": trunks,
        }
        with asterisk.running(
            files, sip=asterisk.free_udp(), calls=calls, deaths=deaths
        ) as there:
            yield there


def login(there: Asterisk) -> Login:
    return Login("127.0.0.1", there.ami, "accord", asterisk.SECRET)
