"""Hard rules: patterns over what was said, and over how it sounds.

A rule file is data (templates/lexicon/rules-*.toml). In Chinese each pattern is tried
on the characters first and then on sounds, where 别在大了 is 别再打了.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ivr.text import HAN, readings, sounds

NAME = re.compile(r"\{([a-z]+)\}")
MOST = 5  # repeats of a group
NEVER = re.compile(r"(?!)")


class LexiconError(ValueError):
    """A lexicon file that cannot be used; `problems` has one line for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    intent: str
    says: list[str] = []
    exact: list[str] = []
    unless: list[str] = []
    identified: bool = False
    needs: Literal["", "amount", "date"] = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    words: dict[str, str]
    rule: list[_Entry]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready: patterns on characters and on sounds."""

    intent: str
    says: re.Pattern[str]
    sounds: re.Pattern[str]
    unless: re.Pattern[str]
    unless_sounds: re.Pattern[str]
    identified: bool
    needs: str

    def holds(self, text: str) -> bool:
        """Does it hold on the characters of `text`?"""
        return bool(self.says.search(text)) and not self.unless.search(text)

    def rings(self, text: str, heard: str, least: int) -> bool:
        """Does it hold on at least `least` sounds in a row, and no exception does?"""
        return (
            _rings(self.sounds, heard, least)
            and not self.unless.search(text)
            and not _rings(self.unless_sounds, heard, least)
        )


def _rings(pattern: re.Pattern[str], heard: str, least: int) -> bool:
    """A word or two sound like too many others: 可以 is 可疑."""
    return any(m.end() - m.start() >= least for m in pattern.finditer(heard))


def load_rules(path: Path, language: str, intents: Collection[str]) -> list[Rule]:
    """Read a rule file; LexiconError lists everything that is wrong with it."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        file = _File.model_validate(raw)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LexiconError([f"{path}: {error}"]) from None
    except ValidationError as error:
        raise LexiconError(
            [
                f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}"
                for e in error.errors()
            ]
        ) from None
    problems: list[str] = []
    rules = []
    for n, entry in enumerate(file.rule, 1):
        place = f"{path}: rule {n} ({entry.intent})"
        if entry.intent not in intents:
            problems.append(f"{place}: no such intent")
        if not entry.says and not entry.exact:
            problems.append(f"{place}: expected `says` or `exact`")
        rules.append(_rule(entry, file.words, language, place, problems))
    if problems:
        raise LexiconError(list(dict.fromkeys(problems)))
    return rules


def _rule(
    entry: _Entry,
    words: Mapping[str, str],
    language: str,
    place: str,
    problems: list[str],
) -> Rule:
    def compiled(patterns: list[str], *, by_sound: bool = False) -> re.Pattern[str]:
        full = [_expand(p, words, place, problems) for p in patterns]
        for one in full:
            try:
                re.compile(one)
            except re.error as error:
                problems.append(f"{place}: {one}: {error}")
                return NEVER
        full = [_bounded(p) for p in full]
        joined = "|".join(_sounding(p) if by_sound else p for p in full)
        return re.compile(joined) if joined else NEVER

    heard = language == "zh"
    return Rule(
        intent=entry.intent,
        says=compiled([*entry.says, *entry.exact]),
        sounds=compiled(entry.says, by_sound=True) if heard else NEVER,
        unless=compiled(entry.unless),
        unless_sounds=compiled(entry.unless, by_sound=True) if heard else NEVER,
        identified=entry.identified,
        needs=entry.needs,
    )


def _expand(
    pattern: str, words: Mapping[str, str], place: str, problems: list[str]
) -> str:
    def word(match: re.Match[str]) -> str:
        if match[1] not in words:
            problems.append(f"{place}: {match[0]} is not in [words]")
            return ""
        return words[match[1]]

    return NAME.sub(word, NAME.sub(word, pattern))


def _bounded(pattern: str) -> str:
    """Repeated groups made harmless: no text may take long to be refused.

    A group repeated up to the end is atomic (what it took it keeps); any other repeats
    at most `MOST` times, so that trying every way stays cheap.
    """
    out: list[str] = []
    starts: list[int] = []  # where the open groups begin, in `out`
    last, inside = 0, False
    for at, char in enumerate(pattern):
        before = pattern[at - 1 : at]
        if char in "[]" and before != "\\":
            inside = char == "["
        if char in "()" and before != "\\" and not inside:
            if char == "(":
                starts.append(len(out))
            else:
                last = starts.pop()
        elif char in "*+" and before == ")" and pattern[at - 2 : at - 1] != "\\":
            if pattern[at + 1 : at + 2] not in {"$", ""}:
                char = f"{{{int(char == '+')},{MOST}}}"
            elif out[last : last + 3] == ["(", "?", ":"]:
                out[last + 2] = ">"
        out.append(char)
    return "".join(out)


def _sounding(pattern: str) -> str:
    """The pattern with each Chinese character replaced by its sounds."""
    out, inside = [], False
    for at, char in enumerate(pattern):
        if char in "[]" and pattern[at - 1] != "\\":
            inside = char == "["
        if not HAN.match(char):
            out.append(char)
            continue
        marks = readings(char)
        out.append(marks if inside or len(marks) == 1 else f"[{marks}]")
    return "".join(out)


def find(
    rules: list[Rule],
    text: str,
    admissible: Collection[str],
    found: Collection[str],
    least: int,
) -> str | None:
    """The intent of the first rule that holds; `found` names the slots at hand, `least`
    is how many sounds in a row must agree where the characters do not."""
    open_rules = [
        rule
        for rule in rules
        if rule.intent in admissible
        and (not rule.needs or rule.needs in found)
        and (not rule.identified or "yes" in admissible)
    ]
    if hit := next((r.intent for r in open_rules if r.holds(text)), None):
        return hit
    heard = sounds(text)
    return next((r.intent for r in open_rules if r.rings(text, heard, least)), None)


def denied(rules: list[Rule], text: str) -> set[str]:
    """Intents that the text takes back: 不用转人工."""
    return {r.intent for r in rules if r.unless.search(text)}
