"""Every rule that no other test breaks is broken here, in memory: each is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ivr.asking import wish_problems
from ivr.citing import law_problems
from ivr.flow import LEGAL_DUTIES, Walk, legal_problems
from ivr.inventory import LEGAL
from ivr.library import Library
from ivr.lint import SHARED, lint
from ivr.references import script_problems, template_problems, variant_problems
from ivr.script import Handler, Script
from ivr.template import Fragments, Template
from ivr.wording import fragments_wording, wording
from tests.templates.cases import library

SCRIPT = library().script("zh", "mediation")
FRAGMENTS = library().fragments["zh"]
TODAY = date(2026, 11, 24)


def script(state: str, **handlers: Handler) -> Script:
    """The shipped script with other handlers in one state."""
    old = SCRIPT.states[state]
    changed = old.model_copy(update={"on": {**old.on, **handlers}})
    states = {**SCRIPT.states, state: changed}
    return SCRIPT.model_copy(update={"states": states})


def walked(found: Script, **templates: Template) -> list[str]:
    every = {**library().templates["zh"], **templates}
    walk = Walk(found, every, library().early["zh"]).run()
    return [f"{place}: {what}" for place, what in walk.problems]


def told(found: list[str], expected: str) -> bool:
    return any(expected in problem for problem in found)


# --- flow


@pytest.mark.parametrize("key", ["otherwise", "afterwards"])
def test_what_a_turn_counts_as_instead_must_be_answered(key: str) -> None:
    both = {"otherwise": "no", "afterwards": "no", key: "person_absent"}
    turned = Handler(say=("go_on",), needs="date").model_copy(update=both)
    found = walked(script("debt", unsure=turned))
    assert told(found, "states.debt.on.unsure: nothing answers 'person_absent'")


def test_who_did_not_come_is_not_asked_for_again() -> None:
    again = {**SCRIPT.not_taken, "disputed": Handler(hand_over="disputed")}
    found = walked(SCRIPT.model_copy(update={"not_taken": again}))
    assert told(found, "not_taken.disputed: hands over again to a person who did not")


def test_more_rights_than_anybody_can_keep_in_mind() -> None:
    members = library().family("zh", "rights_explained")
    six = {
        one.id: one.model_copy(update={"rights": (*one.rights, "another")})
        for one in members
    }
    found = walked(SCRIPT, **six)
    assert told(found, "in a first call with 6 rights explained, not 3 to 5")


@pytest.mark.parametrize("intent", sorted(LEGAL_DUTIES))
def test_each_duty_must_be_done_in_each_state(intent: str) -> None:
    found = [
        f"{p}: {w}"
        for p, w in legal_problems(script("debt", **{intent: Handler(next="debt")}))
    ]
    assert [p for p in found if p.startswith(f"states.debt: {intent} must ")] == found
    assert found


@pytest.mark.parametrize("key", ["9", "0"])
def test_the_keys_that_always_work(key: str) -> None:
    keys = {k: v for k, v in SCRIPT.keys.items() if k != key}
    found = list(legal_problems(SCRIPT.model_copy(update={"keys": keys})))
    assert [place for place, _ in found] == [f"keys.{key}"]


# --- words


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"text": ("{amount}对吗，{amount}？",)}, "text: a slot twice in one sentence"),
        ({"again": ("否则不好。",)}, "again: forbidden '否则' (pressure)"),
        ({"again": ("对吗？行吗？",)}, "again: one question at a time"),
    ],
)
def test_words_of_a_template(change: dict[str, Any], expected: str) -> None:
    one = library().template("zh", "debt_question").model_copy(update=change)
    found = [f"{p}: {w}" for p, w in wording(one, "zh", library().forbidden["zh"])]
    assert told(found, expected)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"times": ("点" * 41, *FRAGMENTS.times[1:])}, "times: longer than 40 char"),
        ({"relative": ("今天", "今天", "后天")}, "relative: holds one text twice"),
        ({"plans": {"instalments": ("每月{each}。",)}}, "plans: deferral: there are"),
        (
            {"plans": {**FRAGMENTS.plans, "discount": ("第{nth}个，还{total}。",)}},
            "plans.discount: no slot 'nth'",
        ),
        (
            {"plans": {**FRAGMENTS.plans, "discount": ("否则还{total}。",)}},
            "plans.discount: forbidden '否则'",
        ),
        ({"last": "最后一期不同。"}, "last: does not say the sum"),
        ({"last": "最后一期{each}，{last}。"}, "last: no slot 'each'"),
        ({"wishes": {"ask_who": "知道IP"}}, "wishes: a voice may stumble over 'IP'"),
        ({"wishes": {"a": "想问", "b": "想问"}}, "wishes: holds one text twice"),
    ],
)
def test_words_of_fragments(change: dict[str, Any], expected: str) -> None:
    spoilt: Fragments = FRAGMENTS.model_copy(update=change)
    forbidden = library().forbidden["zh"]
    found = [f"{p}: {w}" for p, w in fragments_wording(spoilt, "zh", forbidden)]
    assert told(found, expected), found


def test_what_a_callee_may_want_can_be_asked_back_about() -> None:
    every, early = dict(FRAGMENTS.wishes), library().early["zh"]
    assert list(wish_problems(every, every, early)) == []

    def places(wishes: dict[str, str]) -> list[str]:
        return [f"{p}: {w}" for p, w in wish_problems(wishes, every, early)]

    for intent in LEGAL:
        without = {k: v for k, v in every.items() if k != intent}
        assert told(places(without), f"wishes: no words for {intent}")
        assert told(places(without), f"wishes.{intent}: is not in both languages")
    assert told(places({**every, "yes": "是"}), "wishes.yes: is no intent to ask back")
    indebted = {**every, "ask_who": "谁要您还欠款"}
    assert told(places(indebted), "wishes.ask_who: says '欠' before identity")


# --- both languages


@pytest.mark.parametrize("key", SHARED)
def test_what_must_be_the_same_in_both_languages(key: str) -> None:
    one = library().template("en", "debt_statement_card")
    other: dict[str, object] = {
        "variant_of": "debt_question",
        "stage": 0,
        "at": (2,),
        "products": ("loan",),
        "roles": ("debtor",),
        "reached": (1,),
        "when": "first_call",
        "time": 2,
        "answers": ("yes",),
        "rights": ("mediation",),
        "clauses": ("cn-pipl-13",),
        "confirmation": "plan",
        "keys": {"1": "yes"},
        "barge_in": False,
        "tone": "sorry",
    }
    changed = one.model_copy(update={key: other[key]})
    found = counterparts(lambda t: {**t, one.id: changed})
    assert told(found, f"{one.id}.{key}: is not what it is in zh")


def test_a_template_without_its_counterpart() -> None:
    found = counterparts(lambda t: {k: v for k, v in t.items() if k != "slower"})
    assert told(found, "slower.id: has no counterpart in en")


def counterparts(
    change: Callable[[dict[str, Template]], dict[str, Template]],
) -> list[str]:
    """Problems of the library with other templates in English; scripts left out."""
    base = library()
    templates = {**base.templates, "en": change(dict(base.templates["en"]))}
    none: dict[str, dict[str, Script]] = {"zh": {}, "en": {}}
    spoilt: Library = replace(base, templates=templates, scripts=none)
    return [f"{p.file}: {p.place}: {p.what}" for p in lint(spoilt)]


# --- law


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"quote": "…", "quote_status": "verified"}, "a quote of a text that was not"),
        ({"quote_status": "verified"}, "a quote and quote_status go together"),
    ],
)
def test_a_quote_is_of_a_text_that_was_read(
    change: dict[str, Any], expected: str
) -> None:
    laws = dict(library().laws)
    laws["cn-pipl-13"] = laws["cn-pipl-13"].model_copy(update=change)
    found = [str(p) for p in law_problems(replace(library(), laws=laws), TODAY)]
    assert told(found, f"cn-pipl-13: {expected}")


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, "does not say since when it is in force"),
        (date(2027, 1, 1), None, "is in force from 2027-01-01"),
        (date(2020, 1, 1), date(2026, 1, 1), "was in force until 2026-01-01"),
        (date(2020, 1, 1), None, ""),
    ],
)
def test_only_law_in_force_is_named_as_law(
    since: date | None, until: date | None, expected: str
) -> None:
    laws, templates = dict(library().laws), dict(library().templates["zh"])
    sure = {"status": "primary", "quote_status": "verified", "quote": "…"}
    known = {**sure, "in_force_from": since, "in_force_to": until}
    laws["cn-pipl-13"] = laws["cn-pipl-13"].model_copy(update=known)
    words = {"text": ("法律规定您可以查询。",), "again": (), "clauses": ("cn-pipl-13",)}
    templates["data_source"] = templates["data_source"].model_copy(update=words)
    every = {**library().templates, "zh": templates}
    spoilt = replace(library(), laws=laws, templates=every)
    found = [p for p in map(str, law_problems(spoilt, TODAY)) if ".text: " in p]
    assert told(found, f"but cn-pipl-13 {expected}") if expected else found == []


# --- names


def test_names_that_point_nowhere_or_twice() -> None:
    known = library().templates["zh"]
    one = known["debt_statement_card"].model_copy(
        update={"variant_of": "debt_statement_again"}
    )
    assert ("variant_of", "debt_statement_again is a variant itself") in [
        *variant_problems(one, known)
    ]
    keyed = known["debt_question"].model_copy(update={"keys": {"1": "maybe"}})
    assert ("keys", "no intent 'maybe'") in [
        *template_problems(keyed, library().laws, library().rights)
    ]
    for handler, what in (
        (Handler(next="debt", hang_up="silent"), "one of next, hang_up, hand_over"),
        (Handler(needs="date"), "needs and otherwise go together"),
        (Handler(otherwise="no"), "needs and otherwise go together"),
        (Handler(hand_over="whim"), "nothing for 'whim'"),
    ):
        found = [w for _, w in script_problems(script("debt", unsure=handler), known)]
        assert what in found
    clarify = SCRIPT.failures.clarify.model_copy(update={"keys": {"1": "si"}})
    failures = SCRIPT.failures.model_copy(update={"clarify": clarify})
    spoilt = SCRIPT.model_copy(update={"failures": failures})
    assert ("failures.clarify.keys", "no intent 'si'") in [
        *script_problems(spoilt, known)
    ]
