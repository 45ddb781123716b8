"""What the house asks of storage. Each method is one transaction.

Every change of state and its journal entry commit together. Personal words go to the
`Vault` only; all other methods take and give tokens and masked text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

from dialer.agreements.event import Signed
from dialer.agreements.state import Event
from dialer.agreements.sums import Sums
from dialer.attempt import Phase
from dialer.model import (
    Case,
    Commitment,
    Contact,
    Disposition,
    Judge,
    Outcome,
    Personal,
    Turn,
    Verdict,
)


class StoreDown(Exception):
    """Storage cannot be reached now; the same request may work later."""


class StoreError(Exception):
    """Base of refusals that will not go away by trying again."""


class NotFound(StoreError):
    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"no {kind} named {name!r}")
        self.kind = kind
        self.name = name


class Refused(StoreError):
    """The request breaks a rule of the house; `why` is for the user."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class KeyMissing(StoreError):
    """No tenant key, or not the one this vault was made with."""


# --- vault: personal data, encrypted


class Vault(Protocol):
    def token(self, kind: str, value: str) -> str:
        """The same value always gives the same token (keyed HMAC-SHA256).
        kind: person p_, number n_, account a_, contact c_."""
        ...

    async def put(self, records: Mapping[str, Personal]) -> int:
        """Store by contact id; those already there stay. -> how many were new."""
        ...

    async def get(self, contact_id: str) -> Personal: ...

    async def keep(self, sums: Sums) -> None:
        """Store sums under their commitment."""
        ...

    async def sums(self, commit: str) -> Sums:
        """What a commitment binds to."""
        ...


# --- contacts: batches, reviews, flags


@dataclass(frozen=True, slots=True)
class Batch:
    batch_id: str
    file: str  # name only, no folder
    importer: str
    at: datetime
    state: str  # importing | imported
    rows_read: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicates: int = 0
    reviews: tuple[Review, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    reviewer: str
    approved: bool
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class FlagRow:
    """Something that stops calls. scope: person | number | account | creditor | all."""

    flag: str  # do_not_call attorney cease dispute workplace wrong_number deceased
    scope: str
    token: str
    at: datetime
    source: str  # call:<attempt id> | import | operator
    until: datetime | None = None


@lru_cache(maxsize=1024)
def creditor_token(name: str) -> str:
    """The token of a creditor: its name, however it is written large or small. Contacts
    have that name in clear; the token is one so that all flags are found alike."""
    known = " ".join(name.casefold().split())
    short = base64.b32encode(hashlib.sha256(known.encode()).digest()[:16])
    return "r_" + short.decode().rstrip("=").lower()


class Contacts(Protocol):
    async def open_batch(self, batch: Batch) -> Batch:
        """Create, or return the one with this id as it stands."""
        ...

    async def add(
        self,
        batch_id: str,
        contacts: Sequence[Contact],
        *,
        rows_read: int,
        rejected: int,
        duplicates: int,
        at: datetime,
        finished: bool = False,
    ) -> list[str]:
        """Add a chunk and set the batch's counters (running totals), together.
        -> ids that were already known (duplicates); they stay as they are."""
        ...

    async def review(self, batch_id: str, review: Review) -> Batch:
        """Refused when the reviewer imported it or has reviewed it."""
        ...

    async def batches(self) -> list[Batch]: ...

    async def find(self, number: str) -> list[tuple[Contact, Batch]]:
        """All contacts that have this number token."""
        ...

    async def owners(self, tokens: Sequence[str]) -> dict[str, tuple[str, int]]:
        """For tokens of persons, numbers and accounts a contact that has it, and, for a
        number, which of its numbers it is (else 0). Those of nobody are left out."""
        ...

    async def case(self, contact_id: str, number: int, now: datetime) -> Case:
        """What the gate may know of calling the contact's number (an index) now:
        the same gathering that `Ledger.dialing` judges, without a campaign."""
        ...


class Flags(Protocol):
    async def add(self, rows: Sequence[FlagRow]) -> int:
        """Durable when it returns. -> how many were new."""
        ...

    async def of(self, tokens: Sequence[str]) -> list[FlagRow]: ...

    async def all(self) -> list[FlagRow]:
        """Every flag ever set, in the order of setting."""
        ...


# --- campaigns and attempts


@dataclass(frozen=True, slots=True)
class Campaign:
    campaign_id: str
    name: str
    state: str  # created | running | paused | stopped | done
    settings: str  # the campaign file, canonical JSON, checked at the edge
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """One contact as the plan sees it: the gate's case is judged by `judge`."""

    contact: Contact
    batch_id: str
    number: int  # index into contact.numbers
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Stood:
    """One contact as it stands in a campaign: what the gate says now of the number
    that would be called, and the latest attempt (None: there was none)."""

    contact: Contact
    batch_id: str
    number: int  # index into contact.numbers
    case: Case
    verdict: Verdict
    phase: Phase | None = None
    disposition: Disposition | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A leased attempt."""

    attempt_id: str
    campaign_id: str
    contact: Contact
    number: int  # index into contact.numbers
    n: int  # 1 for the contact's first attempt in this campaign


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt as lists and exports show it. Masked."""

    attempt_id: str
    campaign_id: str
    contact_id: str
    n: int
    phone: str  # masked
    language: str
    phase: Phase
    not_before: datetime
    dialing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    disposition: Disposition | None
    cause: str
    stage: int
    node: str | None
    verdict: str  # JSON of the last Verdict
    facts: dict[str, str] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)
    campaign: str = ""  # its name
    zone: str = ""  # the first that the number may be in; empty: unknown
    agreement: str = ""  # made in this call; empty: none
    agreement_state: str = ""  # as it stands now


