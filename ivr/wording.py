"""Rules of the linter about words: what a voice can say well and an ear keep apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import SequenceMatcher
from itertools import combinations

from ivr.template import SLOT_TYPES, Fragments, Template, slots
from ivr.text import syllables

MAX_CHARACTERS = 60  #: of a Chinese sentence
MAX_WORDS = 25  #: of an English sentence
SLOT_CHARACTERS = 6  # what a slot counts for
SLOT_WORDS = 3
MAX_FRAGMENT = 40  # characters: fragments are short clips
MAX_ALIKE = 0.6  # of two English words, by their letters
QUESTION_MARKS = "？?"
OPTION_NAMES = frozenset({"instalments", "deferral", "discount", "mediation"})
OPTION_SLOTS = frozenset({"nth", "months", "each", "total"})  # of those listed
PLAN_SLOTS = OPTION_SLOTS - {"nth"}  # of those not listed
#: What a voice reads as it is meant; a figure or a sign may be read in many ways.
SPEAKABLE = {
    "zh": re.compile(r"[\u4e00-\u9fff，。？！、：；]*"),
    "en": re.compile(r"[A-Za-z ,.?!:'-]*"),
}
FINITE = ("relative", "months", "days", "times", "ordinals")
#: A sum is spoken with its unit.
UNITS = ("元", "块", "dollar", "yuan", "pound", "euro")


def wording(
    template: Template, language: str, forbidden: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """(place, what) of every word that is wrong in a template."""
    for key, lines in (("text", template.text), ("again", template.again)):
        for line in lines:
            for what in (*_words(line, language, forbidden), *_slots(line)):
                yield key, f"{what}: {line}"
        questions = sum(line.count(mark) for line in lines for mark in QUESTION_MARKS)
        if questions > 1:
            yield key, "one question at a time"


def _words(line: str, language: str, forbidden: Mapping[str, str]) -> Iterator[str]:
    for word, why in forbidden.items():
        if word in line.lower():
            yield f"forbidden {word!r} ({why})"
    if what := _too_long(line, language):
        yield what
    yield from _unspeakable(line, language)


def _unspeakable(line: str, language: str) -> Iterator[str]:
    bare = line.format(**dict.fromkeys(slots(line), ""))
    if not SPEAKABLE[language].fullmatch(bare):
        signs = "".join(c for c in bare if not SPEAKABLE[language].fullmatch(c))
        yield f"a voice may stumble over {signs!r}"


def _slots(line: str) -> Iterator[str]:
    names = slots(line)
    if len(set(names)) < len(names):
        yield "a slot twice in one sentence"
    if "}{" in line:
        yield "nothing is said between two slots"
    for name in names:
        kind = SLOT_TYPES[name]
        if kind == "option" and line != f"{{{name}}}":
            yield f"the option {name!r} is a sentence of its own"
        after = line.partition(f"{{{name}}}")[2].strip()
        if kind == "money" and after.startswith(UNITS):
            yield f"the sum {name!r} is spoken with its unit already"


def _too_long(line: str, language: str) -> str:
    names = slots(line)
    bare = line.format(**dict.fromkeys(names, ""))
    if language == "zh":
        size = len(bare) + SLOT_CHARACTERS * len(names)
        return f"{size} characters, at most {MAX_CHARACTERS}" * (size > MAX_CHARACTERS)
    size = len(bare.split()) + SLOT_WORDS * len(names)
    return f"{size} words, at most {MAX_WORDS}" * (size > MAX_WORDS)


def fragments_wording(
    fragments: Fragments, language: str, forbidden: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """(place, what) of every fragment that is wrong or sounds like another."""
    for kind, known in (("options", OPTION_SLOTS), ("plans", PLAN_SLOTS)):
        table: dict[str, tuple[str, ...]] = getattr(fragments, kind)
        for name in sorted(OPTION_NAMES ^ set(table)):
            yield kind, f"{name}: there are {', '.join(sorted(OPTION_NAMES))}"
        for name, pieces in table.items():
            yield from _pieces(f"{kind}.{name}", pieces, known, language, forbidden)
    yield from _pieces("last", (fragments.last,), {"last"}, language, forbidden)
    if "last" not in slots(fragments.last):
        yield "last", "does not say the sum"
    finite = {k: getattr(fragments, k) for k in FINITE}
    finite["wishes"] = tuple(fragments.wishes.values())
    for key, texts in finite.items():
        for text in texts:
            if len(text) > MAX_FRAGMENT:
                yield key, f"longer than {MAX_FRAGMENT} characters: {text}"
            for what in _words(text, language, forbidden):
                yield key, f"{what}: {text}"
        if len(set(texts)) < len(texts):
            yield key, "holds one text twice"
    for one, other in combinations(fragments.ordinals, 2):
        if alike(one, other, language):
            yield "ordinals", f"{one!r} and {other!r} sound alike on a telephone"


def _pieces(
    place: str,
    pieces: tuple[str, ...],
    known: Collection[str],
    language: str,
    forbidden: Mapping[str, str],
) -> Iterator[tuple[str, str]]:
    for slot in sorted(set(slots("".join(pieces))) - set(known)):
        yield place, f"no slot {slot!r}"
    for piece in pieces:
        for what in _words(piece, language, forbidden):
            yield place, f"{what}: {piece}"


def alike(one: str, other: str, language: str) -> bool:
    """May the one be heard for the other? Chinese by sound, without what a telephone
    blurs; English by letters."""
    if language == "zh":
        return syllables(one) == syllables(other)
    return SequenceMatcher(None, one.lower(), other.lower()).ratio() > MAX_ALIKE
