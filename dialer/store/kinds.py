"""Numbers that the gate cannot tell apart: judged once for all of their kind.

A judge that is a `KnowingJudge` says from when on calls matter to it. Whoever had none
since, and is under no flag, is told from others by nothing but place and papers: the
same columns, the same verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from dialer.model import Case, Contact, KnowingJudge, Verdict
from dialer.store import cases

Key = tuple[
    str, int, str, str, str, str | None
]  # columns as they stand, and which number


class Batch(NamedTuple):
    """What all contacts of a page have in common."""

    batch_id: str
    importer: str
    reviewers: tuple[str, ...]
    asked: tuple[tuple[str, ...], str]


class Kinds:
    """Of a page's numbers; `since`: the first instant that matters to any of them."""

    def __init__(
        self,
        judge: KnowingJudge,
        now: datetime,
        batch: Batch,
        found: Sequence[tuple[Contact, Any]],
    ) -> None:
        self._judge = judge
        self._now = now
        self._cases = dict[Key, Case]()
        self._verdicts = dict[Key, Verdict]()
        self.keys = list[Key]()
        for contact, row in found:
            for position in range(len(contact.numbers)):
                papers = row.sources, row.consents, row.dated
                key = row.zones, position, row.locations, *papers
                self.keys.append(key)
                if key not in self._cases:
                    self._cases[key] = _case(contact, position, batch)
        every = (judge.reach(case, now) for case in self._cases.values())
        self.since = min(every, default=now)

    def verdict(self, key: Key) -> Verdict:
        found = self._verdicts.get(key)
        if found is None:
            found = self._judge(self._cases[key], self._now)
            self._verdicts[key] = found
        return found


def _case(contact: Contact, position: int, batch: Batch) -> Case:
    batch_id, importer, reviewers, asked = batch
    wish = cases.wish(contact, position, batch_id, importer, asked)
    return cases.bare(wish, reviewers)


def named(contact: Contact) -> bool:
    """Whether it has a person and an account: unknown is another kind."""
    return not (contact.person.isspace() or contact.account.isspace()) and bool(
        contact.person and contact.account
    )
