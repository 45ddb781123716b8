"""When a callee begins, pauses, goes on, interrupts and has finished. Pure.

A frame is 20 ms; every time here is seconds of media since the ear was made. The
voice detector's answer comes in as a number, so all of this is a table to test.

    idle --3 of 5 frames voiced--> talking --260 ms quiet--> paused --500 ms--> idle
                                      ^---3 of 5 voiced again---'
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from speech.audio import SILENCE_DB, level_db
from speech.port import FRAME_SECONDS


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers of turn-taking. Milliseconds count voiced frames or quiet ones."""

    voiced: float = 0.5  # probability from which a frame is speech
    quiet: float = 0.35  # below it a frame of running speech is quiet
    begin_frames: int = 3  # voiced frames ...
    begin_window: int = 5  # ... of the last so many begin speech: one may be lost
    pre_roll_ms: int = 200  # sound kept from before the first voiced frame
    pause_ms: int = 260  # quiet after which decoding may begin
    end_of_turn_ms: int = 500  # quiet that ends a turn; `Ear.patience` changes it
    max_seconds: float = 15.0  # a turn is cut here
    guard_ms: int = 200  # of a prompt, in which nothing is an interruption
    barge_in_ms: int = 400  # of speech over a prompt; less is a back-channel
    loud_db: float = 6.0  # an interruption stands out so far from the line's floor
    least_db: float = -50.0  # and is no quieter than this


@dataclass(frozen=True, slots=True)
class Began:
    """Speech began; `at` is where its first frame began."""

    at: float


@dataclass(frozen=True, slots=True)
class BargedIn:
    """They speak over our prompt, and mean it: stop playing."""

    at: float


@dataclass(frozen=True, slots=True)
class BackChannel:
    """A short sound over our prompt ("mm-hm") is over: go on, nothing was said."""

    at: float


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause inside a turn. `pcm` is the turn so far: decode it on a chance."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Resumed:
    """They went on after `Paused`: what was decoded is not the whole."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is over. Where no `Resumed` came since, `pcm` is that of `Paused`.

    `began` and `ended`: the first voiced frame's start and the last one's end."""

    pcm: bytes
    began: float
    ended: float


EarEvent = Began | BargedIn | BackChannel | Paused | Resumed | Ended


@dataclass(slots=True)
class _Turn:
    """Speech in progress. Counts are frames since the ear was made."""

    sound: bytearray
    first: int  # the first voiced frame
    last: int  # the last voiced frame
    voiced: int  # voiced frames that may count as an interruption
    loud_over: int = 0  # of these: loud, over our prompt
    alone: bool = False  # part of it was heard while we were silent
    barged: bool = False
    paused: bytes = b""  # what `Paused` carried, while paused


