"""R2: two different people approve a batch, and neither of them imported it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dialer.store.port import Batch, Contacts, NotFound, Refused, Review

NEEDED = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the batch may be dialed; `reasons` say what is still missing."""

    approved: bool
    reasons: tuple[str, ...]


def same(one: str, other: str) -> bool:
    """Two spellings of one person's name: case, width and spaces do not count."""
    return _key(one) == _key(other)


def standing(batch: Batch) -> Standing:
    """Where a batch stands. One rejection is final for it."""
    against = [review.reviewer for review in batch.reviews if not review.approved]
    who = {_key(review.reviewer) for review in batch.reviews if review.approved}
    who -= {_key(batch.importer)}
    reasons = [f"rejected by {name}" for name in against]
    if batch.state != "imported":
        reasons.append("its import is not finished")
    if len(who) < NEEDED:
        reasons.append(f"approved by {len(who)} of {NEEDED} people")
    return Standing(not reasons, tuple(reasons))


def objections(batch: Batch, reviewer: str) -> list[str]:
    """Every reason why this person may not review this batch."""
    found = []
    if not reviewer.strip():
        found.append("a reviewer needs a name")
    if batch.state != "imported":
        found.append(f"batch {batch.batch_id} is not imported to its end")
    if same(reviewer, batch.importer):
        found.append(f"{reviewer} imported this batch; somebody else reviews it")
    if any(same(reviewer, review.reviewer) for review in batch.reviews):
        found.append(f"{reviewer} has already reviewed this batch")
    return found


async def decide(contacts: Contacts, prefix: str, review: Review) -> Batch:
    """Record a review. NotFound, or Refused with every objection."""
    batch = pick(await contacts.batches(), prefix)
    if found := objections(batch, review.reviewer):
        raise Refused("; ".join(found))
    return await contacts.review(batch.batch_id, review)


def pick(batches: Sequence[Batch], prefix: str) -> Batch:
    """The batch with this id, or the only one whose id begins so."""
    found = [batch for batch in batches if batch.batch_id.startswith(prefix)]
    exact = [batch for batch in found if batch.batch_id == prefix]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise NotFound("batch", prefix)
    raise Refused(f"{len(found)} batches begin with {prefix!r}; give more of the id")


def signed(reviewer: str, *, approved: bool, note: str, at: datetime) -> Review:
    return Review(" ".join(reviewer.split()), approved, at, note.strip())


def _key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
