"""Rendering off the event loop: slow voices in polite processes, quick ones aside.

Measured on 2 cores: Kokoro needs 0.40 s per second of speech in one process with two
threads, 0.29 s in two processes with one thread each. So processes, at nice 10, that
live calls keep their share; at most two, started when first needed.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from speech.port import ModelMissing, SpeechError, Voice
from speech.voices import clips, pace, roster
from speech.voices.clips import Clip

Band = tuple[float, float]
Opener = Callable[[str, str, Path], Voice]
TRIES = 4  #: renderings of one text to get its rate into the band
NICE = 10
#: A slow voice is not rendered again for a clip so little outside the band: the law of
#: pace is about the call, and the clips of a call even each other out.
SLACK = 0.08


@dataclass(frozen=True, slots=True)
class Job:
    """One text to render and keep. `band` is units a minute; None: the voice's own."""

    voice: str
    language: str
    text: str
    band: Band | None
    models: Path
    file: Path | None  # None: not to be kept as it is


@dataclass(frozen=True, slots=True)
class Missing:
    """ModelMissing, as it may cross from one process to another."""

    model: str
    problem: str
    remedy: str


@cache
def _voice(opener: Opener, spec: str, language: str, models: Path) -> Voice:
    return opener(spec, language, models)


def perform(opener: Opener, job: Job) -> Clip | Missing:
    """Load the voice (once a process), render, keep the file, return the clip."""
    try:
        clip = _rendered(_voice(opener, job.voice, job.language, job.models), job)
        if job.file is not None:
            clips.keep(job.file, clip)
    except ModelMissing as error:
        return Missing(error.model, error.problem, error.remedy)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SpeechError(f"prompt {job.file}: cannot be kept: {reason}") from error
    return clip


def _rendered(voice: Voice, job: Job) -> Clip:
    """The first rendering inside the band, else the one nearest to its middle."""
    count = pace.units(job.language, job.text)
    if job.band is None:
        return _clip(voice.render(job.text), count)
    low, high = job.band
    wanted = (low + high) / 2
    slack = 0.0 if voice.realtime else SLACK
    habit = roster.habit(job.voice, job.language)
    speed = pace.first_speed(habit, job.language, job.text, wanted)
    best = clip = _clip(voice.render(job.text, speed), count)
    for _ in range(TRIES - 1):
        rate = clip.units_per_minute
        if not clip.judged or low * (1 - slack) <= rate <= high * (1 + slack):
            return clip
        speed = pace.next_speed(speed, rate, wanted)
        clip = _clip(voice.render(job.text, speed), count)
        best = min(best, clip, key=lambda c: abs(c.units_per_minute - wanted))
    return best


def _clip(pcm: bytes, count: int) -> Clip:
    return Clip(pcm, count, pace.speech_seconds(pcm))


class Renderer:
    """Runs jobs; opened by `open_renderer`."""

    def __init__(self, opener: Opener, workers: int) -> None:
        self._opener = opener
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._thread = ThreadPoolExecutor(1, "voice")

    async def render(self, job: Job) -> Clip:
        """Raises SpeechError. A job whose process died is tried once more."""
        if roster.realtime(job.voice):
            return await self._on(self._thread, job)
        for _ in range(2):
            pool = self._processes()
            try:
                return await self._on(pool, job)
            except BrokenProcessPool:
                self._forget(pool)
        problem = "a rendering process died twice over one text (out of memory?)"
        raise SpeechError(f"voice {job.voice}: {problem}")

    async def _on(self, executor: Executor, job: Job) -> Clip:
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(executor, perform, self._opener, job)
        if isinstance(made, Missing):
            raise ModelMissing(made.model, made.problem, made.remedy)
        return made

    def _processes(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, context, _be_polite)
        return self._pool

    def _forget(self, pool: ProcessPoolExecutor) -> None:
        if self._pool is pool:
            self._pool = None
        pool.shutdown(wait=False, cancel_futures=True)

    async def close(self) -> None:
        """Wait for what is being rendered, drop what is not yet begun."""
        for executor in (self._thread, self._pool):
            if executor is not None:
                await asyncio.to_thread(executor.shutdown, True, cancel_futures=True)


@asynccontextmanager
async def open_renderer(opener: Opener, workers: int) -> AsyncIterator[Renderer]:
    renderer = Renderer(opener, workers)
    try:
        yield renderer
    finally:
        await renderer.close()


def _be_polite() -> None:
    """In a new process: yield the CPU, leave Ctrl-C to the parent, never outlive it."""
    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
