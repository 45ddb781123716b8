"""What one turn of the callee means: hard rules, then a classifier, else unknown.

The intents are those of the inventory; which of them are admissible depends on the
stage. Legal and care intents are admissible always, are looked for first, and win
over all else; when several are heard, the others are in the slot `also`. Rules do not
decide alone: each speaks for its intent, and the classifier weighs it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from ivr import slots
from ivr.classifier import (
    LATER,
    Classifier,
    Decision,
    Limits,
    decide,
    load_classifier,
    taken_back,
)
from ivr.inventory import INTENTS, LEGAL
from ivr.port import Understood
from ivr.rules import Rule, denied, find, load_rules
from ivr.text import letters, plain

LANGUAGES = ("zh", "en")
# how many syllables must sound right where the characters are wrong
LEGAL_SOUNDS, SOUNDS = 3, 4
LONGEST = 160  # characters that are looked at; a turn is a sentence or three

# a day in these is in the past, or not an offer
NO_DATE = {"already_paid", "dispute_debt", "ask_details"}
CONTRACTIONS = (
    (
        r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should|must)n'?t\b",
        r"\1 not",
    ),
    (r"\b(?:can't|can not|cant)\b", "cannot"),
    (r"\b(?:won't|wont)\b", "will not"),
    (r"\bain't\b", "is not"),
    (r"\b(i)'?m\b", r"\1 am"),
    (r"(?<=[a-z])'re\b", " are"),
    (r"(?<=[a-z])'ve\b", " have"),
    (r"(?<=[a-z])'ll\b", " will"),
    (r"(?<=[a-z])'d\b", " would"),
    (r"\b(it|that|what|who|there|he|she|here|where|how|when|name|this)'s\b", r"\1 is"),
    (r"\blet's\b", "let us"),
    (r"\bgonna\b", "going to"),
    (r"\bwanna\b", "want to"),
    (r"\bgotta\b", "got to"),
    (r"\bgimme\b", "give me"),
    (r"\bdunno\b", "do not know"),
    (r"(?<!the )\b(?:um+|uh+|er+|erm|ah+)\b(?! huh)", ""),
)


def understand(
    text: str,
    language: str,
    admissible: Collection[str],
    today: datetime,
    *,
    heard: bool = False,
) -> Understood:
    """What `text` means.

    `language` is "zh" or "en"; `today` is aware and in the callee's zone; `heard`: a
    recogniser wrote it, so it must be surer to be acted on, else is a guess. Legal and
    care intents are found whether admissible or not. Slots: callback_at (ISO 8601
    with offset), date (ISO), amount and months (plain numbers), option ("1" to "3"),
    yes_no ("yes", "no"), also (other legal intents heard, comma separated).
    """
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r}: expected one of {LANGUAGES}")
    said = normal(text, language)
    if not said:
        return Understood("unknown", 0.0, "none")
    found = values(text, language, today)
    legal, rules, taken = spoken_for(said, language, admissible, found)
    open_intents = set(admissible) | LEGAL | {"unknown"}
    score = taken_back(classifier(language).scores(said), taken)
    model = classifier(language)
    got = _decided(score, open_intents, legal, rules, model.limits(heard))
    if heard and got.intent == "unknown" and rules:  # whole words misheard fit no rule
        typed = _decided(score, open_intents, legal, rules, model.limits(heard=False))
        got = typed if typed.intent in rules else got
    others = [intent for intent in legal if intent != got.intent]
    if others and got.intent != "unknown":
        found["also"] = ",".join(others)
    by = "none" if got.intent == "unknown" else _by(got.intent, [*legal, *rules])
    open_ordinary = (set(admissible) - LEGAL) | {"unknown"}
    intent = _settle(got.intent, text, language, today, open_ordinary, found)
    return Understood(intent, round(got.confidence, 3), by, found, got.guess)


def normal(text: str, language: str) -> str:
    """What rules and classifier look at: one form, no punctuation, not too long."""
    said = letters(plain(text, language), language)[:LONGEST]
    return expand(said) if language == "en" else said


def spoken_for(
    said: str, language: str, admissible: Collection[str], found: Collection[str]
) -> tuple[list[str], list[str], set[str]]:
    """What rules take it for: legal and care intents, first things first; at most one
    other; and the legal and care intents that the text takes back."""
    legal, ordinary = lexicon(language)
    hits = _legal(legal, said, admissible, found)
    others = (set(admissible) - LEGAL) | {"unknown"}
    rule = find(ordinary, said, others, found, SOUNDS)
    return hits, [rule] if rule else [], denied(legal, said) - set(hits)


def _decided(
    score: dict[str, float],
    admissible: set[str],
    legal: list[str],
    rules: list[str],
    limits: Limits,
) -> Decision:
    """The first legal or care intent that the classifier does not contradict; where it
    is sure of none, the first guess."""
    got = first = decide(score, admissible, legal, rules, limits)
    while got.intent == "unknown" and legal[1:]:
        legal = legal[1:]
        got = decide(score, admissible, legal, rules, limits)
        first = first if first.guess else got
    return first if got.intent == "unknown" else got


def _by(intent: str, rules: Collection[str]) -> str:
    if intent in rules or (intent in LATER and not set(LATER).isdisjoint(rules)):
        return "rule"
    return "classifier"


def ready(*languages: str) -> None:
    """Load rules and models now, not in the first call."""
    for language in languages:
        lexicon(language)
        classifier(language)


def expand(text: str) -> str:
    """English without contractions and hesitations: don't -> do not."""
    for pattern, full in CONTRACTIONS:
        text = re.sub(pattern, full, text)
    return " ".join(text.split())


