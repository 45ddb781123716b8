"""Callees in memory: what they do with what they hear. Frames in, frames out."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from dialer.channels.loopback.actor import SILENCE, Actor, actor, beep
from dialer.channels.loopback.callee import Callee, Speech, Turn, Voicemail
from dialer.channels.loopback.plot import Plot, plain
from speech.audio import level_db
from tests.contract.rig import tone

YES, NO, WELL = (Speech(pcm=tone(0.4, hz)) for hz in (503, 707, 907))
NAMES = {YES.pcm[:320]: "yes", NO.pcm[:320]: "no", WELL.pcm[:320]: "well"}


@dataclass
class Stage:
    """Plays a callee against silence and tones; notes what they do and when."""

    callee: Callee
    words: str = ""  # what our tones are taken for
    at: float = 0.0
    acts: list[tuple[float, str]] = field(default_factory=list)
    over: bool = False

    def __post_init__(self) -> None:
        self.actor: Actor = actor(self.callee, lambda s: s.pcm, lambda pcm: self.words)

    def play(self, seconds: float, *, talk: bool) -> None:
        sound = tone(seconds) if talk else bytes(round(seconds * 16000))
        for start in range(0, len(sound), 320):
            if self.over:
                return
            self.at += 0.02
            act = self.actor.step(sound[start : start + 320])
            if act.hung_up:
                self.over = True
                self._note("gone")
            if act.key:
                self._note(act.key)
            if act.frame in NAMES:
                self._note(NAMES[act.frame])

    def talk(self, seconds: float, words: str = "") -> None:
        self.words = words
        self.play(seconds, talk=True)

    def quiet(self, seconds: float) -> None:
        self.play(seconds, talk=False)

    def did(self) -> list[str]:
        return [what for _, what in self.acts]

    def _note(self, what: str) -> None:
        self.acts.append((round(self.at, 2), what))


def person(*turns: Turn, **more: object) -> Stage:
    return Stage(Callee("+8617000000001", turns=turns, **more))  # type: ignore[arg-type]


def test_one_turn_for_each_of_ours_in_order() -> None:
    stage = person(Turn(speech=YES), Turn(speech=NO))
    stage.quiet(3)
    assert stage.did() == []
    for _ in range(3):
        stage.talk(1)
        stage.quiet(3)
    assert stage.did() == ["yes", "no"]


def test_they_wait_for_our_pause_and_then_their_own() -> None:
    stage = person(Turn(speech=YES, wait=1.0))
    stage.talk(1)
    stage.quiet(4)
    ((at, _),) = stage.acts
    assert at == pytest.approx(1 + 0.7 + 1.0, abs=0.06)


def test_a_pause_within_our_sentence_is_not_its_end() -> None:
    stage = person(Turn(speech=YES), Turn(speech=NO))
    stage.talk(1)
    stage.quiet(0.5)
    stage.talk(1)
    stage.quiet(2)
    assert stage.did() == ["yes"]


def test_they_hear_us_out_when_we_go_on_before_they_answer() -> None:
    stage = person(Turn(speech=YES, wait=1.0), Turn(speech=NO))
    stage.talk(1)
    stage.quiet(1.2)  # they would have spoken at 1.7
    stage.talk(1)
    assert stage.did() == []
    stage.quiet(3)
    assert stage.did() == ["yes"]


def test_a_click_is_not_speech() -> None:
    stage = person(Turn(speech=YES))
    for _ in range(10):
        stage.talk(0.04)
        stage.quiet(0.4)
    stage.quiet(2)
    assert stage.did() == []


def test_hears_comes_before_the_order_and_wears_out() -> None:
    hears = Turn(hears=("本人", "is that"), times=2, speech=YES)
    stage = person(Turn(speech=NO), hears)
    for words in ("请问您是本人吗？", "Is  that, you?", "您是本人吗", "别的"):
        stage.talk(1, words)
        stage.quiet(3)
    assert stage.did() == ["yes", "yes", "no"]


def test_the_first_match_wins() -> None:
    both = (Turn(hears=("还款",), speech=NO), Turn(hears=("还款", "您"), speech=YES))
    stage = person(*both)
    stage.talk(1, "您想还款吗")
    stage.quiet(3)
    stage.talk(1, "您好")
    stage.quiet(3)
    assert stage.did() == ["no", "yes"]


@pytest.mark.parametrize(
    ("then", "did"),
    [("silent", ["yes"]), ("repeat", ["yes"] * 3), ("hang_up", ["yes", "gone"])],
)
def test_what_comes_after_the_list(then: str, did: list[str]) -> None:
    stage = person(Turn(speech=YES), then=then)
    for _ in range(3):
        stage.talk(1)
        stage.quiet(3)
    assert stage.did() == did


def test_keys_after_words_then_gone() -> None:
    stage = person(Turn(speech=WELL, press="9#", hang_up=True))
    stage.talk(1)
    stage.quiet(5)
    assert stage.did() == ["well", "9", "#", "gone"]
    times = [at for at, _ in stage.acts]
    assert times[1] - times[0] == pytest.approx(0.4, abs=0.03)
    assert times[2] - times[1] >= 0.1


def test_interrupting_speaks_over_us_and_counts_our_turn_as_answered() -> None:
    stage = person(Turn(speech=NO, interrupt_after=1.0), Turn(speech=YES))
    stage.talk(1.5)  # cut short by their barge-in
    assert stage.did() == ["no"]
    assert stage.acts[0][0] == pytest.approx(1.0, abs=0.06)
    stage.quiet(3)
    assert stage.did() == ["no"]
    stage.talk(1)
    stage.quiet(3)
    assert stage.did() == ["no", "yes"]


def test_who_is_not_stopped_by_an_interruption_is_heard_out() -> None:
    stage = person(Turn(speech=NO, interrupt_after=0.5), Turn(speech=YES))
    stage.talk(3)
    stage.quiet(0.3)
    stage.talk(3)
    stage.quiet(3)
    assert stage.did() == ["no"]


def test_a_quick_answer_to_an_interruption_is_a_new_turn() -> None:
    stage = person(Turn(speech=NO, interrupt_after=0.5), Turn(speech=YES))
    stage.talk(0.9)
    stage.quiet(0.55)
    stage.talk(1)
    stage.quiet(2)
    assert stage.did() == ["no", "yes"]


def test_an_interruption_may_hang_on_what_is_heard() -> None:
    turn = Turn(hears=("方案",), times=3, speech=NO, interrupt_after=0.6)
    stage = person(turn)
    stage.talk(2, "您好")
    stage.quiet(2)
    assert stage.did() == []
    stage.talk(2, "第一个方案")
    assert stage.did() == ["no"]


def test_a_short_turn_of_ours_is_answered_though_it_was_to_be_interrupted() -> None:
    stage = person(Turn(speech=NO, interrupt_after=5.0))
    stage.talk(1)
    stage.quiet(2)
    assert stage.did() == ["no"]


def test_silence_once_and_for_seconds() -> None:
    stage = person(Turn(silent=0.0), Turn(silent=6.0), Turn(speech=YES))
    stage.talk(1)
    stage.quiet(2)
    stage.talk(1)
    stage.quiet(2)
    stage.talk(1)  # within the six seconds: not even heard
    stage.quiet(4)
    assert stage.did() == []
    stage.talk(1)
    stage.quiet(2)
    assert stage.did() == ["yes"]


def test_hanging_up_in_the_middle() -> None:
    ours = person(Turn(hang_up=True, interrupt_after=1.0))
    ours.talk(3)
    assert ours.did() == ["gone"]
    assert ours.acts[0][0] == pytest.approx(1.0, abs=0.06)
    theirs = person(Turn(speech=YES, cut_after=0.2))
    theirs.talk(1)
    theirs.quiet(3)
    (_, said), (gone, _) = theirs.acts
    assert said == "yes"
    assert gone - theirs.acts[0][0] == pytest.approx(0.2, abs=0.03)
    clocked = person(hang_up_after=2.0)
    clocked.talk(3)
    assert clocked.acts == [(2.02, "gone")]


def test_a_greeting_comes_first() -> None:
    stage = person(Turn(speech=YES), greeting=WELL)
    stage.quiet(2)
    assert stage.acts == [(0.32, "well")]
    stage.talk(1)
    stage.quiet(2)
    assert stage.did() == ["well", "yes"]


def test_a_machine_greets_beeps_and_records() -> None:
    voicemail = Voicemail(YES, beep_seconds=0.5, record_seconds=3.0)
    machine = actor(
        Callee("+8617000000001", voicemail=voicemail), lambda s: s.pcm, lambda pcm: ""
    )
    heard = []
    while not (act := machine.step(tone(0.02))).hung_up:
        heard.append(act.frame)
    loud = [n for n, frame in enumerate(heard) if frame != SILENCE]
    assert heard[loud[0] : loud[0] + 20] == [
        YES.pcm[n * 320 : n * 320 + 320] for n in range(20)
    ]
    assert b"".join(heard[loud[-1] - 24 : loud[-1] + 1]) == beep(1000.0, 0.5)
    assert len(heard) - loud[-1] == pytest.approx(150, abs=2)
    assert level_db(beep(1000.0, 0.5)) == pytest.approx(-12, abs=0.2)


def test_plain_text_compares_across_marks_and_case() -> None:
    assert plain("  Is THAT, you? ") == "is that you"
    assert plain("您好，张三。") == "您好 张三"


def test_a_plot_forgets_nothing_it_was_not_told() -> None:
    turn = Turn(speech=YES)
    plot = Plot((turn, Turn(speech=NO)), "silent")
    assert plot.due("") is plot.due("") is turn
    plot.played(turn)
    assert plot.due("") == Turn(speech=NO)


def test_equal_turns_are_two_turns() -> None:
    stage = person(Turn(speech=YES), Turn(speech=YES))
    for _ in range(3):
        stage.talk(1)
        stage.quiet(2)
    assert stage.did() == ["yes", "yes"]
