"""A studio whose prompts are hums: for conversations in the test's own time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from dialer.call.conversation import Studio
from dialer.clock import Clock
from dialer.evidence.mask import load_mask
from dialer.settings import shipped
from speech.pool import Pool
from speech.port import Hearing
from speech.prompts import open_prompts
from tests.speech.test_prompts import hum
from tests.templates.cases import library

VOICES = {"en": "hibari:hum", "zh": "hibari:hum"}
MASK = load_mask(shipped("config") / "masks.toml")


class Deaf:
    """A recogniser that nobody speaks to."""

    languages = frozenset({"zh", "en"})
    streaming = False

    def open(self, language: str, phrases: Sequence[str] = ()) -> Hearing:
        raise AssertionError("nobody spoke")


@asynccontextmanager
async def humming(folder: Path, clock: Clock) -> AsyncIterator[Studio]:
    async with (
        Pool(1, 4) as pool,
        open_prompts(folder, folder, VOICES, {}, opener=hum) as prompts,
    ):
        yield Studio(
            library=library(),
            prompts=prompts,
            recogniser=Deaf(),
            pool=pool,
            mask=MASK,
            clock=clock,
            machine_words={},
        )
