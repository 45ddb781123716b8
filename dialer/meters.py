"""What Prometheus is told: figures hung into stores, studio and engine, and served."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from importlib.metadata import version

from dialer.call.conversation import Studio
from dialer.clock import Clock
from dialer.engine import Engine
from dialer.events.counted import Counted
from dialer.events.endpoint import served
from dialer.events.metrics import Metrics, sample
from dialer.events.mqtt import READER
from dialer.evidence.log import READER as EVIDENCE
from dialer.settings import Settings
from dialer.sinks import Kept
from dialer.store.port import StoreDown, Stores
from dialer.trunks.routes import Routes

log = logging.getLogger(__name__)

SAMPLE = 5.0  #: seconds between two looks into storage


def made(settings: Settings) -> Metrics | None:
    """None: nobody asks."""
    return Metrics(version("accord-dialer")) if settings.metrics.listen else None


def counted(stores: Stores, found: Metrics | None, clock: Clock) -> Stores:
    """With a ledger that counts."""
    if found is None:
        return stores
    return replace(stores, ledger=Counted(stores.ledger, found, clock))


def heard(studio: Studio, found: Metrics | None) -> Studio:
    """A studio whose turns are counted."""
    return replace(studio, turned=found.turned) if found else studio


def watch(engine: Engine, lines: int, found: Metrics | None) -> None:
    """Have an engine asked at each scrape."""
    if found is None:
        return
    pool, carrier = engine.desk.studio.pool, engine.desk.carrier
    found.watch_engine(lambda: lines, lambda: pool.waiting, lambda: engine.rendering)
    if isinstance(carrier, Routes):
        found.watch_trunks(carrier.status)


def watch_node(
    studio: Studio,
    lines: Callable[[], int],
    routes: Routes | None,
    found: Metrics | None,
) -> None:
    """As `watch`, for all campaigns of a node together."""
    if found is None:
        return
    found.watch_engine(lines, lambda: studio.pool.waiting, lambda: rendering(studio))
    if routes is not None:
        found.watch_trunks(routes.status)


def rendering(studio: Studio) -> int:
    """Prompts still to be rendered."""
    return studio.prompts.waiting


@asynccontextmanager
async def measured(
    settings: Settings, stores: Stores, clock: Clock, found: Metrics | None
) -> AsyncIterator[None]:
    """Meanwhile Prometheus may ask. A port that is taken costs the figures, not the
    calls."""
    if found is None:
        yield
        return
    host, _, port = settings.metrics.listen.rpartition(":")
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(
                served(host.strip("[]"), int(port), found.registry, clock)
            )
        except OSError:
            there = settings.metrics.listen
            log.warning("metrics: the port is not free", extra={"listen": there})
        readers = (EVIDENCE, *([READER] if settings.events.mqtt.host else []))
        sampling = sampled(found, stores, readers, clock)
        await stack.enter_async_context(Kept(sampling, clock))
        yield


async def sampled(
    found: Metrics, stores: Stores, readers: tuple[str, ...], clock: Clock
) -> None:
    while True:
        try:
            await sample(found, stores.journal, stores.campaigns, readers, clock.now())
        except StoreDown:
            log.warning("metrics: the store cannot be read now")
        await clock.sleep(SAMPLE)
