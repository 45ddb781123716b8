"""Names of people: those we know, as a recogniser may write them, and those said aloud.

Recognisers write a Chinese name with any characters of the same sound, so a known name
is looked for by sound (pinyin without tones, with the confusions of southern speech
folded together); a short one only where a name can stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from pypinyin import Style, pinyin

from dialer.evidence.policy import Chinese, English

HAN = r"[\u3400-\u9fff]"
OF_HAN = re.compile(rf"{HAN}+")
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
CODES = str.maketrans("bfpvcgjkqsxzdtlmnr", "111122222222334556")


def either(words: Collection[str]) -> str:
    """A pattern for any of the words, longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


@lru_cache(maxsize=8192)
def sounds(character: str) -> frozenset[str]:
    """Every toneless reading of one character, folded: zh=z, ng=n, l=n at the front."""
    found = pinyin(character, style=Style.NORMAL, heteronym=True)[0]
    return frozenset(_fold(reading) for reading in found)


def _fold(reading: str) -> str:
    folded = re.sub(r"^([zcs])h", r"\1", reading).replace("v", "u")
    folded = re.sub(r"ng$", "n", folded)
    return re.sub(r"^l(?=[aeiou])", "n", folded)


# --- names we know


@dataclass(frozen=True, slots=True)
class HanName:
    """One known Chinese name, cut into surname and given name."""

    full: str
    surname: str
    given: str
    heard: tuple[frozenset[str], ...]  # the sounds of each character of `full`


class Known:
    """Finds the known names of one case. `before` and `after`: what may flank one."""

    def __init__(self, names: Collection[str], zh: Chinese, en: English) -> None:
        compound = set(zh.compound.split())
        plain = [re.sub(r"[\s·•]", "", name) for name in names]
        self._han = [_cut(n, compound) for n in plain if OF_HAN.fullmatch(n)]
        self._before, self._after = set(zh.before), set(zh.after)
        self._literal = self._literals()
        titled = "".join({*(n.surname for n in self._han if len(n.surname) == 1)})
        self._titles = re.compile(
            rf"(?:[老小阿]?[{titled or '　'}])(?=(?:{either(zh.titles.split())}))"
            rf"|(?<=[老小])[{titled or '　'}](?!{HAN}{HAN})"
        )
        latin = [n for n in names if not OF_HAN.search(n)]
        latin += [spelled for n in self._han for spelled in _spelled(n)]
        ambiguous = set(en.ambiguous.split())
        self._latin = [LatinName(name, ambiguous) for name in latin if WORD.search(name)]

    def _literals(self) -> re.Pattern[str] | None:
        words = [n.full for n in self._han] + [
            n.given for n in self._han if len(n.given) >= 2
        ]
        gap = r"[\s,，、·]{0,2}"
        spaced = (gap.join(map(re.escape, w)) for w in words)
        found = "|".join(sorted(spaced, key=len, reverse=True))
        return re.compile(found) if found else None

    def mask(self, text: str, mark: str) -> str:
        if self._literal and OF_HAN.search(text):
            text = self._literal.sub(mark, text)
            text = self._titles.sub(mark, text)
            text = self._by_sound(text, mark)
        for name in self._latin:
            text = name.mask(text, mark)
        return text

    def _by_sound(self, text: str, mark: str) -> str:
        spans = sorted({s for name in self._han for s in self._windows(text, name)})
        at, out = 0, ""
        for start, end in spans:
            if start >= at:
                out += text[at:start] + mark
                at = end
        return out + text[at:]

    def _windows(self, text: str, name: HanName) -> Iterator[tuple[int, int]]:
        whole, given = name.heard, name.heard[len(name.surname) :]
        for start, character in enumerate(text):
            if not OF_HAN.match(character):
                continue
            for heard, short in ((whole, len(whole) < 3), (given, True)):
                end = start + len(heard)
                if (
                    len(heard) >= 2
                    and _sounds_like(text[start:end], heard)
                    and (not short or self._flanked(text, start, end))
                ):
                    yield start, end
                    break

    def _flanked(self, text: str, start: int, end: int) -> bool:
        before = start == 0 or _may_flank(text[start - 1], self._before)
        return before and (end == len(text) or _may_flank(text[end], self._after))


def _sounds_like(window: str, heard: tuple[frozenset[str], ...]) -> bool:
    if len(window) < len(heard) or not OF_HAN.fullmatch(window):
        return False
    pairs = zip(window, heard, strict=True)
    return not any(sounds(c).isdisjoint(h) for c, h in pairs)


def _may_flank(character: str, allowed: set[str]) -> bool:
    return character in allowed or not OF_HAN.match(character)


