"""Vosk: streaming words, grammars and word times; one model a language.

Kaldi's own endpointing only cuts the sound into stretches here; turns are decided
by `speech.endpoint`.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import vosk

from speech.port import RATE, ModelMissing, UnknownWords, Utterance, Word

#: How models spell "some other word", which a grammar must allow; never in a result.
UNKNOWN = ("[unk]", "<UNK>")
UNSPACED = frozenset({"zh", "ja"})  #: languages written without spaces
_LONGEST_WORD = 8  # characters, when a phrase without spaces is cut into words


class Vosk:
    """A `Recogniser`. One instance serves all lines; a model takes 0.5 GB or less,
    an open utterance some 36 MB. `feed` is uneven (0.3 s at worst): use the pool."""

    streaming = True

    def __init__(self, models: Mapping[str, vosk.Model]) -> None:
        self._models = dict(models)
        self.languages = frozenset(self._models)

    @classmethod
    def load(cls, folders: Mapping[str, Path]) -> Vosk:
        """One unpacked model folder a language. ModelMissing names what is wrong."""
        vosk.SetLogLevel(-1)
        return cls({language: _model(path) for language, path in folders.items()})

    def open(self, language: str, phrases: Sequence[str] = ()) -> VoskHearing:
        """Begin an utterance; ValueError for a language without a model.

        With `phrases` only their words are heard, at a tenth of the cost. UnknownWords
        lists words the vocabulary lacks (Vosk itself would drop them in silence).
        """
        if language not in self._models:
            known = ", ".join(sorted(self._models))
            raise ValueError(f"there are vosk models for {known}, not {language!r}")
        model = self._models[language]
        if not phrases:
            return VoskHearing(vosk.KaldiRecognizer(model, RATE), language)
        lines = _grammar(model, language, phrases)
        lines += [u for u in UNKNOWN if model.vosk_model_find_word(u) >= 0]
        grammar = json.dumps(lines, ensure_ascii=False)  # \\uXXXX is not understood
        return VoskHearing(vosk.KaldiRecognizer(model, RATE, grammar), language)


class VoskHearing:
    """One utterance; used by one thread at a time."""

    def __init__(self, recogniser: vosk.KaldiRecognizer, language: str) -> None:
        recogniser.SetWords(True)
        self._recogniser = recogniser
        self._language = language
        self._parts = list[_Part]()
        self._bytes = 0
        self._finished = False

    def feed(self, pcm: bytes) -> str:
        """Take sound; the words so far."""
        self._bytes += len(pcm)
        if self._recogniser.AcceptWaveform(pcm):
            self._parts.append(parse(self._recogniser.Result()))
            return self._joined(part[0] for part in self._parts)
        partial = str(json.loads(self._recogniser.PartialResult()).get("partial", ""))
        return self._joined([*(part[0] for part in self._parts), partial])

    def finish(self) -> Utterance:
        """All words with their times. RuntimeError the second time."""
        if self._finished:
            raise RuntimeError("an utterance is finished once")
        self._finished = True
        self._parts.append(parse(self._recogniser.FinalResult()))
        parts = [part for part in self._parts if part[0]]
        words = tuple(word for _, _, spoken in parts for word in spoken)
        sure = sum(c for _, c, _ in parts) / len(parts) if parts else 0.0
        text = self._joined(part[0] for part in parts)
        return Utterance(text, self._language, sure, self._bytes / (2 * RATE), words)

    def _joined(self, texts: Iterable[str]) -> str:
        words = " ".join(texts).split()
        known = (word for word in words if word not in UNKNOWN)
        return ("" if self._language in UNSPACED else " ").join(known)


_Part = tuple[str, float, tuple[Word, ...]]


def parse(answer: str) -> _Part:
    """(text, confidence 0..1, words) of Vosk's JSON in either of its two shapes:
    one result, or alternatives with scores, of which the first is taken."""
    found = json.loads(answer)
    others = found.get("alternatives")
    best = (others[0] if others else {}) if others is not None else found
    words = tuple(
        Word(w["word"], float(w["start"]), float(w["end"]), float(w.get("conf", 1.0)))
        for w in best.get("result", ())
        if w["word"] not in UNKNOWN
    )
    heard = str(best.get("text", "")).split()
    text = " ".join(word for word in heard if word not in UNKNOWN)
    if not text:
        return "", 0.0, ()
    if others:
        return text, _share([float(o.get("confidence", 0.0)) for o in others]), words
    sure = sum(w.confidence for w in words) / len(words) if words else 1.0
    return text, min(1.0, max(0.0, sure)), words


def _share(scores: Sequence[float]) -> float:
    """How much of the probability the first of these log scores has."""
    top = max(scores)
    return math.exp(scores[0] - top) / sum(math.exp(s - top) for s in scores)


def _model(path: Path) -> vosk.Model:
    remedy = "`dialer models fetch` it, or name the folder of an unpacked Vosk model"
    if not (path / "conf").is_dir():
        raise ModelMissing(path.name, f"no Vosk model in {path}", remedy)
    with contextlib.suppress(Exception):  # it raises nothing narrower
        return vosk.Model(str(path))
    raise ModelMissing(path.name, f"cannot be read: {path}", remedy)


def _grammar(model: vosk.Model, language: str, phrases: Sequence[str]) -> list[str]:
    lines, unknown = [], dict[str, None]()
    for phrase in phrases:
        words = list[str]()
        for word in phrase.split():
            known = _cut(model, word) if language in UNSPACED else [word]
            words += known
            unknown |= {w: None for w in known if model.vosk_model_find_word(w) < 0}
        lines.append(" ".join(words))
    if unknown:
        raise UnknownWords(list(unknown))
    return [line for line in lines if line]


def _cut(model: vosk.Model, text: str) -> list[str]:
    """`text` as the longest words the vocabulary has, from the left."""
    words = []
    while text:
        sizes = range(min(len(text), _LONGEST_WORD), 1, -1)
        has = model.vosk_model_find_word
        size = next((n for n in sizes if has(text[:n]) >= 0), 1)
        words.append(text[:size])
        text = text[size:]
    return words
