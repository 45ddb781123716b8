"""One conversation on a line in the test's own time: keys, silence, beeps, endings.

What is said is a hum; the words are those of the shipped library. Speech is another
matter: tests/live hears real voices.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.call.conversation import (
    PAUSE_SECONDS,
    SLOWER,
    Conversation,
    Studio,
    Talked,
)
from dialer.call.record import Record
from dialer.model import Disposition
from ivr import fill
from ivr.port import Say
from tests.kit.clock import FakeClock
from tests.kit.handset import Handset, Step, tone
from tests.kit.studio import MASK, humming
from tests.templates.cases import EN, ZH, library

KNOWN = (EN.name, "4111222233336608")


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    async with humming(tmp_path, FakeClock()) as found:
        yield found


async def talk(studio: Studio, line: Handset) -> Talked:
    async def flag(name: str) -> None:
        line.log.append(f"stored {name}")

    return await Conversation(studio, line, EN, KNOWN, flag).talk()


def keys(pressed: str, each: float = 1.0) -> list[Step]:
    return [Step(each, key=key) for key in pressed]


def ours(talked: Talked) -> list[str]:
    return [turn.template for turn in talked.record.timeline() if turn.who == "us"]


async def test_an_opt_out_is_stored_before_goodbye_is_said(studio: Studio) -> None:
    line = Handset(keys("9"))
    talked = await talk(studio, line)
    assert talked.disposition is Disposition.OPTED_OUT
    after = line.log[line.log.index("key 9") :]
    assert after[:3] == ["key 9", "stored do_not_call", "say"]
    assert line.queued() == 0, "goodbye was heard to its end"
    assert talked.flags == ("do_not_call",)


async def test_keys_lead_to_a_person_who_takes_over(studio: Studio) -> None:
    waits = (20, 44, 12, 30, 16, 2)  # each question is heard before its key
    steps = [Step(s, key=k) for s, k in zip(waits, "112110", strict=True)]
    line = Handset(steps)
    talked = await talk(studio, line)
    assert talked.disposition is Disposition.HANDED_OVER
    assert line.log[-1] == "transfer to people"
    assert {"identity", "debt", "plan"} <= set(talked.record.confirmed)
    assert talked.stage >= 4
    measures = talked.record.measures(talked.seconds, talked.silence)
    assert measures["confirmations"] >= 3
    assert measures["rights_explained"] == 5


async def test_what_was_cut_short_is_said_again_and_confirms_nothing(
    studio: Studio,
) -> None:
    """They press 1 into the rights: neither those nor the debt were heard."""
    steps = [Step(20.0, key="1"), Step(15.0, key="1"), Step(40.0, hang_up=True)]
    talked = await talk(studio, Handset(steps))
    said = ours(talked)
    assert said[said.index("rights_explained") :][1:4] == [
        *("go_on", "debt_statement", "debt_question")
    ]
    assert talked.record.confirmed == ["identity"]
    steps[2:] = [Step(21.0, key="1"), Step(40.0, hang_up=True)]
    talked = await talk(studio, Handset(steps))
    said = ours(talked)
    after = said[said.index("debt_question") + 1 :]
    assert after[:2] == ["rights_rest", "mediation_offer"]
    assert talked.record.confirmed == ["identity", "debt"]
    measures = talked.record.measures(talked.seconds, talked.silence)
    assert measures["rights_explained"] == 4
    steps[3:] = [Step(3.0, key="1"), Step(1.0, hang_up=True)]  # cut again
    talked = await talk(studio, Handset(steps))
    measures = talked.record.measures(talked.seconds, talked.silence)
    assert measures["rights_explained"] == 0, "and the record says so"


async def test_who_asks_for_slower_speech_gets_it_measured(tmp_path: Path) -> None:
    async with humming(tmp_path, FakeClock()) as studio:
        plain, slow = Record(MASK, KNOWN), Record(MASK, KNOWN)

        async def unused(name: str) -> None:
            raise AssertionError(name)

        for record in (plain, slow):
            line = Handset()
            found = Conversation(studio, line, EN, KNOWN, unused)
            found._record = record
            say = fill.say(library(), EN, "rights_explained")
            await found._say(replace(say, slow=record is slow))
    said = [r.measures(1.0, 0.0) for r in (plain, slow)]
    ratio = said[0]["units_per_minute"] / said[1]["slow_units_per_minute"]
    assert ratio == pytest.approx(SLOWER, rel=0.03)
    assert "units_per_minute" not in said[1]
    lasted = [r.turns[0].seconds for r in (plain, slow)]
    pauses = PAUSE_SECONDS * len(say.clips)
    assert lasted[1] == pytest.approx(SLOWER * lasted[0] + pauses, rel=0.03)


async def test_rights_that_were_heard_to_their_end_count(studio: Studio) -> None:
    steps = [Step(20.0, key="1"), Step(60.0, key="0")]
    talked = await talk(studio, Handset(steps))
    measures = talked.record.measures(talked.seconds, talked.silence)
    assert 3 <= measures["rights_explained"] <= 5


async def test_nothing_of_the_debt_is_said_before_identity(studio: Studio) -> None:
    talked = await talk(studio, Handset(keys("2", 3.0)))
    said = " ".join(turn.text for turn in talked.record.timeline())
    assert EN.creditor not in said
    assert "[amount]" not in said
    assert talked.disposition is Disposition.THIRD_PARTY


async def test_a_person_who_does_not_come_is_not_waited_for(studio: Studio) -> None:
    line = Handset([Step(20.0, key="1"), Step(1.0, key="0")], takes_over=False)
    talked = await talk(studio, line)
    assert "transfer to people" in line.log
    assert talked.disposition is Disposition.CALLBACK
    assert "no_person_talk" in ours(talked)


async def test_a_beep_is_a_machine_and_hears_no_debt(studio: Studio) -> None:
    line = Handset([Step(2.0, sound=tone(1000, 0.5))])
    talked = await talk(studio, line)
    assert talked.disposition is Disposition.VOICEMAIL
    assert ours(talked)[-1] == "voicemail_message"
    assert EN.creditor not in talked.record.timeline()[-1].text
    assert talked.record.facts["beep"] == "heard"


async def test_who_hangs_up_is_noted_with_what_was_stored(studio: Studio) -> None:
    talked = await talk(studio, Handset([Step(1.0, hang_up=True)]))
    assert talked.disposition is Disposition.HUNG_UP
    assert talked.hung_up is None


async def test_silence_has_a_budget(studio: Studio) -> None:
    talked = await talk(studio, Handset())
    assert talked.disposition is Disposition.SILENT
    assert 0 < talked.silence <= studio.silence_budget + 0.1
    assert "silent_bye" in ours(talked)


async def test_a_call_does_not_go_on_for_ever(studio: Studio) -> None:
    short = replace(studio, max_seconds=25.0)
    talked = await talk(short, Handset([Step(20.0, key="1")]))
    assert talked.disposition is Disposition.NO_COMMITMENT
    assert ours(talked)[-1] == "goodbye"


async def test_a_key_stops_what_is_being_said(studio: Studio) -> None:
    line = Handset(keys("9", 0.2))
    talked = await talk(studio, line)
    opening, goodbye = (t for t in talked.record.timeline() if t.who == "us")
    assert opening.interrupted
    assert opening.seconds < 0.5
    assert goodbye.template == "stop_bye", "what was queued behind is not in the record"


def test_what_only_sounds_like_the_name_is_no_name_when_we_say_it() -> None:
    record = Record(MASK, ("陈安宁", ZH.name))
    say = Say("offer", (), "转人工请按零。", 1, shown="转人工请按零。")
    record.ours(say, 0.0, 1.0)
    record.theirs("我是陈安宁", 1.0, 1.0, 1, None)
    leaked = replace(say, shown="请问您是陈安宁吗？")
    record.ours(leaked, 2.0, 1.0)
    assert [turn.text for turn in record.turns] == [
        "转人工请按零。",
        "我是[姓名]",
        "请问您是[姓名]吗？",
    ]
