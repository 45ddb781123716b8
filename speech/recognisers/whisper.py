"""Whisper base on a short window: the recogniser that installs from the package index.

Whisper was trained on 30 s; padding a reply to that costs most of the time. The model
takes less: what was said and two seconds of silence. Shorter windows loop and invent
more easily, so the speech is measured first and the text is checked after.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
import tokenizers

from speech.audio import frames, resample, to_float
from speech.models import assemble, catalogue
from speech.port import (
    FRAME_BYTES,
    FRAME_SECONDS,
    RATE,
    ModelMissing,
    Utterance,
)
from speech.recognisers import mel
from speech.vad import Vad

MODEL = "whisper-base-int8"


@dataclass(frozen=True, slots=True)
class Style:
    """How a stretch of speech is decoded. `repeat` above 1 makes it harder to say the
    same again; `least` is the average log probability below which nothing was said."""

    prompt: str
    repeat: float
    least: float


#: Replies of a word or two loop where sentences do not, and score lower when right.
SHORT = 1.2  #: seconds of speech
STYLES = {
    "zh": (
        Style(" 以下是普通话的电话对话，客户说：", 1.3, -2.0),
        Style(" 以下是普通话的句子。", 1.1, -0.9),
    ),
    "en": (
        Style(" A phone call. The customer says:", 1.3, -2.0),
        Style(" A phone call. The customer says:", 1.0, -0.9),
    ),
}
LEAST_SPEECH = 0.2  #: seconds; less is a click or a breath
TAIL = 2.0  #: seconds of silence after the speech
BEFORE, AFTER = 0.2, 0.3  #: seconds kept around what the voice detector marks
LONGEST = 28.0  #: seconds; the model hears no more than 30
VOICED = 0.5
TOKENS = 9  #: a second of speech, more than anyone says

#: What subtitles in its training, or its own prompt, make of noise. No callee says it.
INVENTED = re.compile(
    r"字幕|订阅|点赞|请不吝|谢谢(大家)?(观看|收看)|优优独播|以下是普通话|^普通话\W*$|普通话的(电话|句子)|"
    r"amara\.org|subtitles? by|thanks? (you )?for watching|the customer says",
    re.IGNORECASE,
)


class Whisper:
    """A `Recogniser` for Mandarin (simplified characters) and English.

    Not streaming: `feed` gathers, `finish` decodes; about 0.1 s for a reply of one
    word and 0.25 s for a sentence on one core. Thread-safe for as many lines as
    there are `workers`; more wait for each other. `phrases` are ignored: as part of
    the prompt they won one word in ten and made up two in a hundred.
    """

    languages = frozenset(STYLES)
    streaming = False

    def __init__(self, folder: Path, *, threads: int = 1, workers: int = 2) -> None:
        self._tokenizer = _tokenizer(folder)
        try:
            self._model = ctranslate2.models.Whisper(
                str(folder),
                device="cpu",
                compute_type="int8",
                intra_threads=threads,
                inter_threads=workers,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelMissing(MODEL, f"cannot be read: {folder}", _GIVE) from error
        self._end = self._id("<|endoftext|>")
        self._unwanted = [-1, *self._traditional()]

    @classmethod
    def load(
        cls, folder: Path | None = None, threads: int = 1, *, workers: int = 2
    ) -> Whisper:
        """The catalogue's model, joined into the models folder and verified.

        `folder` None: ~/.cache/accord/models. A folder that holds a `model.bin`
        itself is an operator's own model: used as it is, not verified.
        ModelMissing says what is absent or wrong and what to do.
        """
        models = folder or Path.home() / ".cache" / "accord" / "models"
        if (models / "model.bin").is_file():
            return cls(models, threads=threads, workers=workers)
        home = assemble(catalogue()[MODEL], models)
        return cls(home, threads=threads, workers=workers)

    def open(self, language: str, phrases: Sequence[str] = ()) -> WhisperHearing:
        """Begin an utterance in `zh` or `en`; ValueError for another language."""
        if language not in STYLES:
            known = ", ".join(sorted(STYLES))
            raise ValueError(f"whisper is set up for {known}, not {language!r}")
        return WhisperHearing(self, language)

    def decode(self, pcm: bytes, language: str, speech: float) -> tuple[str, float]:
        """Text and average log probability of `pcm`, with `speech` seconds of voice."""
        style = STYLES[language][speech >= SHORT]
        samples = resample(to_float(pcm), RATE, mel.RATE)
        tail = np.zeros(int(TAIL * mel.RATE), np.float32)
        spectrum = mel.log_mel(np.concatenate([samples, tail]))
        prompt = self._prompt(style.prompt, language)
        result = self._model.generate(
            ctranslate2.StorageView.from_array(spectrum[None]),
            [prompt],
            beam_size=1,
            repetition_penalty=style.repeat,
            max_length=len(prompt) + 6 + int(TOKENS * speech),
            return_scores=True,
            suppress_tokens=self._unwanted,
        )[0]
        heard = [token for token in result.sequences_ids[0] if token < self._end]
        text = unlooped(self._tokenizer.decode(heard).replace("\ufffd", "").strip())
        score = float(result.scores[0])
        wrong = score < style.least or INVENTED.search(text) is not None
        return ("" if wrong else text), score

    def _prompt(self, text: str, language: str) -> list[int]:
        before = self._tokenizer.encode(text, add_special_tokens=False).ids
        task = "<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>"
        ids = [self._id(t) for t in (*task, "<|notimestamps|>")]
        return [self._id("<|startofprev|>"), *before, *ids]

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ModelMissing(MODEL, f"has no token {token}", "use a Whisper model")
        return int(found)

    def _traditional(self) -> list[int]:
        """Tokens with a Han character that GB 2312, and so simplified text, lacks."""
        texts = ((i, self._tokenizer.decode([i])) for i in range(self._end))
        return [i for i, text in texts if any(map(_is_traditional, text))]


_GIVE = "give the folder of a CTranslate2 Whisper model"


def _tokenizer(folder: Path) -> tokenizers.Tokenizer:
    with contextlib.suppress(Exception):  # it raises nothing narrower
        return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    raise ModelMissing(MODEL, f"no tokenizer.json to read in {folder}", _GIVE)


class WhisperHearing:
    """One utterance; used by one thread at a time."""

    def __init__(self, whisper: Whisper, language: str) -> None:
        self._whisper = whisper
        self._language = language
        self._pcm = bytearray()
        self._finished = False

    def feed(self, pcm: bytes) -> str:
        """Keep the sound; there are no partial words."""
        self._pcm += pcm
        return ""

    def finish(self) -> Utterance:
        """Decode. Empty text and confidence 0 where no speech is, or none was
        understood. RuntimeError the second time."""
        if self._finished:
            raise RuntimeError("an utterance is finished once")
        self._finished = True
        seconds = len(self._pcm) / (2 * RATE)
        pcm, speech = spoken(bytes(self._pcm))
        text, score = "", 0.0
        if speech >= LEAST_SPEECH:
            text, score = self._whisper.decode(pcm, self._language, speech)
        confidence = math.exp(min(0.0, score)) if text else 0.0
        return Utterance(text, self._language, confidence, seconds)


def spoken(pcm: bytes) -> tuple[bytes, float]:
    """The part of `pcm` with a voice in it and a little around, and the voice's
    seconds. Noise, tones and music have none."""
    vad = Vad()
    marks = [vad.probability(frame) >= VOICED for frame in frames(pcm)]
    voiced = [i for i, mark in enumerate(marks) if mark]
    if not voiced:
        return b"", 0.0
    start = max(0, voiced[0] - round(BEFORE / FRAME_SECONDS))
    stop = voiced[-1] + 1 + round(AFTER / FRAME_SECONDS)
    stop = min(stop, start + round(LONGEST / FRAME_SECONDS))
    cut = pcm[start * FRAME_BYTES : stop * FRAME_BYTES]
    return cut, len(voiced) * FRAME_SECONDS


def unlooped(text: str) -> str:
    """Undo repetitions that decoding fell into: a whole text of one thing said twice
    or more (and perhaps begun again), or three times within a text. Digits, doubled
    characters ("谢谢") and questions like "是不是" are left alone."""
    bare = _PAUSES.sub("", text)
    for size in range(1, len(bare) // 2 + 1):
        unit = bare[:size]
        whole = unit * (len(bare) // size + 1)
        if whole.startswith(bare) and len(bare) > 2 and not _DIGIT.search(unit):
            return _first(text, size)
    return _LOOP.sub(r"\1", text)


_PAUSES = re.compile(r"[\s,.!?，。！？、]")
_DIGITS = r"\d〇零一二三四五六七八九十百千万两"
_DIGIT = re.compile(f"[{_DIGITS}]")
_LOOP = re.compile(rf"([^{_DIGITS}]{{2,12}}?)\1{{2,}}")


def _first(text: str, size: int) -> str:
    """`text` up to its `size`-th character that is not space or punctuation."""
    seen = 0
    for place, character in enumerate(text):
        seen += not _PAUSES.match(character)
        if seen == size:
            return text[: place + 1]
    return text


def _is_traditional(character: str) -> bool:
    if not "\u4e00" <= character <= "\u9fff":
        return False
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return True
    return False
