"""Names of people: those we know, as a recogniser may write them, and those said aloud.

Recognisers write a Chinese name with any characters of the same sound, so a known name
is looked for by sound (pinyin without tones, with the confusions of southern speech
folded together); a short one only where a name can stand.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from pypinyin import Style, pinyin
from pypinyin.pinyin_dict import pinyin_dict

from dialer.evidence.policy import Chinese, English

MONTHS_AND_WILL = "Will|May|April|June|August"  # also given names
HAN = r"[\u3400-\u9fff]"
OF_HAN = re.compile(rf"{HAN}+")
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
LETTERS = re.compile(r"[A-Za-z\u00c0-\u024f]+")
FIRST = str.maketrans("ckqzx", "kkkss")
CODES = str.maketrans("bfpvcgjkqsxzdtlmnr", "111122222222334556")


def either(words: Collection[str]) -> str:
    """A pattern for any of the words, longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


@lru_cache(maxsize=1)
def _alike() -> dict[str, str]:
    """By folded sound: every character of the Unicode main block that has it."""
    found: dict[str, list[str]] = {}
    for code in range(0x4E00, 0x9FA6):
        for sound in sounds(chr(code)):
            found.setdefault(sound, []).append(chr(code))
    return {sound: "".join(characters) for sound, characters in found.items()}


def sounds(character: str) -> frozenset[str]:
    """Every toneless reading of one character, folded: zh=z, ng=n, l=n at the front."""
    readings = pinyin_dict.get(ord(character), character)
    plain = unicodedata.normalize("NFD", readings).encode("ascii", "ignore").decode()
    return frozenset(_fold(reading) for reading in plain.split(","))


def _fold(reading: str) -> str:
    if reading[1:2] == "h":
        reading = reading[0] + reading[2:]
    if reading[:1] == "l":
        reading = "n" + reading[1:]
    return reading[:-1] if reading.endswith("ng") else reading


# --- names we know


@dataclass(frozen=True, slots=True)
class HanName:
    """One known Chinese name, cut into surname and given name."""

    full: str
    surname: str
    given: str


class Known:
    """Finds the known names of one case."""

    def __init__(self, names: Collection[str], zh: Chinese, en: English) -> None:
        compound = set(zh.compound.split())
        plain = [re.sub(r"[\s·•]", "", name) for name in names]
        han = [_cut(n, compound) for n in plain if OF_HAN.fullmatch(n)]
        shapes = [shape for name in han for shape in _shapes(name, zh)]
        self._han = re.compile("|".join(shapes)) if shapes else None
        latin = [n for n in names if not OF_HAN.search(n)]
        latin += [spelled for name in han for spelled in _spelled(name)]
        ambiguous = set(en.ambiguous.split())
        self._latin = [
            LatinName(name, ambiguous) for name in latin if WORD.search(name)
        ]

    def mask(self, text: str, mark: str) -> str:
        if self._han:
            text = self._han.sub(mark, text)
        if self._latin and WORD.search(text):
            for name in self._latin:
                text = name.mask(text, mark)
        return text


def _shapes(name: HanName, zh: Chinese) -> Iterator[str]:
    """Patterns for one name, the longest first: as written, by sound, in parts."""
    gap = r"[\s,，、·]{0,2}"
    flanked = rf"(?:^|(?<=[{zh.before}])|(?<!{HAN})){{}}(?=[{zh.after}]|(?!{HAN}))"
    whole, given = _by_sound(name.full), _by_sound(name.given)
    yield gap.join(name.full)
    if len(name.full) >= 3:
        yield whole
    elif len(name.full) == 2:
        yield flanked.format(whole)
    if len(name.given) >= 2:
        yield gap.join(name.given)
        yield flanked.format(given)
    family = _by_sound(name.surname)
    yield rf"(?:{name.surname}|{family})(?={either(zh.titles.split())})"
    yield rf"(?<=[老小阿]){name.surname}"


