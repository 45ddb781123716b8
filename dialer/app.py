"""The only file that names drivers: settings in, an engine out."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

from dialer.call.call import Desk, call
from dialer.call.conversation import Studio
from dialer.call.facts import OfferRule, Terms
from dialer.campaign import retry
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.campaign.file import CampaignFile, parse
from dialer.campaign.plan import Summary
from dialer.channels.loopback.callee import Callee
from dialer.channels.loopback.callees import load_callees
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.clock import Clock
from dialer.compliance import packs
from dialer.compliance.gate import make_judge
from dialer.contacts import importer
from dialer.contacts.rules import load_rules
from dialer.evidence.log import Log
from dialer.evidence.mask import load_mask
from dialer.model import Judge
from dialer.settings import Settings, shipped
from dialer.store import keys
from dialer.store.port import (
    Campaign,
    Claimed,
    Refused,
    StoreDown,
    StoreError,
    Stores,
)
from dialer.store.sqlite import open_sqlite
from ivr.intent import ready
from ivr.library import Library, load_library
from speech.amd import read_phrases
from speech.announcements import read_announcements
from speech.pool import Pool
from speech.port import Recogniser
from speech.prompts import Prompts, Recall, open_prompts
from speech.recognisers.vosk import Vosk
from speech.recognisers.whisper import Whisper

log = logging.getLogger(__name__)

CALLEES = "demo/callees.pack"  # what the demo's callees say, rendered already


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Stores]:
    """Storage of this installation; refuses without a key or before `init`."""
    if not settings.home.is_dir():
        raise StoreError(f"{settings.home}: no installation here; run `dialer init`")
    key = keys.load_key(settings.key_file)
    async with open_sqlite(settings.vault_db, settings.ledger_db, key) as stores:
        yield stores


def judge(settings: Settings, today: date) -> Judge:
    """The gate with this installation's packs and holidays, as in force `today`."""
    own = settings.compliance
    book = packs.load(
        shipped("config"),
        today=today,
        packs=Path(own.packs) if own.packs else None,
        holidays=Path(own.holidays) if own.holidays else None,
    )
    return make_judge(book)


async def import_contacts(
    settings: Settings, stores: Stores, path: Path, who: str, clock: Clock
) -> importer.Report:
    """Import a file under its own column names, without progress."""
    order = importer.Order(path, who, settings.home / "import", {})
    rules = load_rules(shipped("config") / "import.toml")
    return await importer.import_file(
        order, stores, rules, now=clock.now(), progress=lambda done, total: None
    )


async def create_campaign(
    stores: Stores, wanted: CampaignFile, clock: Clock
) -> Campaign:
    """Store a checked campaign file; the name must be new."""
    made = Campaign(
        str(uuid4()), wanted.name, "created", wanted.canonical(), clock.now()
    )
    return await stores.campaigns.create(made)


async def plan(
    settings: Settings, stores: Stores, name: str, clock: Clock, *, commit: bool
) -> Summary:
    """Judge every contact of the campaign; with `commit`, create its attempts."""
    found = await stores.campaigns.get(name)
    wanted = parse(found.settings)
    summary = Summary()
    chunks = stores.campaigns.plan(
        found.campaign_id,
        wanted.batches,
        judge=judge(settings, clock.now().date()),
        now=clock.now(),
        commit=commit,
    )
    async for chunk in chunks:
        summary.add(chunk)
    return summary


# --- one engine a home


class EngineRuns(StoreError):
    """Another process of this installation places calls."""


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
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
        with _alone(settings):
            return False
    except EngineRuns:
        return True


# --- speech


def recogniser(settings: Settings) -> Recogniser:
    """The one the settings name, loaded."""
    folder = settings.models_folder
    if settings.speech.recogniser == "vosk":
        return Vosk.load(
            {
                "zh": folder / settings.speech.vosk_zh,
                "en": folder / settings.speech.vosk_en,
            }
        )
    return Whisper.load(folder)


def library() -> Library:
    """What we can say, checked whole."""
    return load_library(shipped("templates"))


@asynccontextmanager
async def prompts(
    settings: Settings, recall: Recall | None = None
) -> AsyncIterator[Prompts]:
    """The voices and their cache; clips with personal words are sealed."""
    key = keys.load_key(settings.key_file)
    async with open_prompts(
        settings.prompts_folder,
        settings.models_folder,
        settings.speech.voices,
        settings.speech.pace,
        sealed=settings.home / "vault" / "prompts",
        seal=keys.sealer(key),
        recall=recall,
        packs=(shipped("templates") / "prompts.pack", shipped("config") / CALLEES),
    ) as found:
        yield found


@asynccontextmanager
async def studio(
    settings: Settings, clock: Clock, recall: Recall | None = None
) -> AsyncIterator[Studio]:
    """All that conversations share. `recall` learns what we can say, for callees in
    memory."""
    loaded = await asyncio.to_thread(recogniser, settings)
    await asyncio.to_thread(ready, "zh", "en")  # else the first turn would pay for it
    async with (
        Pool(settings.speech.workers, settings.speech.waiting) as pool,
        prompts(settings, recall) as spoken,
    ):
        yield Studio(
            library=library(),
            prompts=spoken,
            recogniser=loaded,
            pool=pool,
            mask=load_mask(shipped("config") / "masks.toml"),
            clock=clock,
            machine_words=read_phrases(
                shipped("templates") / "lexicon" / "machine.toml"
            ),
            announcements=read_announcements(
                shipped("templates") / "lexicon" / "announcements.toml"
            ),
            end_of_turn_ms=settings.call.end_of_turn_ms,
            silence_budget=settings.call.silence_budget_seconds,
            max_seconds=settings.call.max_seconds,
        )


