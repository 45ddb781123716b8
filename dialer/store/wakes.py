"""LISTEN: what another node stored is looked at at once, and not at the next poll.

The table decides, a notification only wakes: it says nothing but that there is news,
and whoever hears none finds it by polling.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dialer.store.port import StoreError
from dialer.store.work import NEWS

log = logging.getLogger(__name__)

LOOK = 0.5  #: seconds until a listener sees that it shall end
GATHER = 0.1  #: seconds in which more news count as the same
PAUSE = 1.0  #: seconds until it connects again


class Deaf:
    """`port.Wakes` of a database that tells nobody."""

    listening = False

    @asynccontextmanager
    async def heard(self, told: Callable[[], None]) -> AsyncIterator[None]:
        yield


class Listening:
    """`port.Wakes` of a server: one connection more for as long as somebody listens."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self.listening = False

    @asynccontextmanager
    async def heard(self, told: Callable[[], None]) -> AsyncIterator[None]:
        loop, stop = asyncio.get_running_loop(), threading.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(told)

        async with asyncio.TaskGroup() as group:
            ear = asyncio.to_thread(self._listen, stop, tell)
            group.create_task(ear, name="news of the store")
            try:
                yield
            finally:
                stop.set()

    def _listen(self, stop: threading.Event, tell: Callable[[], None]) -> None:
        import psycopg  # only who has a server needs it

        engine = self._engine()
        try:
            while not stop.is_set():
                try:
                    self._session(engine, stop, tell)
                except (psycopg.Error, SQLAlchemyError, StoreError):
                    log.info("store: no news are heard; polling goes on")
                self.listening = False
                stop.wait(PAUSE)
        finally:
            engine.dispose()

    def _session(
        self, engine: Engine, stop: threading.Event, tell: Callable[[], None]
    ) -> None:
        import psycopg

        held = engine.raw_connection()
        try:
            connection = held.driver_connection
            assert isinstance(connection, psycopg.Connection)
            connection.rollback()
            connection.autocommit = True
            connection.execute(f"LISTEN {NEWS}".encode())
            self.listening = True
            tell()  # of what was missed
            while not stop.is_set():
                if list(connection.notifies(timeout=LOOK, stop_after=1)):
                    stop.wait(GATHER)
                    list(connection.notifies(timeout=0))
                    tell()
        finally:
            held.invalidate()
