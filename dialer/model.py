"""Frozen values that rooms hand to each other. No behaviour beyond reading them.

Times are aware and UTC. A token (`p_…` person, `n_…` number, `a_…` account, `c_…`
contact) is opaque: only the vault can say whom it means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Disposition(StrEnum):
    """How an attempt ended. Stable codes: analysts store them."""

    # nobody was reached
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"  #: SIP 603, 486 sent by a person: final for the person today
    UNALLOCATED = "unallocated"
    CONGESTION = "congestion"
    FAILED = "failed"  #: the network or trunk failed
    VOICEMAIL = "voicemail"
    # someone was reached
    AGREED_PLAN = "agreed_plan"
    PROMISED = "promised"
    DISPUTED = "disputed"
    ALREADY_PAID = "already_paid"
    CANNOT_PAY = "cannot_pay"
    REFUSED_TO_PAY = "refused_to_pay"
    OPTED_OUT = "opted_out"
    WRONG_NUMBER = "wrong_number"
    THIRD_PARTY = "third_party"
    PERSON_ABSENT = "person_absent"
    HANDED_OVER = "handed_over"
    DISTRESS = "distress"
    DECEASED = "deceased"
    ATTORNEY = "attorney"
    COMPLAINT = "complaint"
    CALLBACK = "callback"
    ABANDONED = "abandoned"  #: they answered, and no agent was free in time
    SILENT = "silent"
    NOT_UNDERSTOOD = "not_understood"
    HUNG_UP = "hung_up"  #: they hung up before any of the above
    NO_COMMITMENT = "no_commitment"  #: talked to the end, nothing agreed
    # ours
    REFUSED = "refused"  #: the gate refused for good; nothing was dialed
    CANCELLED = "cancelled"
    ERROR = "error"  #: a fault of ours during the call
    UNKNOWN = "unknown"  #: the node died; the switch could not tell either


#: Ends at which a person (not a machine, not the network) was on the line.
SPOKE = frozenset(Disposition) - {
    Disposition.BUSY,
    Disposition.NO_ANSWER,
    Disposition.DECLINED,
    Disposition.UNALLOCATED,
    Disposition.CONGESTION,
    Disposition.FAILED,
    Disposition.VOICEMAIL,
    Disposition.ABANDONED,
    Disposition.REFUSED,
    Disposition.CANCELLED,
    Disposition.ERROR,
    Disposition.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Source:
    """One support for a phone number (R1)."""

    kind: str
    reference: str
    dated: date


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person agreed to: scope `night` or `any` ([start, end), UTC)."""

    scope: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class PastCall:
    """One earlier call with this person, over any number, in either direction.

    `outcome`: answered | unanswered | abandoned | blocked.
    """

    at: datetime
    direction: str  # out | in
    outcome: str
    number: str
    account: str


@dataclass(frozen=True, slots=True)
class Case:
    """All the gate may know of one wish to call. `number`, `account`, `person`
    are compared, never dialed: tokens in the engine, plain in `compliance check`.
    """

    number: str
    person: str
    account: str
    zones: tuple[str, ...]  # every candidate IANA zone; empty: unknown
    locations: tuple[str, ...]  # ISO 3166-2 or country; empty: unknown
    packs: tuple[str, ...] = ()  # asked for beyond those the locations imply
    sources: tuple[str, ...] = ()  # kinds of provenance
    reviewers: tuple[str, ...] = ()
    importer: str = ""
    history: tuple[PastCall, ...] = ()
    consents: tuple[Consent, ...] = ()
    flags: tuple[str, ...] = ()  # do_not_call attorney cease dispute workplace ...
    purpose: str = "collection"
    flags_until: datetime | None = None  # when the last flag ends; None: not all do
    dated: date | None = None  # see Contact


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not: the rule's id, what it rests on, the numbers compared."""

    rule: str
    citation: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allowed has no reasons; refused has all of them, and the next lawful instant
    (None: not until something other than time changes)."""

    allowed: bool
    reasons: tuple[Reason, ...] = ()
    next_allowed: datetime | None = None


Judge = Callable[[Case, datetime], Verdict]


@runtime_checkable
class KnowingJudge(Protocol):
    """A judge that can tell what its verdicts do not rest on."""

    def __call__(self, case: Case, now: datetime, /) -> Verdict: ...

    def reach(self, case: Case, now: datetime, /) -> datetime:
        """Calls before this instant change no verdict on a well-formed case with these
        places and packs; and where there is none since, nor does who it is (number,
        person, account)."""
        ...


@dataclass(frozen=True, slots=True)
class Personal:
    """What only the vault and a running call know of a contact."""

    name: str
    phones: tuple[str, ...]  # E.164, in the order to try
    id_number: str
    account: str
    creditor: str
    amount: Decimal | None
    currency: str
    due: date | None
    sources: tuple[Source, ...] = ()
    product: str = ""  # loan | card | invoice | rent; empty: what the campaign says
    role: str = "debtor"  # debtor | guarantor


@dataclass(frozen=True, slots=True)
class Contact:
    """The same contact as every other room sees it: tokens and facts for rules."""

    contact_id: str
    person: str
    account: str
    numbers: tuple[str, ...]  # tokens, same order as Personal.phones
    masked: tuple[str, ...]  # "+86 138****8000", same order
    zones: tuple[tuple[str, ...], ...]  # candidate zones of each number
    locations: tuple[str, ...]
    language: str  # zh | en
    creditor: str
    sources: tuple[str, ...]  # kinds
    consents: tuple[Consent, ...] = ()
    stage: int = 1  # of the dialogue, carried over between calls
    calls: int = 0  # conversations so far
    #: Since when the number has rested on three kinds of source, each by its newest
    #: date, as the first of that month; None: not known.
    dated: date | None = None
    priority: int | None = None  # 0-9, more is sooner; None: what the campaign says


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said, by `us` or `them`, masked. Seconds from the answer."""

    who: str
    at: float
    seconds: float
    text: str
    stage: int
    intent: str = ""
    confidence: float = 0.0
    template: str = ""
    clauses: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    confirmation: str = ""
    key: bool = False  # a key sentence: marked in the archive
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class NextTry:
    """Another attempt to make: which of the contact's numbers, not before when."""

    number: int
    not_before: datetime
    why: str
    asked: bool = False  # the callee asked for this time: taken before others


@dataclass(frozen=True, slots=True)
class Commitment:
    """What was read back and confirmed in a call; `finish` makes an agreement of it.

    `commit` binds to the sums, which lie in the vault; `sums` (minor units) only where
    the masking policy lets amounts be seen.
    """

    kind: str  # instalments | deferral | discount | full | mediation
    due: tuple[date, ...]
    grace_days: int
    currency: str
    commit: str
    nodes: tuple[str, ...]  # confirmation nodes passed
    on: date  # the callee's day
    sums: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt; written whole, in one transaction."""

    disposition: Disposition
    at: datetime
    cause: str = ""  # what the network said
    turns: tuple[Turn, ...] = ()
    stage: int = 1  # the stage the case has reached
    facts: dict[str, str] = field(default_factory=dict)  # masked: option, date ...
    measures: dict[str, float] = field(default_factory=dict)  # silence, rate, ...
    flags: tuple[str, ...] = ()  # to set on the person: dispute, attorney, ...
    next_try: NextTry | None = None
    commitment: Commitment | None = None
