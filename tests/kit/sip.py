"""A SIP peer that says one thing to every call, where an Asterisk cannot say it."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator

COPIED = re.compile(
    rb"^(?:Via|From|To|Call-ID|CSeq):.*\r\n", re.MULTILINE | re.IGNORECASE
)


def answer(request: bytes, status: str) -> bytes:
    """The response to an INVITE or OPTIONS (RFC 3261 section 8.2.6); empty: none."""
    method = request.split(b" ", 1)[0]
    if method not in (b"INVITE", b"OPTIONS"):
        return b""
    said = status if method == b"INVITE" else "200 OK"
    headers = b"".join(
        line[:-2] + b";tag=peer\r\n" if line[:3].lower() == b"to:" else line
        for line in COPIED.findall(request)
    )
    return f"SIP/2.0 {said}\r\n".encode() + headers + b"Content-Length: 0\r\n\r\n"


@contextlib.contextmanager
def peer(status: str) -> Iterator[int]:
    """-> its UDP port on loopback"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        port: int = end.getsockname()[1]

        def serve() -> None:
            while True:
                request, whence = end.recvfrom(65536)
                if not request:
                    return
                if response := answer(request, status):
                    end.sendto(response, whence)

        thread = threading.Thread(target=serve, name="sip peer", daemon=True)
        thread.start()
        try:
            yield port
        finally:
            end.sendto(b"", ("127.0.0.1", port))
            thread.join()
