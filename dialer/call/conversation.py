"""One answered line: frames in, words understood, templates spoken, until it ends.

The loop is paced by the line itself: one frame every 20 ms, and everything that waits
(a recognition, a prompt playing, a silence running out) is looked at once a frame.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from dialer.call.disposition import cut_off, handed_over
from dialer.call.listen import Interrupted, Listener, Words
from dialer.call.record import Record
from dialer.channels.port import About, Audio, Digit, Line, Machine
from dialer.clock import Clock
from dialer.evidence.mask import Mask
from dialer.model import Disposition
from ivr import dialogue
from ivr.library import Library
from ivr.port import (
    Action,
    Beeped,
    CaseFacts,
    Confirmed,
    Fact,
    Flag,
    Gone,
    HandOver,
    HangUp,
    Heard,
    NotTaken,
    Pressed,
    Said,
    Say,
    Silent,
    Understood,
)
from speech.amd import Beep, looks_recorded
from speech.announcements import Lexicon
from speech.endpoint import Ear, Thresholds
from speech.pool import Pool
from speech.port import FRAME_SECONDS, RATE, Recogniser
from speech.prompts import Prompts

log = logging.getLogger(__name__)

MACHINE_WAIT = 10.0  # seconds for the beep after a recorded greeting was recognised
MACHINE_WINDOW = 20.0  # seconds after the answer in which a machine may be found
SLOWER = 1.25  # times as long, for those who asked us to speak slower
PAUSE_SECONDS = 0.6  # and after every sentence, for the same
PAUSE = bytes(round(PAUSE_SECONDS * RATE) * 2)
GOODBYE = Understood("goodbye", 1.0, "none")  # what a call that is too long counts as


@dataclass(frozen=True, slots=True)
class Studio:
    """What all conversations share."""

    library: Library
    prompts: Prompts
    recogniser: Recogniser
    pool: Pool
    mask: Mask
    clock: Clock
    machine_words: dict[str, tuple[str, ...]]  # language -> phrases of recordings
    end_of_turn_ms: int = 500
    silence_budget: float = 30.0
    max_seconds: float = 900.0
    hand_over_to: str = "people"
    announcements: Lexicon = field(default_factory=dict)  # of networks
    #: Told of each turn we answered: seconds for the recogniser, the choice, the voice.
    turned: Callable[[float, float, float], None] = lambda heard, chosen, said: None
    # Two cases are rendered at a time: few, so that the first is ready early; not one,
    # or a renderer would stand still over the last prompt of each
    turn: dict[str, asyncio.Semaphore] = field(
        default_factory=lambda: {lang: asyncio.Semaphore(2) for lang in ("zh", "en")}
    )


@dataclass(frozen=True, slots=True)
class Talked:
    """How the conversation ended."""

    disposition: Disposition
    record: Record
    stage: int
    hung_up: HangUp | None
    flags: tuple[str, ...]
    seconds: float
    silence: float


class Conversation:
    """Holds one call's state; made for it, used once."""

    def __init__(
        self,
        studio: Studio,
        line: Line,
        case: CaseFacts,
        known: Sequence[str],
        flag: Callable[[str], Awaitable[None]],
    ) -> None:
        self._s = studio
        self._line = line
        self._case = case
        self._flag = flag
        keep = (case.agency, case.creditor)
        self._record = Record(studio.mask, known, keep)
        self._beep = Beep()
        self._now = 0.0  # seconds since the answer, by frames heard
        self._say_began = 0.0
        self._saying: Say | None = None
        self._quiet = 0.0
        self._silence = 0.0
        self._machine_since: float | None = None
        self._hand_over: HandOver | None = None
        self._closing: HangUp | None = None
        self._taken: Disposition | None = None
        self._flags: list[str] = []
        self._position, self._first = dialogue.begin(studio.library, case)

    async def talk(self) -> Talked:
        """Run until one side hangs up. Flags are durable before the line is left."""
        async with asyncio.TaskGroup() as group:
            thresholds = Thresholds(end_of_turn_ms=self._s.end_of_turn_ms)
            listener = Listener(
                self._case.language,
                self._s.recogniser,
                self._s.pool,
                group,
                self._s.clock,
                Ear(thresholds),
            )
            await self._do(self._first)
            async for heard in self._line.hear():
                await self._take(heard, listener)
                if await self._over():
                    break
            listener.stop()
        await self._step(Gone())
        return self._talked()

    async def _take(self, heard: Audio | Digit | Machine, listener: Listener) -> None:
        if isinstance(heard, Digit):
            await self._pressed(heard.key)
            return
        if isinstance(heard, Machine):
            await self._told_of_machine(heard)
            return
        self._now += FRAME_SECONDS
        speaking = self._now - self._say_began if self._line.queued() > 0 else -1.0
        barge_in = self._saying is None or self._saying.barge_in
        if self._beep.hear(heard.pcm) and self._now < MACHINE_WINDOW + MACHINE_WAIT:
            await self._machine()
        for event in listener.frame(heard.pcm, speaking=speaking, barge_in=barge_in):
            match event:
                case Interrupted():
                    self._record.barge_ins += 1
                    self._hush()
                case Words():
                    await self._words(event)
        if self._hand_over and self._line.queued() <= 0:
            await self._transfer(self._hand_over)
        await self._count_silence(listener)

    async def _over(self) -> bool:
        if self._taken:
            return True
        if self._now > self._s.max_seconds and not (self._closing or self._hand_over):
            await self._say_goodbye()
        return self._closing is not None and self._line.queued() <= 0

    async def _say_goodbye(self) -> None:
        """The longest time for a call is over: as if they had said goodbye."""
        await self._step(Gone())
        self._position, actions = dialogue.respond(
            self._s.library, self._case, self._position, GOODBYE
        )
        await self._do(actions)
        self._closing = self._closing or HangUp(Disposition.NO_COMMITMENT.value)

    # --- what was heard

    def _hush(self) -> None:
        """Say no more of what is queued, and note how much of it was said."""
        self._line.clear()
        unsaid = self._record.cut(self._now)
        explained = self._record.explained()
        self._position = dialogue.cut_short(self._position, explained, unsaid)

    async def _pressed(self, key: str) -> None:
        self._hush()
        await self._step(Pressed(key))
        meant = self._position.understood
        self._record.theirs(f"[{key}]", self._now, 0.0, self._position.stage, meant)

    async def _words(self, words: Words) -> None:
        text = words.utterance.text
        if self._closing or self._hand_over:
            return  # the goodbye is being said; keys still count
        phrases = self._s.machine_words.get(self._case.language, ())
        if self._now < MACHINE_WINDOW and looks_recorded(text, phrases):
            self._record.theirs(text, words.began, words.ended - words.began, 1, None)
            self._machine_since = self._now
            self._hush()
            return
        if self._machine_since is not None:
            return
        if not text and self._line.queued() > 0:
            return  # a noise over our own prompt
        stage = self._position.stage
        await self._step(Said(text, words.utterance.confidence), since=words)
        meant = self._position.understood
        lasted = words.ended - words.began
        self._record.theirs(text, words.began, lasted, stage, meant)

    async def _told_of_machine(self, told: Machine) -> None:
        """The network's word counts as our own hearing does, and as long."""
        if self._now >= MACHINE_WINDOW or self._closing:
            return
        self._record.fact("machine", "told by the network")
        if told.over:
            await self._machine()
        elif self._machine_since is None:
            self._machine_since = self._now
            self._hush()

    async def _machine(self) -> None:
        if self._closing or "beep" in self._record.facts:
            return
        self._record.fact("beep", "heard")
        self._machine_since = None
        self._hush()
        await self._step(Beeped())

    async def _count_silence(self, listener: Listener) -> None:
        if self._line.queued() > 0 or listener.busy or self._closing:
            self._quiet = 0.0
            return
        self._quiet += FRAME_SECONDS
        self._silence += FRAME_SECONDS
        if self._machine_since is not None:
            if self._now - self._machine_since > MACHINE_WAIT:
                await self._machine()
            return
        wait = self._saying.wait if self._saying else 6.0
        left = self._s.silence_budget - self._silence
        if self._quiet >= wait or left <= 0:
            quiet, self._quiet = self._quiet, 0.0
            await self._step(Silent(self._silence if left <= 0 else quiet))

    async def _step(self, heard: Heard, since: Words | None = None) -> None:
        began = self._s.clock.elapsed()
        self._position, actions = dialogue.step(
            self._s.library, self._case, self._position, heard
        )
        chosen = self._s.clock.elapsed()
        await self._do(actions)
        if since and any(isinstance(a, Say) for a in actions):
            said = self._s.clock.elapsed()
            self._record.latencies.append(said - since.ready_at)
            self._record.waits.append(since.waited)
            self._s.turned(began - since.ready_at, chosen - began, said - chosen)

    # --- what is done

    async def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Flag(flag):
                    await self._flag(flag)  # durable before anything else is done
                    self._flags.append(flag)
                case Confirmed(node):
                    self._record.confirmed.append(node)
                case Fact(name, value):
                    self._record.fact(name, value)
                case Say():
                    await self._say(action)
                case HandOver():
                    self._hand_over = action
                case HangUp():
                    self._closing = action

    async def _say(self, say: Say) -> None:
        language = self._case.language
        clips = [self._s.prompts.get(language, text) for text in say.clips]
        if None in clips:  # a fast voice may render now; a slow one was asked ahead
            await self._s.prompts.prepare(language, say.clips)
            clips = [self._s.prompts.get(language, text) for text in say.clips]
        if say.slow:
            slower = self._s.prompts.slower
            clips = [await slower(language, text, SLOWER) for text in say.clips]
            self._record.fact("pace", "slow")
        before = self._line.queued()
        if before <= 0:
            self._say_began = self._now
        for clip in clips:
            if clip is None:
                log.error("prompt missing", extra={"template": say.template})
                continue
            self._line.say(clip.pcm + (PAUSE if say.slow else b""))
            if clip.units_per_minute:
                self._record.rate(clip.units_per_minute, clip.seconds, slow=say.slow)
        self._saying = say
        self._quiet = 0.0
        pause = PAUSE_SECONDS if say.slow else 0.0
        seconds = sum(clip.seconds + pause for clip in clips if clip)
        self._record.ours(say, self._now + before, seconds)

    async def _transfer(self, hand_over: HandOver) -> None:
        self._hand_over = None
        stage, language = self._position.stage, self._case.language
        about = About(hand_over.reason, stage, language)
        if await self._line.transfer(self._s.hand_over_to, about):
            self._taken = handed_over(hand_over.reason)
        else:
            await self._step(NotTaken())

    def _talked(self) -> Talked:
        if self._taken:
            disposition = self._taken
        elif self._closing:
            disposition = Disposition(self._closing.disposition)
        else:
            disposition = cut_off(tuple(self._flags))
        return Talked(
            disposition,
            self._record,
            self._position.stage,
            self._closing,
            tuple(self._flags),
            round(self._now, 2),
            round(self._silence, 2),
        )
