"""What networks say before a call fails, by words and by tones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import hibari
import numpy as np
import pytest

from dialer.settings import shipped
from speech.amd import looks_recorded
from speech.announcements import (
    BY_TONE,
    Kind,
    announced,
    listen,
    read_announcements,
    signalled,
)
from speech.audio import resample, telephone, to_pcm
from speech.port import SpeechError, Utterance
from speech.recognisers.whisper import Whisper
from speech.tones import INFORMATION, TONES
from tests.kit.tones import cadence

LEXICON = read_announcements(shipped("templates") / "lexicon" / "announcements.toml")
RNG = np.random.default_rng(29)
BUSY = cadence([450], [0.35, 0.35], 6.0, RNG)


@pytest.mark.parametrize(
    ("language", "text", "kinds"),
    [
        ("zh", "您好，您拨打的号码是空号，请核对后再拨。", "unallocated"),
        ("zh", "对不起，您所拨打的号码不存在，请查证后再拨。", "unallocated"),
        ("zh", "您好，您拨打的电话已停机。", "suspended"),
        ("zh", "对不起，您拨打的用户已关机。", "powered_off"),
        ("zh", "您好！您拨打的电话不在服务区，请稍后再拨。", "out_of_coverage"),
        ("zh", "您拨打的电话暂时无法接通，请稍后再拨。", "unreachable"),
        ("zh", "您好，请不要挂机，您拨打的电话正在通话中。", "busy"),
        ("zh", "对不起，您拨打的用户正忙，请稍后再拨。", "busy"),
        ("zh", "您拨打的电话暂时无人接听，请稍后再拨。", "unanswered"),
        ("zh", "对不起，网络忙，请稍后再拨。", "congestion"),
        ("zh", "您好，您拨打的电话已设置呼入限制。", "barred"),
        ("zh", "您拨打的用户已关机或不在服务区。", "out_of_coverage powered_off"),
        ("zh", "您不打的电话不再服务去,请稍后再播。", "out_of_coverage"),
        ("zh", "您播打的好吗是空好。", "unallocated"),
        ("zh", "请在滴声后留言。", ""),
        ("zh", "爱你一万年，爱你经得起考验。", ""),
        ("zh", "", ""),
        ("en", "Sorry, the number you dialed does not exist.", "unallocated"),
        ("en", "The number you have reached is not in service.", "unallocated"),
        ("en", "Your call cannot be completed as dialed.", "unallocated"),
        ("en", "The number you dialed is out of service.", "suspended"),
        ("en", "The subscriber you dialed is powered off.", "powered_off"),
        ("en", "The phone you dialed is out of the service area.", "out_of_coverage"),
        ("en", "The customer is temporarily unavailable.", "unreachable"),
        ("en", "The subscriber you dialed is busy now.", "busy"),
        ("en", "We're sorry, all circuits are busy now.", "congestion"),
        ("en", "The person you have called is not answering.", "unanswered"),
        ("en", "Incoming calls are barred.", "barred"),
        ("en", "I'm busy loving you, the whole night long.", ""),
        ("en", "Please hold while we try to connect you.", ""),
    ],
)
def test_announcements_are_known(language: str, text: str, kinds: str) -> None:
    assert sorted(announced(text, language, LEXICON)) == kinds.split()


def test_every_phrase_can_match_and_is_of_one_kind() -> None:
    assert set(LEXICON) == set(Kind)
    for kind, phrases in LEXICON.items():
        for language in ("zh", "en"):
            listed = phrases.of(language)
            assert len(listed) == len(set(listed)) > 0
            for phrase in listed:
                text = phrase.replace("*", " 并 and ")
                assert looks_recorded(text, [phrase]), phrase
                assert announced(text, language, LEXICON) == {kind}, phrase


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[busy]\nzh = ["正在通话"]', r"busy\.en: Field required"),
        ("[bussy]\nzh = []\nen = []", "bussy"),
        ("[busy]\nzh = []\nen = []\nfr = []", r"busy\.fr: Extra inputs"),
        ('[busy]\nzh = ["忙*"]\nen = []', "'忙.*' would match nearly anything"),
        ("[busy\n", "one.toml"),
    ],
)
def test_a_wrong_lexicon_is_told(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "one.toml"
    file.write_text(content, "utf-8")
    with pytest.raises(SpeechError, match=said):
        read_announcements(file)


def test_tones_say_it_where_they_say_anything() -> None:
    assert signalled(BUSY) == {Kind.BUSY}
    assert signalled(cadence([450], [1.0, 4.0], 12.0, RNG)) == frozenset()
    known = {tone.kind for tone in TONES} | set(INFORMATION.values())
    assert set(BY_TONE) == known - {"ringback"}


class Told:
    """A recogniser and its hearing: always the same words."""

    languages = frozenset({"zh", "en"})
    streaming = False

    def __init__(self, text: str) -> None:
        self._text = text
        self.seconds = 0.0

    def open(self, language: str, phrases: Sequence[str] = ()) -> Told:
        return self

    def feed(self, pcm: bytes) -> str:
        self.seconds += len(pcm) / 16000
        return ""

    def finish(self) -> Utterance:
        return Utterance(self._text, "zh", 0.9, self.seconds)


def test_a_recogniser_is_asked_only_where_somebody_speaks() -> None:
    told = Told("您拨打的号码是空号")
    assert listen(BUSY, "zh", told, LEXICON) == {Kind.BUSY}
    assert told.seconds == 0


@pytest.mark.model
def test_words_come_before_the_tone_that_follows_them() -> None:
    said = np.asarray(hibari.Hibari()("The number you have dialed is gone.", seed=3))
    pcm = bytes(480_000) + telephone(to_pcm(resample(said, 24000, 8000))) + BUSY
    told = Told("您拨打的号码是空号")
    assert listen(pcm, "zh", told, LEXICON) == {Kind.UNALLOCATED}
    assert told.seconds == 15.0, "only the end is recognised"
    assert listen(pcm, "zh", Told("嗯"), LEXICON) == {Kind.BUSY}


@pytest.mark.model
@pytest.mark.slow
def test_an_announcement_is_understood_through_a_telephone(tmp_path: Path) -> None:
    whisper, voice = Whisper.load(tmp_path), hibari.Hibari()
    for text, kind in (
        ("The number you have reached is not in service.", Kind.UNALLOCATED),
        ("The subscriber you dialed is powered off.", Kind.POWERED_OFF),
    ):
        said = np.asarray(voice(text, speed=0.9, seed=5))
        pcm = telephone(to_pcm(resample(said, 24000, 8000)))
        assert listen(pcm + BUSY, "en", whisper, LEXICON) == {kind}
