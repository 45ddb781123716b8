"""Why a number may or may not be called now: every fact that decides, masked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dialer.contacts import phone
from dialer.contacts.provenance import Assessment, assess
from dialer.contacts.review import Standing, standing
from dialer.model import Contact, Judge, PastCall, Verdict
from dialer.store.port import Batch, FlagRow, Stores

CALLS = 10  # of the history that are shown, the latest


@dataclass(frozen=True, slots=True)
class About:
    """One contact that has the number: `number` is its index there."""

    contact: Contact
    number: int
    batch: Batch
    provenance: Assessment
    review: Standing
    flags: tuple[FlagRow, ...]
    history: tuple[PastCall, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Explanation:
    """`contacts` is empty when no contact has the number: it is never called then."""

    masked: str
    flags: tuple[FlagRow, ...]  # of the number itself
    contacts: tuple[About, ...]


async def explain(
    text: str, region: str, stores: Stores, *, judge: Judge, now: datetime
) -> Explanation:
    """Everything about one number, as the gate would judge it at `now`.

    Raises problem.Bad when `text` is no number that could be called.
    """
    found = phone.read(text, region)
    token = stores.vault.token("number", found.e164)
    rows = await stores.contacts.find(token)
    about = [
        await _about(contact, batch, token, stores, judge=judge, now=now)
        for contact, batch in rows
    ]
    flags = await stores.flags.of([token])
    return Explanation(found.masked, tuple(flags), tuple(about))


async def _about(
    contact: Contact,
    batch: Batch,
    token: str,
    stores: Stores,
    *,
    judge: Judge,
    now: datetime,
) -> About:
    number = contact.numbers.index(token)
    case = await stores.contacts.case(contact.contact_id, number, now)
    personal = await stores.vault.get(contact.contact_id)
    flags = await stores.flags.of([contact.person, token, contact.account])
    latest = sorted(case.history, key=lambda call: call.at, reverse=True)
    return About(
        contact=contact,
        number=number,
        batch=batch,
        provenance=assess(personal.sources, now.date()),
        review=standing(batch),
        flags=tuple(flags),
        history=tuple(latest[:CALLS]),
        verdict=judge(case, now),
    )
