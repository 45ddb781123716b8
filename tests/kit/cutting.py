"""A way to the database that is cut at COMMIT: before it, or before its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto

COMMIT = b"COMMIT\0"


class Cut(Enum):
    NOT = auto()
    BEFORE = auto()  # the server never hears of it
    AFTER = auto()  # it is done, and nobody is told


class Cutter:
    """`decide` says for each COMMIT what becomes of it."""

    def __init__(self, to: int, decide: Callable[[], Cut]) -> None:
        self._to = to
        self._decide = decide
        self.port = 0
        self.cuts = list[Cut]()
        self._ends = set[asyncio.StreamWriter]()

    def close(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def accepted(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:  # the server is down
            writer.transport.abort()
            return
        silent = asyncio.Event()

        async def forth() -> None:
            while data := await reader.read(65536):
                cut = self._decide() if COMMIT in data else Cut.NOT
                if cut is not Cut.NOT:
                    self.cuts.append(cut)
                    silent.set()  # from here on the client hears nothing
                    if cut is Cut.AFTER:
                        back.write(data)
                        await back.drain()
                        return  # `answers` cuts when the server has answered
                    back.transport.abort()
                    writer.transport.abort()
                    return
                back.write(data)
                await back.drain()
            back.close()

        async def answers() -> None:
            while data := await there.read(65536):
                if silent.is_set():
                    writer.transport.abort()
                    back.close()
                    return
                writer.write(data)
                await writer.drain()
            writer.close()

        self._ends |= {writer, back}
        try:
            with suppress(OSError):
                await asyncio.gather(forth(), answers())
        finally:
            for end in (writer, back):
                end.transport.abort()
                self._ends.discard(end)


@asynccontextmanager
async def cutting(to: int, decide: Callable[[], Cut]) -> AsyncIterator[Cutter]:
    made = Cutter(to, decide)
    server = await asyncio.start_server(made.accepted, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield made
        finally:
            made.close()
