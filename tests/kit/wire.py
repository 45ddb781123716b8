"""What is on the wire: packets on loopback, seen by a raw socket (needs root)."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import NamedTuple

ALL = 3  # ETH_P_ALL
HEADER = 14  # of Ethernet
TCP, UDP = 6, 17


class Packet(NamedTuple):
    protocol: int
    source: int
    to: int
    payload: bytes


def packet(frame: bytes) -> Packet | None:
    """An IPv4 packet's ports and payload; None: something else."""
    ip = frame[HEADER:]
    if len(ip) < 20 or ip[0] >> 4 != 4 or ip[9] not in (TCP, UDP):
        return None
    body = ip[4 * (ip[0] & 15) : int.from_bytes(ip[2:4], "big")]
    ends = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
    start = 8 if ip[9] == UDP else 4 * (body[12] >> 4)
    return Packet(ip[9], *ends, body[start:])


@contextlib.contextmanager
def sniffed() -> Iterator[list[Packet]]:
    """All that passes on loopback meanwhile, once each."""
    found, over = list[Packet](), threading.Event()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL)) as raw:
        raw.bind(("lo", 0))
        raw.settimeout(0.1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)

        def look() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    frame, (_, _, kind, *_) = raw.recvfrom(65536)
                    seen = packet(frame) if kind != socket.PACKET_OUTGOING else None
                    if seen:
                        found.append(seen)

        thread = threading.Thread(target=look, name="wire", daemon=True)
        thread.start()
        try:
            yield found
        finally:
            over.set()
            thread.join()
