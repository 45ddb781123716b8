"""Legal and care intents: caught in every stage, however said; not when denied."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.intent import LANGUAGES, understand
from ivr.inventory import LEGAL, STAGES

DATA = Path(__file__).parents[1] / "data"
NOW = datetime(2026, 11, 24, 14, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
FEWEST = 15


def said(language: str) -> dict[str, list[str]]:
    return tomllib.loads((DATA / f"legal-{language}.toml").read_text("utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_legal_intent_has_many_phrasings(language: str) -> None:
    phrasings = said(language)
    assert phrasings.keys() == LEGAL | {"negative"}
    assert all(len(texts) >= FEWEST for texts in phrasings.values())


def heard(text: str, language: str) -> set[str]:
    """What is understood, in any stage."""
    return {understand(text, language, STAGES[s], NOW).intent for s in STAGES}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("intent", sorted(LEGAL))
def test_it_is_caught_in_every_stage(intent: str, language: str) -> None:
    got = {text: heard(text, language) for text in said(language)[intent]}
    assert {text: found for text, found in got.items() if found != {intent}} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_not_heard_where_it_is_denied(language: str) -> None:
    got = {text: heard(text, language) & LEGAL for text in said(language)["negative"]}
    assert {text: found for text, found in got.items() if found} == {}


def test_it_is_caught_even_where_it_is_not_admissible() -> None:
    assert understand("别再打了", "zh", {"yes", "no"}, NOW).intent == "stop_calling"


@pytest.mark.parametrize(
    ("language", "text", "intent", "also"),
    [
        ("zh", "我要投诉你们，别再打了", "stop_calling", "complaint"),
        ("en", "stop calling me or I will sue you", "stop_calling", "complaint"),
        ("zh", "我不想活了，别再打了", "distress", "stop_calling"),
        ("zh", "人已经去世了，别再打电话来了", "stop_calling", "deceased"),
    ],
)
def test_the_others_heard_are_not_lost(
    language: str, text: str, intent: str, also: str
) -> None:
    got = understand(text, language, STAGES[2], NOW)
    assert got.intent == intent
    assert also in got.slots["also"].split(",")


@pytest.mark.parametrize(
    ("language", "text", "intent"),
    [
        ("zh", "没有律师在场我什么都不说", "attorney"),
        ("en", "I won't talk without my lawyer", "attorney"),
    ],
)
def test_what_looks_like_a_denial_may_be_none(
    language: str, text: str, intent: str
) -> None:
    assert heard(text, language) == {intent}
