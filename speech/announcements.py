"""What a network says before a call fails, as kinds: its words, else its tones."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from speech.amd import looks_recorded, vague
from speech.audio import frames
from speech.lexicon import read_lexicon
from speech.port import FRAME_SECONDS, RATE, Recogniser, SpeechError
from speech.tones import tones
from speech.vad import Vad

LAST = 15.0  #: seconds of the sound whose words are looked at: it ends with the reason
LEAST_SPEECH = 0.6  #: seconds of voice
VOICED = 0.5
LEAST_CONFIDENCE = 0.5  #: of tones; announcements are matched whole


class Kind(StrEnum):
    """What an announcement or a tone says of the number called."""

    UNALLOCATED = "unallocated"  # 空号
    SUSPENDED = "suspended"  # 停机
    POWERED_OFF = "powered_off"
    OUT_OF_COVERAGE = "out_of_coverage"
    UNREACHABLE = "unreachable"  # 暂时无法接通
    BUSY = "busy"
    UNANSWERED = "unanswered"
    CONGESTION = "congestion"
    BARRED = "barred"


#: A ringing tone and an information tone of no known code say nothing by themselves.
BY_TONE = {
    "busy": Kind.BUSY,
    "congestion": Kind.CONGESTION,
    "unobtainable": Kind.UNALLOCATED,
    "vacant": Kind.UNALLOCATED,
    "intercept": Kind.UNALLOCATED,
    "reorder": Kind.CONGESTION,
    "no_circuit": Kind.CONGESTION,
}


class Phrases(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    zh: tuple[str, ...]
    en: tuple[str, ...]

    def of(self, language: str) -> tuple[str, ...]:
        return self.zh if language == "zh" else self.en


Lexicon = Mapping[Kind, Phrases]
_LEXICON = TypeAdapter(dict[Kind, Phrases])


def read_announcements(file: Path) -> Lexicon:
    """Of a file like templates/lexicon/announcements.toml. SpeechError lists every
    problem with its place."""
    found = read_lexicon(file, _LEXICON)
    short = [
        f"{file}: {kind.value}.{phrase!r} would match nearly anything"
        for kind, phrases in found.items()
        for phrase in (*phrases.zh, *phrases.en)
        if vague(phrase)
    ]
    if short:
        raise SpeechError("\n".join(short))
    return found


def announced(text: str, language: str, lexicon: Lexicon) -> frozenset[Kind]:
    """The kinds whose phrases the text holds; one that means two things has both."""
    return frozenset(
        kind
        for kind, phrases in lexicon.items()
        if looks_recorded(text, phrases.of(language))
    )


def signalled(pcm: bytes) -> frozenset[Kind]:
    """What the last tone that says something says."""
    told = [
        BY_TONE[one.kind]
        for one in tones(pcm)
        if one.kind in BY_TONE and one.confidence >= LEAST_CONFIDENCE
    ]
    return frozenset(told[-1:])


def listen(
    pcm: bytes, language: str, recogniser: Recogniser, lexicon: Lexicon
) -> frozenset[Kind]:
    """Words before tones: many networks end every announcement with the busy tone.
    Blocks for as long as a recognition does; SpeechError where that fails."""
    last = pcm[-round(LAST * RATE) * 2 :]
    if _voiced(last) >= LEAST_SPEECH:
        hearing = recogniser.open(language)
        hearing.feed(last)
        if found := announced(hearing.finish().text, language, lexicon):
            return found
    return signalled(pcm)


def _voiced(pcm: bytes) -> float:
    """Seconds with a voice in them."""
    vad = Vad()
    return FRAME_SECONDS * sum(vad.probability(one) > VOICED for one in frames(pcm))