def _by_sound(part: str) -> str:
    alike = _alike()
    groups = ("".join(alike.get(s, "") for s in sorted(sounds(c))) + c for c in part)
    return "".join(f"[{group}]" for group in groups)


def _cut(name: str, compound: set[str]) -> HanName:
    n = 2 if name[:2] in compound and len(name) > 2 else 1
    return HanName(name, name[:n], name[n:])


def _spelled(name: HanName) -> Iterator[str]:
    """The romanised forms of a Chinese name, in both orders."""
    parts = pinyin(name.full, style=Style.NORMAL)
    family = "".join(p[0] for p in parts[: len(name.surname)])
    given = "".join(p[0] for p in parts[len(name.surname) :])
    if given:
        yield f"{family} {given}"
        yield " ".join([family, *(p[0] for p in parts[len(name.surname) :])])


class LatinName:
    """A known name in Latin letters: its parts, and words that sound like them."""

    def __init__(self, name: str, ambiguous: set[str]) -> None:
        parts = [part for part in LETTERS.findall(name) if len(part) > 1]
        self._parts = {plain(part) for part in parts}
        self._doubtful = {p for p in self._parts if p in ambiguous or len(p) < 3}
        self._codes = [(soundex(p), p) for p in self._parts if len(p) >= 4]
        self._initials = {code[0] for code, _ in self._codes}
        joint = r"(?:[\s,.'’-]+(?:[A-Za-z]\b\.?[\s,'’]+)?)"
        either_way = (parts, parts[::-1])
        whole = {joint.join(map(re.escape, p)) for p in either_way if len(p) > 1}
        joined = {"".join(map(re.escape, p)) for p in either_way if len(p) > 1}
        found = "|".join(sorted(whole | joined, key=len, reverse=True))
        self._whole = re.compile(rf"\b(?:{found})\b", re.IGNORECASE) if found else None

    def mask(self, text: str, mark: str) -> str:
        if self._whole:
            text = self._whole.sub(mark, text)
        return LETTERS.sub(lambda m: mark if self._is_ours(m, mark) else m[0], text)

    def _is_ours(self, found: re.Match[str], mark: str) -> bool:
        word = plain(found[0])
        large = found[0][0].isupper()
        if word in self._doubtful:
            before = found.string[: found.start()].rstrip(" ,")
            inside = bool(before) and before[-1] not in ".!?"
            return (large and inside) or before.endswith(mark)
        if word in self._parts:
            return True
        return large and len(word) >= 4 and self._heard(word)

    def _heard(self, word: str) -> bool:
        if word[0].translate(FIRST) not in self._initials:
            return False
        code = soundex(word)
        return any(code == c and _close(word, part) for c, part in self._codes)


def plain(word: str) -> str:
    """Lower case, without accents."""
    if word.isascii():
        return word.lower()
    bare = unicodedata.normalize("NFD", word).encode("ascii", "ignore").decode()
    return bare.lower() or word


def soundex(word: str) -> str:
    """Russell's code, with the first letter folded as well (Catherine, Katherine)."""
    letters = re.sub(r"[^a-z]", "", word.lower())
    if not letters:
        return ""
    coded = re.sub(r"[hw]", "", letters).translate(CODES)
    coded = re.sub(r"(\d)\1+", r"\1", coded)
    return letters[0].translate(FIRST) + re.sub(r"\D", "", coded[1:])[:3]


def _close(a: str, b: str) -> bool:
    """At most two single-letter edits apart."""
    if abs(len(a) - len(b)) > 2:
        return False
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y)))
    return row[-1] <= 2


# --- names said aloud


class Announced:
    """Finds names that people say about themselves or others."""

    def __init__(self, zh: Chinese, en: English) -> None:
        self._chinese = list(_chinese(zh))
        self._english = list(_english(en))

    def mask(self, text: str, mark: str) -> str:
        han, latin = OF_HAN.search(text), WORD.search(text)
        for one in self._chinese if han else ():
            text = one(text, mark)
        for one in self._english if latin else ():
            text = one(text, mark)
        return text


