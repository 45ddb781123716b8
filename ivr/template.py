"""What the data files hold: templates, fragments, clauses, rights; frozen."""

from __future__ import annotations

import string
from datetime import date
from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from ivr.script import Part

LANGUAGES = ("zh", "en")
DEBT_SLOTS = frozenset(
    {"creditor", "account_tail", "amount", "due"}
    | {"option_1", "option_2", "option_3", "chosen"}
)
#: Personal, or telling of a debt: a clip with one of these is sealed in the cache.
PERSONAL_SLOTS = DEBT_SLOTS | {"name"}
CALL_SLOTS = frozenset({"callback", "date", "wish"})  #: known only during the call
#: What each slot holds, and so how it is spoken.
SLOT_TYPES = {
    "name": "words",
    "agency": "words",
    "creditor": "words",
    "account_tail": "digits",
    "amount": "money",
    "due": "date",
    "our_number": "digits",
    "date": "date",
    "callback": "time",
    "option_1": "option",
    "option_2": "option",
    "option_3": "option",
    "chosen": "option",
    "wish": "phrase",
}
SLOTS = frozenset(SLOT_TYPES)
#: What was weighed in the call: a sum, a day; see `ivr.weigh`.
WEIGHED = frozenset({"lighter", "day_moved", "day_latest"})
CONDITIONS = frozenset({"", "first_call", "later_call", "rights_due"}) | WEIGHED
#: Of these at most one holds.
EXCLUSIVE = (
    frozenset({"first_call", "later_call"}),
    frozenset({"day_moved", "day_latest"}),
)
PRODUCTS = ("loan", "card", "invoice", "rent")  #: what the debt is
#: Who is at the phone. Third party: whoever is not the person we call.
ROLES = ("debtor", "guarantor", "third_party")
Stage = Annotated[int, Field(ge=1, le=5)]
Product = Literal["loan", "card", "invoice", "rent"]
Role = Literal["debtor", "guarantor", "third_party"]


class Template(Part):
    """One thing we can say. `text` and `again` are lists of sentences; a sentence
    whose slot the case does not know is left out.

    A variant (`variant_of`) is said in place of the template it names where all its
    conditions hold: `at`, `products`, `roles`, `reached`, `when`, `time`; see
    `ivr.variants` for which one when several fit."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    variant_of: str = ""
    stage: int = Field(default=0, ge=0, le=5)  # where it is at home; 0: any
    answers: tuple[str, ...] = ()  # intents
    at: tuple[Stage, ...] = ()  # only while the conversation is at one of these
    products: tuple[Product, ...] = ()  # only for these; empty: all
    roles: tuple[Role, ...] = ()  # only when one of these is at the phone; empty: all
    reached: tuple[Stage, ...] = ()  # only if earlier calls came to one of these
    when: str = ""
    time: int = Field(default=1, ge=1, le=9)  # from the how manieth time in a call on
    text: tuple[str, ...] = Field(min_length=1)
    again: tuple[str, ...] = ()  # other words for a second time
    purpose: str
    tone: str = Field(pattern="^(warm|plain|careful|calm|sorry)$")
    clauses: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    confirmation: str = ""  # the node this asks about
    keys: dict[str, str] = Field(
        default_factory=dict
    )  # as answers; 9, 0, * always work
    barge_in: bool = True
    wait: float = Field(default=6.0, ge=0.2, le=20)
    key_sentence: bool = False
    version: int = Field(default=1, ge=1)


class Responses(Part):
    template: tuple[Template, ...]


class Fragments(Part):
    """The finite sets that in-call slots are spoken from."""

    relative: tuple[str, str, str]  # today, tomorrow, the day after
    months: tuple[str, ...] = Field(min_length=12, max_length=12)
    days: tuple[str, ...] = Field(min_length=31, max_length=31)
    times: tuple[str, ...] = Field(min_length=26, max_length=26)  # 08:00, 08:30, ...
    ordinals: tuple[str, str, str]
    options: dict[str, tuple[str, ...]]  # name of an option -> pieces of a sentence
    plans: dict[str, tuple[str, ...]]  # the same of what was not listed: no number
    last: str  # after a choice read back, where its last part is another sum
    wishes: dict[str, str]  # intent -> what they want, to ask back about


class Clause(Part):
    """One article. `quote` is verbatim or absent, never from memory."""

    id: str
    law: str
    article: str
    kind: str = Field(pattern="^(basis|right|duty|limit|penalty)$")
    topics: tuple[str, ...] = Field(min_length=1)
    quote: str = ""
    quote_status: str = Field(pattern="^(verified|not_verified)$")
    in_force_from: date | None = None  # absent: not verified
    in_force_to: date | None = None
    checked_on: date
    source: str
    status: str = Field(pattern="^(primary|secondary|unverified)$")


class Clauses(Part):
    clause: tuple[Clause, ...]


class Right(Part):
    """One protection we explain; the key points each wording must hold. Without a
    clause it is a promise of ours, not law."""

    id: str
    zh: tuple[str, ...] = Field(min_length=1)
    en: tuple[str, ...] = Field(min_length=1)
    topic: str
    clause: str = ""


class Rights(Part):
    right: tuple[Right, ...]


class Early(Part):
    """Words that tell of a debt: not before identity is confirmed (R13)."""

    zh: tuple[str, ...]
    en: tuple[str, ...]


class LawWords(Part):
    """Words by which a sentence names the law."""

    zh: tuple[str, ...] = Field(min_length=1)
    en: tuple[str, ...] = Field(min_length=1)


class Forbidden(Part):
    zh: dict[str, str]  # words -> why
    en: dict[str, str]
    early: Early


@cache
def slots(sentence: str) -> tuple[str, ...]:
    """The slot names of a sentence, in order. ValueError if its braces are wrong."""
    return tuple(
        name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None
    )