def _cut(name: str, compound: set[str]) -> HanName:
    n = 2 if name[:2] in compound and len(name) > 2 else 1
    return HanName(name, name[:n], name[n:], tuple(sounds(c) for c in name))


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
        parts = [part for part in WORD.findall(name) if len(part) > 1]
        self._parts = {part.lower() for part in parts}
        self._doubtful = self._parts & ambiguous | {p for p in parts if len(p) < 3}
        self._codes = [(soundex(p), p.lower()) for p in parts if len(p) >= 4]
        joint = r"(?:[\s,.-]+(?:[A-Za-z]\.?[\s,]+)?)"
        either_way = (parts, parts[::-1])
        whole = {joint.join(map(re.escape, p)) for p in either_way if len(p) > 1}
        joined = {"".join(map(re.escape, p)) for p in either_way if len(p) > 1}
        found = "|".join(sorted(whole | joined, key=len, reverse=True))
        self._whole = re.compile(rf"\b(?:{found})\b", re.IGNORECASE) if found else None

    def mask(self, text: str, mark: str) -> str:
        if self._whole:
            text = self._whole.sub(mark, text)
        return WORD.sub(lambda m: mark if self._is_ours(m, mark) else m[0], text)

    def _is_ours(self, found: re.Match[str], mark: str) -> bool:
        word = re.sub(r"['’]s?$", "", found[0]).lower()
        large = found[0][0].isupper()
        before = found.string[: found.start()].rstrip(" ,")
        if word in self._doubtful:
            inside = bool(before) and before[-1] not in ".!?"
            return (large and inside) or before.endswith(mark)
        if word in self._parts:
            return True
        return large and len(word) >= 4 and self._heard(word)

    def _heard(self, word: str) -> bool:
        code = soundex(word)
        return any(code == c and _close(word, part) for c, part in self._codes)


def soundex(word: str) -> str:
    """Russell's code, with the first letter folded as well (Catherine, Katherine)."""
    letters = re.sub(r"[^a-z]", "", word.lower())
    if not letters:
        return ""
    coded = re.sub(r"[hw]", "", letters).translate(CODES)
    coded = re.sub(r"(\d)\1+", r"\1", coded)
    first = letters[0].translate(str.maketrans("ckqzx", "kkkss"))
    return first + re.sub(r"\D", "", coded[1:])[:3]


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


def _replace(pattern: re.Pattern[str]) -> Callable[[str, str], str]:
    def run(text: str, mark: str) -> str:
        return pattern.sub(lambda m: m["lead"] + mark + m["tail"], text)

    return run


def _chinese(zh: Chinese) -> Iterator[Callable[[str, str], str]]:
    surname = rf"(?:{either(zh.compound.split())}|[{zh.surnames.replace(chr(10), '')}])"
    other = rf"(?!{either(zh.not_names.split())})"
    business = rf"(?!{HAN}{{0,8}}(?:{either(zh.businesses.split())}))"
    relation = rf"(?:{either(zh.relations.split())})"
    name = rf"{other}{surname}(?![{zh.stop}]){HAN}(?:(?![{zh.stop}]){HAN})?"
    gap = r"[\s,，:：]{0,2}"
    patterns = [
        rf"(?P<lead>(?:我姓|免贵姓|贵姓){gap}){other}{surname}(?P<tail>)",
        rf"(?P<lead>(?:{either(zh.strong.split())}){gap}(?:是|叫)?){business}"
        rf"(?:{name}|[小阿老]{HAN}(?:(?![{zh.stop}]){HAN})?"
        rf"|(?:(?![{zh.stop}]){HAN}){{2,3}})(?P<tail>)",
        rf"(?P<lead>{relation}(?:是|叫|名字叫|名叫)?{gap}){name}(?P<tail>)",
        rf"(?P<lead>(?:{either(zh.weak.split())}){gap}){business}{name}(?P<tail>)",
        rf"(?P<lead>)(?<!{HAN}各位){other}{surname}"
        rf"(?P<tail>(?:先生|女士|小姐|太太|师傅|律师))",
    ]
    for pattern in patterns:
        yield _replace(re.compile(pattern))


def _english(en: English) -> Iterator[Callable[[str, str], str]]:
    stop = rf"(?!(?i:{either(en.stop.split())})\b)"
    business = rf"(?!(?:\s*[A-Za-z&']+){{0,4}}\s*\b(?i:{either(en.businesses.split())})\b)"
    large = rf"{stop}[A-Z][A-Za-z'’-]+"
    names = rf"{large}(?:\s+(?:[A-Z]\.?\s+)?{large}){{0,2}}"
    any_case = rf"{stop}[A-Za-z][A-Za-z'’-]+(?:\s+{stop}[A-Za-z][A-Za-z'’-]+){{0,2}}"
    strong = "|".join(re.escape(w) for w in en.strong.split("|"))
    weak = "|".join(re.escape(w) for w in en.weak.split("|"))
    patterns = [
        rf"(?P<lead>\b(?i:{strong})[\s,:]+(?:is\s+)?){business}{any_case}(?P<tail>)",
        rf"(?P<lead>\b(?i:{either(en.titles.split())})\b\.?\s+){stop}[A-Za-z][A-Za-z'’-]+"
        rf"(?:\s+{large})?(?P<tail>)",
        rf"(?P<lead>\b(?i:{either(en.relations.split())})\b[\s,]+(?:is\s+|named\s+)?)"
        rf"{names}(?P<tail>)",
        rf"(?P<lead>\b(?i:{weak})[\s,]+){business}{names}(?P<tail>)",
        rf"(?P<lead>){business}{names}(?P<tail>\s+(?:speaking|here)\b)",
    ]
    for pattern in patterns:
        yield _replace(re.compile(pattern))
