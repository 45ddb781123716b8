"""What a call asks of the conversation: what was heard goes in, what to do comes out.

`dialogue.begin(library, case) -> (Position, actions)` and
`dialogue.step(library, case, position, heard) -> (Position, actions)` are pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Option:
    """One lawful way to repay, computed before the call."""

    name: str  # instalments | deferral | discount | mediation
    months: int
    each: Decimal  # a month
    total: Decimal
    last: Decimal = Decimal(0)  # the last month's, where it is another sum


@dataclass(frozen=True, slots=True)
class WeighedSum:
    """What becomes of a sum a month that they propose. `plan` counts the options of the
    case, then its others, from 1; 0: none of them."""

    answer: Literal["accepted", "lighter", "nearest", "full", "person"]
    plan: int = 0


@dataclass(frozen=True, slots=True)
class WeighedDay:
    """What becomes of a day that they propose. `moved`: the next day on which payments
    are taken; `latest`: the last lawful one."""

    answer: Literal["asked", "moved", "latest", "person"]
    day: date | None = None


class Bargain(Protocol):
    """The creditor's policy for one case. Pure."""

    def amount(self, monthly: Decimal) -> WeighedSum: ...

    def day(self, day: date) -> WeighedDay: ...


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What may fill a slot. Personal; lives in memory during the call only."""

    language: str
    script: str
    name: str
    agency: str  # who calls, on whose behalf
    creditor: str
    account_tail: str  # last 4 characters
    amount: Decimal
    currency: str  # ISO 4217
    due: date | None
    today: datetime  # aware, in the callee's zone
    options: tuple[Option, ...]
    stage: int = 1  # reached in earlier calls
    first_call: bool = True
    zone: str = "UTC"
    product: str = "loan"  # loan | card | invoice | rent
    role: str = "debtor"  # debtor | guarantor
    our_number: str = ""  # E.164, where we can be called; empty: not said
    others: tuple[Option, ...] = ()  # lawful too, but not among those listed
    bargain: Bargain | None = field(default=None, compare=False)


# --- what was heard


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance of the callee, as the recogniser wrote it."""

    text: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key."""

    key: str


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing was heard for `seconds` after our last word."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Beeped:
    """A machine: a beep, or a recorded announcement."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The person we wanted to hand over to did not come."""


@dataclass(frozen=True, slots=True)
class Gone:
    """They hung up, or we are about to: what is in doubt is settled for them."""


Heard = Said | Pressed | Silent | Beeped | NotTaken | Gone


# --- what to do


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a template. `clips` are spoken one after another: whole sentences, or
    fragments where a slot is only known in the call; each is rendered ahead."""

    template: str
    clips: tuple[str, ...]
    text: str  # the whole, as the transcript shows it (before masking)
    stage: int
    clauses: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    confirmation: str = ""  # the node it asks about
    barge_in: bool = True
    wait: float = 6.0  # seconds of silence to allow afterwards
    key_sentence: bool = False
    shown: str = ""  # `text` with labels in place of personal values
    slow: bool = False  # they asked us to speak slower


@dataclass(frozen=True, slots=True)
class Flag:
    """Store durably now, before anything else is done: do_not_call, dispute, ..."""

    flag: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A confirmation node was passed."""

    node: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something agreed or learnt: option, promise_date, promise_amount, ..."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """Try to bring a person to the line."""

    reason: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The conversation is over. `callback_at`: when they asked to be called."""

    disposition: str  # a value of dialer.model.Disposition
    callback_at: datetime | None = None


Action = Say | Flag | Confirmed | Fact | HandOver | HangUp


# --- how it was understood, and where the conversation stands


@dataclass(frozen=True, slots=True)
class Understood:
    """What one turn meant. intent `unknown` when not sure: never a guess. `guess`:
    then, what it may have meant and is worth asking back about; else empty."""

    intent: str
    confidence: float
    by: str  # rule | classifier | key | expected | confirmed | none
    slots: dict[str, str] = field(default_factory=dict)  # ISO dates, plain decimals
    guess: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the conversation stands. Opaque to the call, but for these."""

    state: str
    stage: int
    understood: Understood | None = None  # of the last thing heard
    misunderstood: int = 0  # in a row
    silent: int = 0  # in a row
    visits: tuple[tuple[str, int], ...] = ()
    confirmed: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()  # explained so far
    guess: Understood | None = None  # what we have just asked back about
    unsaid: tuple[str, ...] = ()  # templates they cut short, or never heard
    facts: tuple[tuple[str, str], ...] = ()
    over: bool = False
