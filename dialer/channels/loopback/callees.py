"""Callees from files: one TOML each; every problem of a folder at once, placed."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dialer.channels.loopback.callee import (
    HEARD_TIMES,
    Callee,
    Expect,
    Speech,
    Turn,
    Voicemail,
)
from speech.audio import read_sound
from speech.port import SpeechError

Seconds = Annotated[float, Field(ge=0, le=600)]
Words = Annotated[str, Field(min_length=1)]
Answer = Literal[
    "answers",
    "busy",
    "no_answer",
    "declined",
    "unallocated",
    "congestion",
    "failed",
    "not_dialed",
]


class CalleesError(Exception):
    """Callee files are wrong; one line per problem."""

    def __init__(self, problems: Collection[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Spoken(Part):
    say: Words | None = None
    say_file: Words | None = None

    @model_validator(mode="after")
    def one_of_them(self) -> Self:
        if self.say and self.say_file:
            raise ValueError("give say or say_file, not both")
        return self


class EarlyFile(Spoken):
    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not (self.say or self.say_file):
            raise ValueError("expected say or say_file")
        return self


class VoicemailFile(EarlyFile):
    beep_hz: Annotated[float, Field(ge=300, le=3000)] = 1000.0
    beep_seconds: Annotated[float, Field(ge=0.1, le=3)] = 0.5
    record_seconds: Seconds = 30.0


class TurnFile(Spoken):
    hears: Annotated[list[Words], Field(min_length=1)] | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    wait: Seconds = 0.2
    interrupt_after: Seconds | None = None
    cut_after: Annotated[float, Field(gt=0, le=600)] | None = None
    press: Annotated[str, Field(pattern=r"^[0-9*#]+$")] | None = None
    silent: bool | Annotated[float, Field(gt=0, le=600)] | None = None
    hang_up: bool = False

    @model_validator(mode="after")
    def makes_sense(self) -> Self:
        speaks = self.say or self.say_file
        does = speaks or self.press or self.hang_up
        if not does and not self.silent:
            raise ValueError("expected say, say_file, press, silent or hang_up")
        if does and self.silent:
            raise ValueError("silent stands alone: no say, press or hang_up beside it")
        if self.silent and self.interrupt_after is not None:
            raise ValueError("nobody interrupts by being silent: drop one of the two")
        if self.times is not None and self.hears is None:
            raise ValueError("times belongs to a turn with hears")
        if self.cut_after is not None and not speaks:
            raise ValueError("cut_after needs say or say_file to cut")
        return self


class ExpectFile(Part):
    disposition: Annotated[str, Field(pattern="^[a-z_]+$")]
    flags: list[Words] = []
    stage: Annotated[int, Field(ge=1, le=5)] | None = None


class CalleeFile(Part):
    number: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
    language: Literal["zh", "en"]
    voice: Annotated[str, Field(pattern="^[a-z]+:.+$")] | None = None
    answer: Answer = "answers"
    ring_seconds: Seconds | None = None
    early_media: EarlyFile | None = None
    greeting: Words | None = None
    greeting_file: Words | None = None
    voicemail: VoicemailFile | None = None
    hang_up_after: Seconds | None = None
    packet_loss: Annotated[float, Field(ge=0, le=0.3)] = 0.0
    noise_snr_db: Annotated[float, Field(ge=-10, le=60)] | None = None
    then: Literal["silent", "hang_up", "repeat"] = "silent"
    expect: ExpectFile | None = None
    turns: list[TurnFile] = []

    @model_validator(mode="after")
    def makes_sense(self) -> Self:
        if self.greeting and self.greeting_file:
            raise ValueError("give greeting or greeting_file, not both")
        if self.voicemail and (self.turns or self.greeting or self.greeting_file):
            raise ValueError("a voicemail has neither turns nor greeting of its own")
        if self.answer != "answers" and (self.turns or self.voicemail):
            raise ValueError(f"answer is {self.answer}: nobody can take turns")
        if self.answer == "answers" and self.early_media:
            raise ValueError("early_media is heard before a call fails, not answered")
        return self


def load_callees(
    folder: Path, *, engine_voices: Collection[str] = ()
) -> dict[str, Callee]:
    """Every `*.toml` of the folder by number. Raises CalleesError with all problems.

    `engine_voices` are ours: a callee may not speak in one of them.
    """
    if not folder.is_dir():
        raise CalleesError([f"{folder}: no such folder of callee files (*.toml)"])
    files = sorted(folder.glob("*.toml"))
    problems = [] if files else [f"{folder}: holds no callee file (*.toml)"]
    found: dict[str, tuple[Path, Callee]] = {}
    for path in files:
        try:
            callee = read_callee(path, engine_voices=engine_voices)
        except CalleesError as error:
            problems += error.problems
            continue
        if callee.number in found:
            other = found[callee.number][0].name
            problems.append(f"{path}: number: {other} has the same number")
        found.setdefault(callee.number, (path, callee))
    if problems:
        raise CalleesError(problems)
    return {number: callee for number, (_, callee) in found.items()}


def read_callee(path: Path, *, engine_voices: Collection[str] = ()) -> Callee:
    """One file. Raises CalleesError with all its problems."""
    try:
        data = tomllib.loads(path.read_text("utf-8-sig"))
        file = CalleeFile.model_validate(data)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CalleesError([f"{path}: {error}"]) from error
    except ValidationError as error:
        raise CalleesError(list(_told(path, error))) from error
    sounds = _Sounds(path.parent)
    callee = _callee(path.stem, file, sounds)
    problems = [f"{path}: {problem}" for problem in sounds.problems]
    needs = next(callee.texts(), None)
    if needs is not None and not callee.voice:
        problems.append(f"{path}: voice: expected one, as there is text to say")
    if callee.voice in engine_voices:
        told = f"{callee.voice} is the engine's own; choose another"
        problems.append(f"{path}: voice: {told}")
    if problems:
        raise CalleesError(problems)
    return callee


def _told(path: Path, error: ValidationError) -> Iterator[str]:
    """One line per problem: file, key (list items counted from 1), what is wrong."""
    seen = set[str]()
    for each in error.errors(include_url=False):
        steps = [s for s in each["loc"] if s not in ("bool", "constrained-float")]
        place = "".join(f"[{s + 1}]" if isinstance(s, int) else f".{s}" for s in steps)
        where = place.lstrip(".").partition(".function-")[0] or "file"
        line = f"{path}: {where}: {each['msg'].removeprefix('Value error, ')}"
        if where not in seen or not where.endswith("silent"):
            yield line
        seen.add(where)


class _Sounds:
    """Reads the sound files a callee names; keeps what went wrong."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.problems: list[str] = []

    def speech(self, say: str | None, file: str | None, place: str) -> Speech | None:
        if say:
            return Speech(text=say)
        if not file:
            return None
        try:
            return Speech(pcm=read_sound(self._folder / file))
        except SpeechError as error:
            self.problems.append(f"{place}: {error}")
            return None