def _replace(pattern: str, needs: str = "") -> Callable[[str, str], str]:
    """A pass that keeps the groups `lead` and `tail`; it is skipped, for speed, where
    the pattern `needs` is not found."""
    find, gate = re.compile(pattern), re.compile(needs)

    def run(text: str, mark: str) -> str:
        if not gate.search(text):
            return text
        return find.sub(lambda m: m["lead"] + mark + m["tail"], text)

    return run


def _chinese(zh: Chinese) -> Iterator[Callable[[str, str], str]]:
    surname = rf"(?:{either(zh.compound.split())}|[{zh.surnames.replace(chr(10), '')}])"
    other = rf"(?!{either(zh.not_names.split())})"
    business = rf"(?!{HAN}{{0,8}}(?:{either(zh.businesses.split())}))"
    relation = rf"(?:{either(zh.relations.split())})"
    titled = either(zh.titles.split())
    name = rf"{other}{surname}(?!{titled})(?![{zh.stop}]){HAN}(?:(?![{zh.stop}]){HAN})?"
    gap = r"[\s,，:：]{0,2}"
    strong, weak = either(zh.strong.split()), either(zh.weak.split())
    titles = "先生|女士|小姐|太太|师傅|律师"
    nick = rf"[小阿老]{HAN}(?:(?![{zh.stop}]){HAN})?"
    yield _replace(
        rf"(?P<lead>(?:我姓|免贵姓|贵姓){gap}){other}{surname}(?P<tail>)", "姓"
    )
    yield _replace(
        rf"(?P<lead>(?:{strong}){gap}(?:是|叫)?){business}"
        rf"(?:{name}|{nick}|(?:(?![{zh.stop}]){HAN}){{2,3}})(?P<tail>)"
    )
    yield _replace(rf"(?P<lead>{relation}(?:是|叫|名字叫|名叫)?{gap}){name}(?P<tail>)")
    yield _replace(rf"(?P<lead>(?:{weak}){gap}){business}{name}(?P<tail>)")
    yield _replace(rf"(?P<lead>){other}{surname}(?P<tail>{titles})", titles)


def _english(en: English) -> Iterator[Callable[[str, str], str]]:
    stop = rf"(?!(?i:{either([*en.stop.split(), *en.titles.split()])})\b)"
    business = (
        rf"(?!(?:\s*[A-Za-z&']+){{0,4}}\s*\b(?i:{either(en.businesses.split())})\b)"
    )
    large = rf"{stop}[A-Z][A-Za-zÀ-ɏ'’-]+"
    first = rf"(?:{large}|(?:{MONTHS_AND_WILL})(?=\s+{large}))"
    names = rf"{first}(?:\s+(?:[A-Z]\.?\s+)?{large}){{0,2}}"
    word = rf"{stop}[A-Za-z][A-Za-zÀ-ɏ'’-]+"
    strong = en.strong.replace(" ", r"\s+")
    weak = en.weak.replace(" ", r"\s+")
    titles, relations = either(en.titles.split()), either(en.relations.split())
    yield _replace(
        rf"(?P<lead>\b(?i:{strong})[\s,:]+(?:is\s+)?){business}"
        rf"(?:{names}|{word}(?:\s+{word}){{0,2}})(?P<tail>)"
    )
    yield _replace(rf"(?P<lead>\b(?i:{titles})\b\.?\s+){word}(?:\s+{large})?(?P<tail>)")
    yield _replace(
        rf"(?P<lead>\b(?i:{relations})\b[\s,]+(?:is\s+|named\s+)?){names}(?P<tail>)"
    )
    yield _replace(rf"(?P<lead>\b(?i:{weak})[\s,]+){business}{names}(?P<tail>)")
    yield _replace(
        rf"(?P<lead>\b){names}(?P<tail>\s+(?:speaking|here)\b)",
        r"\b(?:speaking|here)\b",
    )
