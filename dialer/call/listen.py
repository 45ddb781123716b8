"""What one callee says: frames in, finished utterances and interruptions out.

Recognition runs in the pool. It begins at the first pause, speculatively, and is
thrown away if the callee goes on; at the end of the turn it is usually done.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass

from dialer.clock import Clock
from speech.endpoint import BackChannel, BargedIn, Ear, Ended, Paused, Resumed
from speech.pool import Pool
from speech.port import PoolFull, Recogniser, SpeechError, Utterance
from speech.vad import Vad

log = logging.getLogger(__name__)

NOTHING = Utterance("", "", 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """They began to talk over our prompt, and mean it."""


@dataclass(frozen=True, slots=True)
class Words:
    """One turn of theirs. `waited`: seconds from the end of the turn until the words
    were there; seconds of the call otherwise."""

    utterance: Utterance
    began: float
    ended: float
    waited: float
    ready_at: float  # clock.elapsed() when the turn ended


@dataclass(slots=True)
class _Turn:
    task: asyncio.Task[Utterance]
    began: float
    ended: float
    ready_at: float


class Listener:
    """Owns the ear and the recognitions of one line; `group` owns its tasks."""

    def __init__(
        self,
        language: str,
        recogniser: Recogniser,
        pool: Pool,
        group: asyncio.TaskGroup,
        clock: Clock,
        ear: Ear,
    ) -> None:
        self._language = language
        self._recogniser = recogniser
        self._pool = pool
        self._group = group
        self._clock = clock
        self._vad = Vad()
        self._ear = ear
        self._early: asyncio.Task[Utterance] | None = None
        self._turns: deque[_Turn] = deque()

    @property
    def busy(self) -> bool:
        """True while they talk, or what they said is still being recognised."""
        return self._ear.talking or bool(self._turns)

    def patience(self, milliseconds: int) -> None:
        """How long a silence ends their turn."""
        self._ear.patience(milliseconds)

    def frame(
        self, pcm: bytes, *, speaking: float, barge_in: bool
    ) -> list[Interrupted | Words]:
        """Take 20 ms. `speaking`: seconds since our prompt began, -1.0 if silent."""
        found: list[Interrupted | Words] = []
        chance = self._vad.probability(pcm)
        for event in self._ear.hear(chance, pcm, speaking=speaking, barge_in=barge_in):
            match event:
                case BargedIn():
                    found.append(Interrupted())
                case Paused(pcm=sound):
                    self._early = self._recognise(sound)
                case Resumed() | BackChannel():
                    self._forget()
                case Ended(pcm=sound, began=began, ended=ended):
                    task = self._early or self._recognise(sound)
                    self._early = None
                    self._turns.append(_Turn(task, began, ended, self._clock.elapsed()))
                case _:
                    pass  # Began: nothing to do yet
        while self._turns and self._turns[0].task.done():
            found.append(self._words(self._turns.popleft()))
        return found

    def stop(self) -> None:
        """The call is over: drop what is still being recognised."""
        self._forget()
        for turn in self._turns:
            turn.task.cancel()
        self._turns.clear()

    def _words(self, turn: _Turn) -> Words:
        return Words(
            turn.task.result(),
            turn.began,
            turn.ended,
            self._clock.elapsed() - turn.ready_at,
            turn.ready_at,
        )

    def _forget(self) -> None:
        if self._early is not None:
            self._early.cancel()
            self._early = None

    def _recognise(self, pcm: bytes) -> asyncio.Task[Utterance]:
        return self._group.create_task(self._in_pool(pcm), name="recognise")

    async def _in_pool(self, pcm: bytes) -> Utterance:
        try:
            return await self._pool.run(self._whole, pcm)
        except PoolFull:
            log.warning("recogniser overloaded: a turn was not heard")
        except SpeechError:
            log.exception("recogniser failed: a turn was not heard")
        return NOTHING

    def _whole(self, pcm: bytes) -> Utterance:
        hearing = self._recogniser.open(self._language)
        hearing.feed(pcm)
        return hearing.finish()
