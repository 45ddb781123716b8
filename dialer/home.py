"""An installation as it lies on disk: its storage, and the lock of who calls from it.
Names the drivers of storage, as `app` names all others."""

from __future__ import annotations

import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Protocol

from dialer.agreements.event import Pen
from dialer.evidence.log import Log
from dialer.settings import Settings
from dialer.store import keys
from dialer.store.port import StoreError, Stores
from dialer.store.postgres import open_postgres
from dialer.store.runner import untold
from dialer.store.sqlite import open_sqlite


class EngineRuns(StoreError):
    """Another process of this installation places calls."""


class Counts(Protocol):
    """What hears of the ledger's commits."""

    def committed(self, size: int, seconds: float, waiting: int) -> None: ...


@asynccontextmanager
async def opened(
    settings: Settings, metrics: Counts | None = None
) -> AsyncIterator[Stores]:
    """Storage of this installation; refuses without a key or before `init`."""
    if not settings.home.is_dir():
        raise StoreError(f"{settings.home}: no installation here; run `dialer init`")
    key = keys.load_key(settings.key_file)
    pens = partial(pen, settings)
    files = settings.vault_db, settings.ledger_db
    told = metrics.committed if metrics else untold
    found, node = settings.store.addresses(), settings.engine.node
    async with (
        open_postgres(found, key, pens, told, node=node)
        if found
        else open_sqlite(*files, key, pens, told)
    ) as stores:
        yield stores


def pen(settings: Settings) -> Pen:
    """What signs agreements: the key of this installation's evidence log."""
    log = Log.open(settings.evidence_folder)
    return Pen(log.key, log.sign)


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the engine's lock; the system frees it however this process ends."""
    path = settings.home / "engine.lock"
    with path.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineRuns(f"{settings.home}: an engine is running here") from None
        yield


def engine_runs(settings: Settings) -> bool:
    """Does some process of this installation place calls now?"""
    try:
        with alone(settings):
            return False
    except EngineRuns:
        return True