@dataclass(frozen=True, slots=True)
class Status:
    """Where a campaign stands, counted in one read."""

    campaign: Campaign
    phases: Mapping[str, int]
    dispositions: Mapping[str, int]
    refusals: Mapping[str, int]  # rule id -> attempts whose last verdict names it
    next_due: datetime | None  # earliest not_before among due attempts


class Campaigns(Protocol):
    async def create(self, campaign: Campaign) -> Campaign: ...

    async def get(self, name_or_id: str) -> Campaign: ...

    async def all(self) -> list[Campaign]:
        """In the order of creation."""
        ...

    async def set_state(self, campaign_id: str, state: str, at: datetime) -> Campaign:
        """created|done->running, running<->paused, running|paused->stopped|done;
        anything else is Refused. Stopped: due attempts stay due and are not claimed."""
        ...

    async def status(self, campaign_id: str) -> Status: ...

    def plan(
        self,
        campaign_id: str,
        batches: Sequence[str],
        *,
        judge: Judge,
        now: datetime,
        commit: bool,
    ) -> AsyncIterator[Sequence[Planned]]:
        """Judge every contact of the batches (empty: all), in chunks, and with
        `commit` create attempt 1 (`due`; not_before = next_allowed or now; never for
        a verdict that no time will change: that one is written `done/refused`) unless
        the contact has one. A number with an open attempt elsewhere is skipped with
        the reason `open_attempt`."""
        ...

    def recycle(
        self,
        campaign_id: str,
        outcomes: Sequence[str],
        *,
        judge: Judge,
        now: datetime,
        commit: bool,
    ) -> AsyncIterator[Sequence[Planned]]:
        """Judge every contact whose last attempt ended in one of these outcomes and,
        with `commit`, make one more attempt on the same number for those who may be
        called now or later."""
        ...

    def why(
        self, campaign_id: str, batches: Sequence[str], *, judge: Judge, now: datetime
    ) -> AsyncIterator[Sequence[Stood]]:
        """Every contact of the batches (empty: all), in chunks. Writes nothing."""
        ...


