"""Spoken texts, rendered once and kept: what a live call says is already sound.

async with open_prompts(folder, models, voices, pace) as prompts:
    await prompts.prepare("zh", texts)
    clip = prompts.get("zh", texts[0])
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from speech.port import ModelMissing, SpeechError
from speech.stretch import stretched
from speech.voices import clips, pace, roster
from speech.voices.clips import Clip
from speech.voices.recall import Recall
from speech.voices.render import Band, Job, Opener, Renderer, open_renderer
from speech.voices.shelf import Seal, Shelf

__all__ = ["Clip", "Progress", "Prompts", "Recall", "open_prompts"]

WORKERS = 2
MEMORY = 128 * 1024 * 1024  #: bytes of pcm held ready; the rest waits on disk
Progress = Callable[[int, int], None]  #: texts ready, texts asked for


class Prompts:
    """A content-addressed cache of clips: one file each, named by the SHA-256 of
    voice, model version, pace and text. Opened by `open_prompts`."""

    def __init__(
        self,
        shelf: Shelf,
        models: Path,
        voices: Mapping[str, str],
        band: Mapping[str, Band],
        renderer: Renderer,
        recall: Recall | None,
    ) -> None:
        self._shelf = shelf
        self._models = models
        self._voices = dict(voices)
        self._band = dict(band)
        self._renderer = renderer
        self._recall = recall
        self._ready: OrderedDict[str, Clip] = OrderedDict()
        self._bytes = 0
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._counted: set[str] = set()
        self._units: dict[str, int] = defaultdict(int)
        self._seconds: dict[str, float] = defaultdict(float)
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Texts being rendered now, or waiting for it."""
        return self._waiting

    def get(self, language: str, text: str, *, voice: str = "") -> Clip | None:
        """The clip, at once, or None where it was never prepared.

        Memory first, then one small read from disk (well under a millisecond).
        `voice` is another than the language's own, at its natural pace.
        """
        job, name = self._job(language, text, voice)
        if name in self._ready:
            self._ready.move_to_end(name)
            return self._ready[name]
        clip = self._shelf.load(name, pace.units(language, text))
        if clip is not None:
            self._remember(name, clip, job)
        return clip

    async def slower(self, language: str, text: str, times: float) -> Clip | None:
        """A clip that is ready, stretched to last `times` as long at the same pitch;
        None where it was never prepared. A few milliseconds, in a thread."""
        clip, name = self.get(language, text), self.key(language, text)
        if clip is None:
            return None
        name = f"{name} {times}"
        if name not in self._ready:
            pcm = await asyncio.to_thread(stretched, clip.pcm, times)
            self._hold(name, Clip(pcm, clip.units, pace.speech_seconds(pcm)))
            if self._recall is not None:
                self._recall.learn(pcm, text)
        return self._ready.get(name)

    def key(self, language: str, text: str, *, voice: str = "") -> str:
        """The name a clip is kept under."""
        return self._job(language, text, voice)[1]

    async def prepare(
        self,
        language: str,
        texts: Iterable[str],
        progress: Progress | None = None,
        *,
        voice: str = "",
        personal: Collection[str] = (),
    ) -> None:
        """Make every text ready; render what the folder lacks, each only once even
        when several callers ask. Raises ModelMissing at once, any other SpeechError
        after the rest is done. `progress` is called after each text. `personal`
        texts are kept sealed, or in memory only where there is no seal.
        """
        wanted = list(dict.fromkeys(texts))
        problems: dict[str, None] = {}
        waiting = iter(wanted)
        done = 0

        async def work(waiting: Iterator[str]) -> None:
            nonlocal done
            for text in waiting:
                secret = text in personal
                problem = await self._attempt(language, text, voice, secret)
                done += 1
                if problem:
                    problems[problem] = None
                if progress is not None:
                    progress(done, len(wanted))

        try:
            async with asyncio.TaskGroup() as group:
                for n in range(min(2 * WORKERS, len(wanted))):
                    group.create_task(work(waiting), name=f"prompts-{n}")
        except* ModelMissing as missing:
            raise missing.exceptions[0] from None
        if problems:
            raise SpeechError("\n".join(problems))

    def rate(self, language: str) -> float:
        """Units a minute over all judged clips of our own voice made ready so far;
        0.0 before there is one."""
        return pace.per_minute(self._units[language], self._seconds[language])

    async def _attempt(self, language: str, text: str, voice: str, secret: bool) -> str:
        """Make one text ready; return what went wrong."""
        try:
            await self._one(language, text, voice, secret)
        except ModelMissing:
            raise
        except SpeechError as error:
            return str(error)
        return ""

    async def _one(self, language: str, text: str, voice: str, secret: bool) -> None:
        job, name = self._job(language, text, voice, secret)
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with lock:  # a cancelled renderer leaves the work to the next in line
            if name in self._ready:
                return
            count = pace.units(language, text)
            clip = await asyncio.to_thread(self._shelf.load, name, count)
            if clip is None:
                clip = await self._rendered(job, name, secret)
            self._remember(name, clip, job)

    async def _rendered(self, job: Job, name: str, secret: bool) -> Clip:
        self._waiting += 1
        try:
            clip = await self._renderer.render(job)
        finally:
            self._waiting -= 1
        if secret:
            await asyncio.to_thread(self._shelf.keep_sealed, name, clip)
        return clip

    def _job(
        self, language: str, text: str, voice: str, secret: bool = False
    ) -> tuple[Job, str]:
        """What to render and the name it is kept under."""
        own = self._voices.get(language, "")
        spec = voice or own
        if not spec:
            known = ", ".join(sorted(self._voices))
            raise SpeechError(f"no voice for language {language!r}; there are: {known}")
        band = None if voice else self._band.get(language)
        version = roster.version(spec)
        name = clips.key(spec, language, version, str(band), text)
        file = None if secret else self._shelf.plain(name)
        return Job(spec, language, text, band, self._models, file), name

    def _hold(self, name: str, clip: Clip) -> None:
        if name not in self._ready:
            self._bytes += len(clip.pcm)
        self._ready[name] = clip
        while self._bytes > MEMORY and len(self._ready) > 1:
            self._bytes -= len(self._ready.popitem(last=False)[1].pcm)

    def _remember(self, name: str, clip: Clip, job: Job) -> None:
        self._hold(name, clip)
        if name in self._counted or job.voice != self._voices.get(job.language):
            return
        self._counted.add(name)
        if self._recall is not None:
            self._recall.learn(clip.pcm, job.text)
        if clip.judged:
            self._units[job.language] += clip.units
            self._seconds[job.language] += clip.speech_seconds


@asynccontextmanager
async def open_prompts(
    folder: Path,
    models: Path,
    voices: Mapping[str, str],
    band: Mapping[str, Band],
    *,
    recall: Recall | None = None,
    sealed: Path | None = None,
    seal: Seal | None = None,
    packs: Sequence[Path] = (),
    opener: Opener = roster.open_voice,
) -> AsyncIterator[Prompts]:
    """Prompts kept in `folder`, spoken by `voices` (language -> "engine:name") at
    `band` (language -> units a minute, low and high). Raises SpeechError for a voice
    that cannot be. `recall` learns every clip of ours as it becomes ready."""
    for spec in voices.values():
        roster.named(spec)
    async with open_renderer(opener, WORKERS) as renderer:
        shelf = Shelf(folder, sealed, seal, packs)
        yield Prompts(shelf, models, voices, band, renderer, recall)
