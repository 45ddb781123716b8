"""Slots become speech, and every clip can be rendered before the call."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from ivr import fill
from ivr.port import Option
from ivr.template import LANGUAGES
from tests.templates.cases import CASES, EN, MEDIATION, NOW, ZH, library


def test_a_sentence_with_slots_known_before_is_one_clip() -> None:
    say = fill.say(library(), ZH, "debt_statement", stage=2)
    assert say.clips == (
        "您在东屿银行尾号六六零八的账户还没有结清。",
        "一共一万二千三百元。",
    )
    assert say.text == "".join(say.clips)
    assert say.key_sentence


def test_a_slot_of_the_call_is_spoken_from_fragments() -> None:
    facts = {"callback_at": (NOW + timedelta(days=1, hours=5)).isoformat()}
    say = fill.say(library(), ZH, "read_callback", facts=facts)
    assert say.clips == ("好的，那我", "明天", "下午三点", "再打给您，对吗？")
    assert say.text == "好的，那我明天下午三点再打给您，对吗？"
    say = fill.say(library(), EN, "read_date", facts={"promise_date": "2026-12-05"})
    assert say.clips == ("You said", "December", "fifth", "is that right?")
    assert say.text == "You said December fifth, is that right?"


def test_what_the_case_does_not_know_is_left_out() -> None:
    say = fill.say(library(), replace(ZH, due=None), "answer_details")
    assert say.text == "合同和明细我们可以书面发给您。"
    two = replace(ZH, options=ZH.options[:2])
    assert len(fill.say(library(), two, "options_list").clips) == 6
    bare = fill.say(library(), replace(ZH, amount=Decimal(0)), "answer_amount")
    assert bare.clips == ("您在东屿银行尾号六六零八的账户还没有结清。",)
    whole = replace(EN, amount=Decimal(0))
    assert fill.say(library(), whole, "answer_amount").text == ""


def test_a_sum_that_is_said_twice_is_one_clip() -> None:
    later = Option("deferral", 1, Decimal(12300), Decimal(12300))
    case = replace(ZH, options=(later,))
    spoken = {
        name: fill.say(library(), case, name).clips
        for name in ("debt_statement", "options_list")
    }
    assert all("一共一万二千三百元。" in clips for clips in spoken.values())
    clips = fill.clips(library(), case)
    sums = [clip.text for clip in clips if "一万二千三百元" in clip.text]
    assert sums == ["一共一万二千三百元。"]


def test_each_kind_of_option_has_its_words() -> None:
    case = replace(ZH, options=(ZH.options[2], MEDIATION))
    chosen = [
        fill.say(library(), case, "read_option", facts={"option": n}).clips[1:-1]
        for n in ("1", "2")
    ]
    assert chosen == [
        ("第一个，", "一次还一万一千零七十元，就算结清。"),
        ("第二个，请第三方调解员来商量。",),
    ]


@pytest.mark.parametrize(
    ("minutes", "read_back"),
    [
        (-1, None),  # past
        (1, "10:30"),  # up to the half hour
        (30, "10:30"),
        (31, "11:00"),
        (10 * 60 + 30, "20:30"),
        (10 * 60 + 31, None),  # too late in the evening
        (21 * 60, None),  # 07:00
        (21 * 60 + 31, "08:00"),
        (31 * 24 * 60, None),  # too far ahead
    ],
)
def test_a_call_back_is_read_back_on_the_half_hour(
    minutes: int, read_back: str | None
) -> None:
    then = fill.callback((NOW + timedelta(minutes=minutes)).isoformat(), NOW)
    assert (then.strftime("%H:%M") if then else None) == read_back
    if then:
        assert then.utcoffset() == NOW.utcoffset()


def test_a_time_without_a_zone_is_the_callees_and_nonsense_is_none() -> None:
    assert fill.callback("2026-11-25T10:00:00", NOW) == NOW + timedelta(days=1)
    assert fill.callback("2026-11-25T02:00:00+00:00", NOW) == NOW + timedelta(days=1)
    assert fill.callback("soon", NOW) is None
    assert fill.promise("payday", NOW) is None


@pytest.mark.parametrize(
    ("ahead", "counts"), [(-1, False), (0, True), (125, True), (126, False)]
)
def test_a_promise_is_neither_past_nor_far_away(ahead: int, *, counts: bool) -> None:
    day = NOW.date() + timedelta(days=ahead)
    assert (fill.promise(day.isoformat(), NOW) == day) is counts


@pytest.mark.parametrize("language", LANGUAGES)
def test_clips_are_few_short_and_in_the_order_of_need(language: str) -> None:
    case = CASES[language]
    clips = fill.clips(library(), case)
    texts = [clip.text for clip in clips]
    assert texts == fill.all_clips(library(), case)
    assert len(set(texts)) == len(texts)
    first = fill.say(library(), case, "opening").clips[0]
    order = [
        first,
        fill.say(library(), case, "ask_identity").clips[0],
        fill.say(library(), case, "debt_statement").clips[0],
        fill.say(library(), case, "read_option", facts={"option": "1"}).clips[1],
        library().fragments[language].days[30],
    ]
    assert sorted(order, key=texts.index) == order
    assert texts[0] == first
    personal = {clip.text for clip in clips if clip.personal}
    assert personal == fill.personal_clips(library(), case)
    assert 0 < len(personal) <= 10  # rendered for one person only: slow in Chinese


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_clip_shared_by_calls_holds_a_personal_word(language: str) -> None:
    case = CASES[language]
    spoken = fill.spoken_values(library(), case)
    assert len(spoken) == 8  # name, creditor, tail, amount, due; three other sums
    shared = [c.text for c in fill.clips(library(), case) if not c.personal]
    for value in spoken:
        assert [text for text in shared if value in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("month", range(1, 13))
def test_every_day_and_time_within_reach_is_among_the_clips(
    language: str, month: int
) -> None:
    today = datetime(2026, month, 28, 10, tzinfo=NOW.tzinfo)
    case = replace(CASES[language], today=today)
    fragments = library().fragments[language]
    ready = fill.fragment_clips(fragments, today.date())
    assert len(ready) <= 70
    spoken = set[str]()
    for ahead in range(fill.PROMISE_DAYS + 1):
        day = (today + timedelta(days=ahead)).date()
        spoken.update(fill.day_clips(fragments, day, today.date()))
    for half_hours in range(48 * fill.CALLBACK_DAYS):
        then = today + timedelta(minutes=30 * half_hours)
        if fill.callback(then.isoformat(), today):
            facts = {"callback_at": then.isoformat()}
            spoken.update(fill.say(library(), case, "read_callback", facts=facts).clips)
    assert spoken <= set(fill.all_clips(library(), case))


def test_the_next_three_days_have_words_of_their_own() -> None:
    fragments = library().fragments["zh"]
    today = date(2026, 12, 30)
    said = [
        fill.day_clips(fragments, today + timedelta(days=n), today) for n in range(4)
    ]
    assert said == [("今天",), ("明天",), ("后天",), ("一月", "二号")]
