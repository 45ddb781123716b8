"""GET /metrics, and nothing else, on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from dialer.clock import Clock

LARGEST = 8192  #: bytes of a request's head
PATIENCE = 5.0  #: seconds for it to come
BAD = b"HTTP/1.1 %d %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def answer(head: bytes, registry: CollectorRegistry) -> bytes:
    """To the head of a request (up to the empty line)."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return BAD % (400, b"Bad Request")
    if words[0] != "GET":
        return BAD % (405, b"Method Not Allowed")
    if words[1].partition("?")[0] != "/metrics":
        return BAD % (404, b"Not Found")
    headers = dict(line.lower().partition(":")[::2] for line in lines if ":" in line)
    encode, kind = choose_encoder(headers.get("accept", ""))
    body = encode(registry)
    told = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{told}Connection: close\r\n\r\n".encode() + body


@asynccontextmanager
async def served(
    host: str,
    port: int,
    registry: CollectorRegistry,
    clock: Clock,
) -> AsyncIterator[int]:
    """-> the port. OSError: it cannot be listened on."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(
            TimeoutError,
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ):
            async with clock.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(answer(head, registry))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(one, host, port, limit=LARGEST)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