class Ear:
    """Turn-taking of one line. `hear` is called once for every 20 ms."""

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self._t = thresholds or Thresholds()
        self._end = _frames(self._t.end_of_turn_ms)
        self._now = 0  # frames heard
        self._active = 0  # the last frame in which either side spoke
        self._floor = self._t.least_db - self._t.loud_db
        self._recent = deque[tuple[bytes, bool]](
            maxlen=_frames(self._t.pre_roll_ms) + self._t.begin_window
        )
        self._turn: _Turn | None = None

    @property
    def talking(self) -> bool:
        """True from `Began` until `Ended` or `BackChannel`."""
        return self._turn is not None

    @property
    def silence(self) -> float:
        """Seconds since anyone spoke, we or they; since the start, if nobody did."""
        return (self._now - self._active) * FRAME_SECONDS

    def patience(self, milliseconds: int) -> None:
        """How much quiet ends a turn: 300 when the answer is complete, 500, or 900
        while digits come. Holds from now on, in a running turn too."""
        if milliseconds < 1:
            raise ValueError(f"patience is at least 1 ms, not {milliseconds}")
        self._end = _frames(milliseconds)

    def hear(
        self,
        probability: float,
        frame: bytes,
        *,
        speaking: float,
        barge_in: bool = True,
    ) -> list[EarEvent]:
        """Take 20 ms of pcm and its voice probability.

        `speaking`: seconds since our current prompt began, -1.0 while we are
        silent. `barge_in` False: this prompt may not be interrupted; what is said
        over it is still heard to its end.
        """
        self._now += 1
        level = level_db(frame)
        self._recent.append((frame, probability >= self._t.voiced))
        if probability < self._t.quiet and level > SILENCE_DB:
            self._floor += 0.05 * (level - self._floor)  # about 0.4 s; not lost frames
        loud = level >= max(self._t.least_db, self._floor + self._t.loud_db)
        over = speaking >= 0.0
        if self._turn is None:
            events = self._listen(over, speaking)
        else:
            self._turn.sound += frame
            events = self._follow(self._turn, probability, over)
        if self._turn is not None:
            events += self._weigh(self._turn, speaking, loud, barge_in)
        if over or (self._turn is not None and self._turn.last == self._now):
            self._active = self._now
        return events

    def _begins(self) -> bool:
        window = list(self._recent)[-self._t.begin_window :]
        voiced = sum(one for _, one in window)
        return window[-1][1] and voiced >= self._t.begin_frames

    def _listen(self, over: bool, speaking: float) -> list[EarEvent]:
        """Idle: has speech begun?"""
        if not self._begins():
            return []
        kept = list(self._recent)
        start = max(0, len(kept) - self._t.begin_window)
        start = next(i for i in range(start, len(kept)) if kept[i][1])
        voiced = sum(one for _, one in kept[start:])
        first = self._now - (len(kept) - start) + 1
        pre_roll = kept[max(0, start - _frames(self._t.pre_roll_ms)) :]
        self._turn = _Turn(
            sound=bytearray(b"".join(frame for frame, _ in pre_roll)),
            first=first,
            last=self._now,
            voiced=voiced - 1 if self._clear_of_guard(speaking) else 0,
            alone=not over,
        )
        return [Began((first - 1) * FRAME_SECONDS)]

    def _follow(self, turn: _Turn, chance: float, over: bool) -> list[EarEvent]:
        """In a turn: pause, going on, end."""
        events: list[EarEvent] = []
        turn.alone |= not over
        if turn.paused:
            if self._begins():
                turn.paused, turn.last = b"", self._now
                events.append(Resumed())
        elif chance >= self._t.quiet:
            turn.last = self._now
        quiet = self._now - turn.last
        if not turn.paused and quiet >= min(_frames(self._t.pause_ms), self._end):
            if self._is_back_channel(turn):
                self._turn = None
                return [*events, BackChannel(self._now * FRAME_SECONDS)]
            turn.paused = bytes(turn.sound)
            if quiet < self._end:
                events.append(Paused(turn.paused))
        too_long = len(turn.sound) >= self._t.max_seconds * 16000
        if quiet >= self._end or too_long:
            events.append(self._ended(turn))
        return events

    def _ended(self, turn: _Turn) -> Ended:
        self._turn = None
        self._recent.clear()
        return Ended(
            turn.paused or bytes(turn.sound),
            (turn.first - 1) * FRAME_SECONDS,
            turn.last * FRAME_SECONDS,
        )

    def _weigh(
        self, turn: _Turn, speaking: float, loud: bool, barge_in: bool
    ) -> list[EarEvent]:
        """Is this voiced frame the one that makes it an interruption?"""
        if turn.last != self._now or not self._clear_of_guard(speaking):
            return []
        turn.voiced += 1
        if speaking < 0.0:
            turn.loud_over, turn.barged = 0, False  # a later prompt is another matter
            return []
        turn.loud_over += loud
        if turn.barged or not barge_in:
            return []
        if not self._long_enough(turn) or turn.loud_over < self._t.begin_frames:
            return []
        turn.barged = True
        return [BargedIn(self._now * FRAME_SECONDS)]

    def _clear_of_guard(self, speaking: float) -> bool:
        return speaking < 0.0 or speaking >= self._t.guard_ms / 1000

    def _long_enough(self, turn: _Turn) -> bool:
        return turn.voiced >= _frames(self._t.barge_in_ms)

    def _is_back_channel(self, turn: _Turn) -> bool:
        return not turn.alone and not turn.barged and not self._long_enough(turn)


def _frames(milliseconds: int) -> int:
    return max(1, round(milliseconds / (1000 * FRAME_SECONDS)))