def _callee(name: str, file: CalleeFile, sounds: _Sounds) -> Callee:
    early = file.early_media or Spoken()
    return Callee(
        number=file.number,
        name=name,
        language=file.language,
        voice=file.voice or "",
        answer=file.answer,
        ring_seconds=file.ring_seconds,
        early=sounds.speech(early.say, early.say_file, "early_media.say_file"),
        greeting=sounds.speech(file.greeting, file.greeting_file, "greeting_file"),
        voicemail=_voicemail(file.voicemail, sounds) if file.voicemail else None,
        hang_up_after=file.hang_up_after,
        packet_loss=file.packet_loss,
        noise_snr_db=file.noise_snr_db,
        turns=tuple(_turn(n, turn, sounds) for n, turn in enumerate(file.turns, 1)),
        then=file.then,
        expect=_expect(file.expect) if file.expect else None,
    )


def _voicemail(file: VoicemailFile, sounds: _Sounds) -> Voicemail:
    greeting = sounds.speech(file.say, file.say_file, "voicemail.say_file")
    return Voicemail(
        greeting or Speech(), file.beep_hz, file.beep_seconds, file.record_seconds
    )


def _turn(n: int, file: TurnFile, sounds: _Sounds) -> Turn:
    return Turn(
        hears=tuple(file.hears or ()),
        times=file.times or (HEARD_TIMES if file.hears else 1),
        wait=file.wait,
        interrupt_after=file.interrupt_after,
        speech=sounds.speech(file.say, file.say_file, f"turns[{n}].say_file"),
        cut_after=file.cut_after,
        press=file.press or "",
        silent=(0.0 if file.silent is True else file.silent) if file.silent else None,
        hang_up=file.hang_up,
    )


def _expect(file: ExpectFile) -> Expect:
    return Expect(file.disposition, tuple(file.flags), file.stage)