class Ledger(Protocol):
    """The life of attempts. Hot path."""

    async def claim(
        self,
        campaign_id: str,
        limit: int,
        *,
        node: str,
        now: datetime,
        lease: timedelta,
        judge: Judge | None = None,
    ) -> list[Claimed]:
        """due -> reserved, oldest first, in one statement; only while running. With a
        judge, whom it refuses now goes back to due at next_allowed, or ends `refused`,
        in the same transaction, and others are claimed instead."""
        ...

    async def dialing(
        self, attempt_id: str, *, node: str, now: datetime, judge: Judge
    ) -> Verdict:
        """Gather the case, judge it and, if allowed, commit reserved -> dialing: one
        transaction, durable before it returns. Refused: the attempt goes back to due
        at next_allowed, or ends `refused`. The attempt counts from here on."""
        ...

    async def answered(self, attempt_id: str, now: datetime) -> None: ...

    async def finish(self, attempt_id: str, outcome: Outcome) -> None:
        """dialing|talking -> done, with turns, flags, the contact's stage and the
        next attempt, in one transaction."""
        ...

    async def rescue(self, now: datetime, node: str | None = None) -> tuple[int, int]:
        """Lapsed leases: reserved -> due, dialing/talking -> unknown. With `node`,
        all leases of that node (it has just started anew). -> (given back, lost)"""
        ...

    async def lost(self, campaign_id: str) -> list[str]:
        """Attempts of which nobody knows how they ended, to be asked about."""
        ...


class Previews(Protocol):
    """Attempts that wait for an agent's word before they are dialed."""

    async def offer(self, campaign_id: str, attempt_id: str, at: datetime) -> None:
        """An agent may be shown it."""
        ...

    async def next(self, campaign_id: str, agent: str, at: datetime) -> str | None:
        """Show this agent an attempt: the one they have not answered, else the one
        that was offered first. None: there is none."""
        ...

    async def answer(
        self, attempt_id: str, agent: str, at: datetime, *, call: bool
    ) -> None:
        """Refused: it was not shown to them, or waits no more."""
        ...

    async def answers(self, campaign_id: str) -> Mapping[str, str | None]:
        """Attempt -> the agent who wants to call; None: passed over."""
        ...

    async def withdraw(self, attempt_id: str) -> None:
        """It is dialed, or given back."""
        ...


@dataclass(frozen=True, slots=True)
class Reached:
    """Attempts dialed within one hour (UTC, from `hour` on) to numbers of one place."""

    hour: datetime
    zone: str  # the first candidate; empty: unknown
    dialed: int
    spoke: int  # a person was reached
    abandoned: int  # a person was, and no agent


#: `Calls.list` hides the built-in name inside the class.
Turns = list[Turn]


class Calls(Protocol):
    """Reading what became of attempts."""

    def list(
        self, campaign_id: str | None = None, *, limit: int | None = None
    ) -> AsyncIterator[AttemptRow]: ...

    async def reached(self, campaign_id: str, since: datetime) -> Sequence[Reached]:
        """Attempts dialed from `since` on, by hour and place, in order."""
        ...

    async def of(self, contact_id: str) -> Sequence[AttemptRow]:
        """All attempts of one contact, in the order of creation."""
        ...

    async def show(self, attempt_id: str) -> tuple[AttemptRow, Turns]:
        """By id or unique prefix."""
        ...

    async def told(
        self, attempt_ids: Sequence[str]
    ) -> Sequence[tuple[AttemptRow, Turns]]:
        """Several at once, in the order asked for. NotFound."""
        ...


# --- agreements


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """Where an agreement stands, as its events say. Tokens, no sums."""

    agreement: str
    account: str
    contact_id: str
    call: str | None
    made_at: datetime
    kind: str
    state: str
    parts: int
    covered: int
    next_due: str | None  # ISO date of the first part that is not covered
    events: int
    head: str  # hash of the last event


SignedEvents = list[Signed]


class Agreements(Protocol):
    """Signed, append-only. `finish` begins those that are made in calls."""

    def list(self) -> AsyncIterator[AgreementRow]:
        """By id."""
        ...

    async def show(self, agreement: str) -> tuple[AgreementRow, SignedEvents]:
        """By id or unique prefix."""
        ...

    async def of_call(self, attempt_id: str) -> AgreementRow | None: ...

    async def append(
        self, agreement: str, events: Sequence[Event], at: datetime, *, seq: int
    ) -> AgreementRow:
        """Add events; Refused unless the agreement has exactly `seq` of them."""
        ...

    async def replace(
        self,
        agreement: str,
        successor: str,
        commitment: Commitment,
        at: datetime,
        *,
        by: str,
    ) -> AgreementRow:
        """Close it and begin `successor` for the same account, in one transaction."""
        ...