# --- the engine


def terms(wanted: CampaignFile) -> Terms:
    """What a campaign file says about its calls."""
    offers = tuple(
        OfferRule(o.name, o.months, o.discount_percent) for o in wanted.offers
    )
    return Terms(
        wanted.agency,
        wanted.script,
        wanted.product,
        offers,
        wanted.caller_id,
        wanted.hand_over_to,
    )


@dataclass
class Engine:
    """One campaign being called by this process."""

    dispatcher: Dispatcher
    desk: Desk
    log: Log
    campaign: Campaign
    _paused: bool = False

    @property
    def rendering(self) -> int:
        """Prompts still to be rendered."""
        return self.desk.studio.prompts.waiting

    def pause(self) -> None:
        """No new calls; the campaign will be left `paused`. Callable from a signal."""
        self._paused = True
        self.dispatcher.stop()

    async def run(self, *, wait: bool = False) -> None:
        """Call until nothing is due; the evidence log is fed on the way."""
        stores, clock = self.desk.stores, self.desk.studio.clock
        await stores.ledger.rescue(clock.now(), self.desk.node)
        try:
            async with asyncio.TaskGroup() as group:
                feed = group.create_task(self._feed(), name="evidence")
                await self.dispatcher.run(wait=wait)
                feed.cancel()
        finally:
            await self._settle(stores, clock)

    async def _feed(self) -> None:
        while True:
            try:
                await self.log.append(self.desk.stores.journal)
            except (StoreDown, StoreError, OSError):
                log.exception("evidence log: not appended")  # calls go on
            await self.desk.studio.clock.sleep(2.0)

    async def _settle(self, stores: Stores, clock: Clock) -> None:
        found = await stores.campaigns.status(self.campaign.campaign_id)
        running = found.campaign.state == "running"
        if running and self._paused:
            await stores.campaigns.set_state(
                self.campaign.campaign_id, "paused", clock.now()
            )
        elif running and not set(found.phases) - {"done"}:
            await stores.campaigns.set_state(
                self.campaign.campaign_id, "done", clock.now()
            )
        await self.log.append(stores.journal)


@asynccontextmanager
async def engine(
    settings: Settings,
    stores: Stores,
    found: Campaign,
    clock: Clock,
    *,
    lines: int | None = None,
    callees: Mapping[str, Callee] | None = None,
    witness: Path | None = None,
) -> AsyncIterator[Engine]:
    """Open all that one campaign's calls need, and hold this home's engine lock.

    `callees` stand in for the campaign's own folder of them; `witness` is where the
    carrier in memory keeps its own record of calls placed.
    """
    wanted = parse(found.settings)
    if callees is None:
        callees = _callees(wanted, settings)
    recall = Recall()
    with _alone(settings):
        async with (
            studio(settings, clock, recall) as shared,
            LoopbackChannel(
                callees, clock, understands=recall.text, record=witness
            ) as channel,
        ):
            await channel.prepare(shared.prompts)
            count = lines or wanted.lines
            desk = Desk(
                stores=stores,
                channel=channel,
                studio=replace(shared, hand_over_to=wanted.hand_over_to),
                judge=judge(settings, clock.now().date()),
                terms=terms(wanted),
                policy=retry.load_policy(
                    shipped("config") / "retry.toml", _retries(wanted)
                ),
                node=settings.engine.node,
                ring_seconds=settings.engine.ring_seconds,
                line=asyncio.Semaphore(count),
            )

            async def one(claimed: Claimed) -> None:
                await call(claimed, desk)

            pace = Pace(
                lines=count,
                ahead=count,
                poll=settings.engine.poll_seconds,
                grace=settings.engine.grace_seconds,
                lease=timedelta(seconds=settings.engine.lease_seconds),
            )
            dispatcher = Dispatcher(
                found.campaign_id,
                stores,
                one,
                clock,
                node=settings.engine.node,
                pace=pace,
            )
            log = Log.open(settings.evidence_folder)
            settle()
            yield Engine(dispatcher, desk, log, found)


def settle() -> None:
    """Spare the garbage collector what is loaded: it will stay, and to look through it
    again takes 100 ms, in the middle of somebody's call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


def _retries(wanted: CampaignFile) -> Mapping[str, tuple[float, int]]:
    return {k: (r.after_minutes, r.times) for k, r in wanted.retry.items()}


def _callees(wanted: CampaignFile, settings: Settings) -> Mapping[str, Callee]:
    if not wanted.callees:
        raise Refused(
            'channel = "loopback" needs `callees`, a folder of callees, in the '
            "campaign file: there is no other end in memory to call"
        )
    return load_callees(
        Path(wanted.callees), engine_voices=settings.speech.voices.values()
    )
