"""The sixty callees of bench/conversation.py, and how they are scored."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.conversation import FOLDER, contacts, with_voice
from bench.outcomes import Ended, figures, interval
from dialer.channels.loopback.callee import Callee, Expect
from dialer.channels.loopback.callees import load_callees
from dialer.model import Disposition
from dialer.settings import Settings, shipped

OURS = Settings(home=Path()).speech.voices.values()
#: Ends that nobody's words bring about
NETWORK = {"busy", "no_answer", "declined", "unallocated", "congestion", "failed"}
FAULTS = {"refused", "cancelled", "error", "unknown", "not_understood", "hung_up"}
OURS_TO_AVOID = {"abandoned"}


@pytest.fixture(scope="module")
def called() -> dict[str, Callee]:
    return load_callees(FOLDER, engine_voices=tuple(OURS))


def test_every_end_that_words_bring_about_is_expected_somewhere(
    called: dict[str, Callee],
) -> None:
    assert Counter(c.language for c in called.values()) == {"zh": 30, "en": 30}
    wanted = {c.expect.disposition for c in called.values() if c.expect}
    assert wanted == {str(d) for d in Disposition} - NETWORK - FAULTS - OURS_TO_AVOID
    assert {c.noise_snr_db for c in called.values()} == {20}


def test_these_are_other_people_than_the_demos(called: dict[str, Callee]) -> None:
    demo = load_callees(shipped("config") / "demo" / "callees")
    assert not set(called) & set(demo)
    long = {t for c in demo.values() for t in c.texts() if len(t) > 20}
    assert not long & {t for c in called.values() for t in c.texts()}


def test_a_contact_for_each_and_no_other(
    called: dict[str, Callee], tmp_path: Path
) -> None:
    two = dict(list(called.items())[::30])
    chosen = contacts(FOLDER, two, tmp_path / "two.csv")
    assert len(chosen.read_text("utf-8").splitlines()) == 3
    every = contacts(FOLDER, called, tmp_path / "all.csv")
    assert every.read_text("utf-8") == (FOLDER / "contacts.csv").read_text("utf-8")


def test_further_styles_speak_where_there_are_any(tmp_path: Path) -> None:
    callee = Callee("+8617000000101", "zh", "kokoro:jf_gongitsune", name="zh-x")
    assert with_voice(callee, tmp_path).voice == "kokoro:jf_gongitsune"
    (tmp_path / "zf_other.bin").touch()
    assert with_voice(callee, tmp_path).voice == f"kokoro:{tmp_path}/zf_other.bin"
    assert with_voice(Callee("+8617000000102"), tmp_path).voice == ""


def ended(got: str, stage: int, *flags: str) -> Ended:
    wanted = Expect("opted_out", ("do_not_call",), 2)
    return Ended("zh-x", "zh", wanted, got, stage, frozenset(flags), 10.0)


def test_outcome_flags_and_stage_must_all_be_right() -> None:
    assert ended("opted_out", 2, "do_not_call", "no_recording").wrong == ""
    assert ended("silent", 2, "do_not_call").wrong == "expected opted_out, got silent"
    assert ended("opted_out", 3).wrong == (
        "flags missing: do_not_call; expected stage 2, got 3"
    )


def test_a_share_is_told_with_its_interval() -> None:
    # Wilson, 57 of 60 and 60 of 60, as published calculators have it
    assert interval(57, 60) == pytest.approx((0.8630, 0.9829), abs=1e-4)
    assert interval(60, 60) == pytest.approx((0.9398, 1.0), abs=1e-4)
    told = figures([ended("opted_out", 2, "do_not_call"), ended("silent", 2)])
    assert (told["right"], told["of"], told["share"]) == (1, 2, 0.5)