def _legal(
    rules: list[Rule], said: str, admissible: Collection[str], found: Collection[str]
) -> list[str]:
    open_intents = set(LEGAL) | ({"yes"} & set(admissible))
    hits: list[str] = []
    while intent := find(rules, said, open_intents - set(hits), found, LEGAL_SOUNDS):
        hits.append(intent)
    return hits


def values(text: str, language: str, today: datetime) -> dict[str, str]:
    """Every value named in `text`, by the name of its slot; see `understand`."""
    found: dict[str, str] = {}
    day: date | None = slots.date(text, language, today.date())
    if day:
        found["date"] = day.isoformat()
    if (amount := slots.amount(text, language)) is not None:
        found["amount"] = slots.decimal(amount)
    if months := slots.months(text, language):
        found["months"] = str(months)
    if option := slots.option(text, language):
        found["option"] = option
    if (answer := slots.yes_no(text, language)) is not None:
        found["yes_no"] = "yes" if answer else "no"
    return found


def _settle(
    intent: str,
    text: str,
    language: str,
    today: datetime,
    admissible: Collection[str],
    found: dict[str, str],
) -> str:
    """A call-back with a time is callback_time, without one busy_now."""
    if intent in NO_DATE:
        found.pop("date", None)
    if intent not in {"busy_now", "callback_time", "person_absent"}:
        return intent
    at = slots.callback(text, language, today)
    if at is not None:
        found["callback_at"] = at.isoformat()
    if intent == "person_absent":
        return intent
    wanted = "callback_time" if at is not None else "busy_now"
    return wanted if wanted in admissible else "unknown"


@lru_cache
def lexicon(language: str) -> tuple[list[Rule], list[Rule]]:
    """The rules of a language: legal and care, and the others."""
    rules = load_rules(folder() / f"rules-{language}.toml", language, INTENTS)
    return (
        [rule for rule in rules if rule.intent in LEGAL],
        [rule for rule in rules if rule.intent not in LEGAL],
    )


@lru_cache
def classifier(language: str) -> Classifier:
    """The classifier of a language, read once a process and verified."""
    return load_classifier(folder(), language)


@lru_cache
def folder() -> Path:
    """templates/lexicon, in a checkout or inside the installed package."""
    root = Path(__file__).parents[1]
    places = [root / "templates" / "lexicon", root / "dialer/data/templates/lexicon"]
    return next((p for p in places if p.is_dir()), places[0])
