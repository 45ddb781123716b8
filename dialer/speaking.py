"""What hears and what speaks: the drivers of speech, as the settings name them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dialer.call.conversation import Studio
from dialer.clock import Clock
from dialer.evidence.mask import load_mask
from dialer.planning import library
from dialer.settings import Settings, shipped
from dialer.store import keys
from ivr.intent import ready
from speech.amd import read_phrases
from speech.announcements import read_announcements
from speech.pool import Pool
from speech.port import Recogniser
from speech.prompts import Prompts, Recall, open_prompts
from speech.recognisers.vosk import Vosk
from speech.recognisers.whisper import Whisper

CALLEES = "demo/callees.pack"  # what the demo's callees say, rendered already


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
