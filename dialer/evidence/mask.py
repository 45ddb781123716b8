"""Masking: what was said, without what would tell who it was (R21).

It is the last step before a text leaves the memory of a call. Masking twice gives what
masking once gives. Dates and times stay.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import get_args

from dialer.evidence.names import OF_HAN, Announced, Known, either
from dialer.evidence.numbers import digits_of, kind, money, runs
from dialer.evidence.places import mail, places
from dialer.evidence.policy import Kind, Labels, Policy, load_policy

KINDS: tuple[Kind, ...] = get_args(Kind)
#: While masking, one character of the private-use area stands for a label.
SIGNS: dict[Kind, str] = {what: chr(0xE000 + i) for i, what in enumerate(KINDS)}
KEPT = 0xE100  # and from here on, for the phrases that the policy keeps
PRIVATE = re.compile(r"[\ue000-\uf8ff]")
UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
WIDE = {code: code - 0xFEE0 for code in [*range(0xFF10, 0xFF1A), 0xFF20]}
WIDE |= {
    code: code - 0xFEE0 for code in [*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]
}
ROUNDS = 6  # a round that changes nothing ends it; one or two are usual
#: So many cases' names are kept compiled, in memory, at a time.
CASES = 64


class Values:
    """The known values of one case, made ready to be found."""

    def __init__(self, known: Collection[str], policy: Policy) -> None:
        numbers = {value for value in known if re.search(r"\d{3}", value)}
        names = {value for value in known if value.strip()} - numbers
        self.names = Known(sorted(names), policy.zh, policy.en)
        found = {digits_of(value) for value in numbers}
        self.digits = tuple(sorted(d for d in found if len(d) >= 4))
        loose = [re.sub(r"[^A-Za-z0-9]", "", value) for value in numbers]
        spelled = [r"[\s_.-]*".join(v) for v in loose if len(v) >= 4]
        wrapped = rf"[+＋]?(?<![A-Za-z0-9])(?:{'|'.join(spelled)})(?![A-Za-z0-9])"
        self.exact = re.compile(wrapped, re.IGNORECASE) if spelled else None


class Mask:
    """The masking policy, ready to use. Thread-safe; holds the values of a few recent
    cases in memory and nothing else."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._announced = Announced(policy.zh, policy.en)
        self._values = lru_cache(CASES)(lambda known: Values(known, policy))
        self._keep = re.compile(either(policy.keep), re.I) if policy.keep else None
        both = (policy.labels.zh, policy.labels.en)
        self._signs = {ls.of(k): SIGNS[k] for ls in both for k in KINDS}
        self._labels = re.compile(either(self._signs))

    @property
    def shows_amounts(self) -> bool:
        """Does the policy let sums of money be seen?"""
        return self._policy.amounts == "keep"

    def text(
        self, text: str, known: Collection[str] = (), keep: Collection[str] = ()
    ) -> str:
        """`text` with every personal value replaced by a label such as [姓名].

        `known`: the case's own values (names, id, account, phones), found in any shape.
        `keep`: phrases that are no secret here, such as the agency's name.
        """
        labels = (
            self._policy.labels.zh if OF_HAN.search(text) else self._policy.labels.en
        )
        values = self._values(tuple(known))
        bare = UNSEEN.sub("", PRIVATE.sub(" ", text)).translate(WIDE)
        bare = self._labels.sub(lambda m: self._signs[m[0]], bare)
        bare, kept = self._set_aside(bare, keep)
        for _ in range(ROUNDS):
            before, bare = bare, self._round(bare, values)
            if bare == before:
                break
        return _written(bare, labels, kept)

    def _round(self, text: str, values: Values) -> str:
        text = mail(text, SIGNS.__getitem__)
        if values.exact:
            text = values.exact.sub(lambda m: SIGNS[_known(m[0])], text)
        text = self._announced.mask(text, SIGNS["name"])
        text = values.names.mask(text, SIGNS["name"])
        text = places(text, SIGNS.__getitem__)
        plain = self._policy.amounts == "keep"
        if not plain:
            text = money(text, SIGNS.__getitem__)
        least = self._policy.min_digits
        return runs(text, SIGNS.__getitem__, values.digits, least, plain)

    def _set_aside(self, text: str, keep: Collection[str]) -> tuple[str, list[str]]:
        kept: list[str] = []

        def aside(found: re.Match[str]) -> str:
            kept.append(found[0])
            return chr(KEPT + len(kept) - 1)

        if self._keep:
            text = self._keep.sub(aside, text)
        if keep:
            text = re.sub(either([k for k in keep if k]) or "(?!)", aside, text)
        return text, kept


def _known(value: str) -> Kind:
    return "account" if re.search("[A-Za-z]{2}", value) else kind(digits_of(value))


def _written(text: str, labels: Labels, kept: list[str]) -> str:
    """Signs to labels, one label for several of a kind in a row."""
    for what, sign in SIGNS.items():
        if sign in text:
            text = re.sub(f"{sign}(?: ?{sign})*", labels.of(what), text)
    for i, phrase in enumerate(kept):
        text = text.replace(chr(KEPT + i), phrase)
    return text


def load_mask(path: Path) -> Mask:
    """Read config/masks.toml. MaskError: the file is wrong, with every place."""
    return Mask(load_policy(path))