# --- journal: the one feed


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One committed change. `body` is canonical JSON, masked; `salt` hides it in the
    evidence log until it is opened."""

    seq: int
    at: str  # RFC 3339, UTC, microseconds
    kind: str
    subject: str
    body: str
    salt: bytes


class Feed(Protocol):
    """The journal as its readers see it."""

    async def after(self, seq: int, limit: int = 1000) -> list[JournalRow]: ...

    async def cursor(self, reader: str) -> int: ...

    async def last(self) -> int:
        """The number of the newest entry; 0: there is none."""
        ...

    async def move(self, reader: str, seq: int) -> None: ...

    async def kept_by(self, reader: str, owner: str, *, anew: bool = False) -> str:
        """Who reads for it, for good: `owner`, if nobody did (`anew`: or somebody
        else). -> who does"""
        ...


class Journal(Feed, Protocol):
    async def note(
        self, at: datetime, kind: str, subject: str, body: Mapping[str, object]
    ) -> None: ...


# --- nodes


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A process that places calls. Times by the database's clock."""

    node: str
    state: str  # up | draining | gone
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Beat:
    """What a node hears when it says that it is there."""

    now: datetime  # by the database's clock
    draining: bool  # it shall take no new calls, and leave
    dead: tuple[str, ...]  # nodes that were silent for too long, found by this beat
    duties: frozenset[str] = frozenset()  # of those it wants: what it does for all


class Nodes(Protocol):
    """Who shares the work. On a server by its clock; else `now` is used."""

    async def join(
        self, node: str, incarnation: str, *, now: datetime, stale: timedelta
    ) -> datetime:
        """Come up; what an earlier life left is given back. -> now. Refused: another
        of this name was seen within `stale`."""
        ...

    async def beat(
        self,
        node: str,
        incarnation: str,
        *,
        now: datetime,
        stale: timedelta,
        wants: Collection[str] = (),
        bury: bool = True,
    ) -> Beat:
        """Be seen, and give back what those who were not seen within `stale` had
        (`bury`). `wants`: what of the duties that one node does for all it would do;
        it has those that nobody had, and gives up all others. Refused: this one was
        not seen."""
        ...

    async def duties(self) -> dict[str, str]:
        """Duty -> the node that does it."""
        ...

    async def leave(self, node: str, incarnation: str, *, now: datetime) -> None: ...

    async def drain(self, node: str, *, now: datetime) -> None:
        """Tell a node to take no new calls and leave. NotFound, Refused: not up."""
        ...

    async def all(self) -> list[NodeRow]:
        """By name."""
        ...


class Start(NamedTuple):
    """Leave for a call to start at that moment, or to ask again then. By the
    database's clock."""

    taken: bool
    at: datetime


class Lines(Protocol):
    """A trunk's channels and calls in a second, shared by all nodes."""

    async def take(
        self,
        trunk: str,
        node: str,
        seat: str,
        *,
        channels: int,
        per_second: float,
        now: datetime,
    ) -> Start:
        """The seat, a name that no call had before, is the node's until `give`. Asked
        twice, it is taken once."""
        ...

    async def give(self, trunk: str, seat: str) -> None:
        """Told again for a minute; of a seat that is not taken it is nothing."""
        ...

    async def used(self) -> dict[tuple[str, str], int]:
        """Channels in use, by trunk and node."""
        ...


class Wakes(Protocol):
    """News of what others stored, where a database tells: a campaign's state, what
    stops calls, attempts that are due. They only wake."""

    @property
    def listening(self) -> bool:
        """Whether news are heard now: then polls may be seldom."""
        ...

    def heard(self, told: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Within the block `told` is called when there may be news."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    """All of storage, opened together. A driver's `open_...` yields one."""

    vault: Vault
    contacts: Contacts
    flags: Flags
    campaigns: Campaigns
    ledger: Ledger
    calls: Calls
    previews: Previews
    agreements: Agreements
    journal: Journal
    nodes: Nodes
    lines: Lines
    wakes: Wakes
