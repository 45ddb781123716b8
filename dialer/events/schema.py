"""What is published, as values: one class an event, and their JSON Schemas.

Masked throughout: tokens, codes, times and measures. What was said is not in here; it
stays in the ledger, masked. `docs/events.md` has an example of each (tested).
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any, Literal

import msgspec

VERSION = 1  #: rises when a field goes, or means something else


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Times are RFC 3339, UTC. New fields may come with the same `v`."""

    v: Literal[1] = 1
    tenant: str
    at: str


class Entry(Event, frozen=True, kw_only=True):
    """Of the journal: `seq` is its number there. Whoever has seen `seq` or a later one
    of the same call has seen this."""

    seq: int


class Reason(msgspec.Struct, frozen=True):
    """Why not: the rule, what it rests on, the numbers compared."""

    rule: str
    citation: str
    detail: str


# --- campaigns


class CampaignCreated(Entry, frozen=True, tag="campaign.created"):
    """There is a new campaign. Retained."""

    campaign: str
    name: str
    state: str


class CampaignState(Entry, frozen=True, tag="campaign.state"):
    """It was launched, paused, resumed, stopped, or is done. Retained."""

    campaign: str
    state: str
    before: str


class CampaignReserved(Entry, frozen=True, tag="campaign.reserved"):
    """A node leased these calls."""

    campaign: str
    node: str
    lease_until: str
    attempts: list[str]


# --- calls


class Call(Entry, frozen=True):
    """`call` is the attempt's id; `contact` is a token."""

    call: str
    campaign: str


class CallPlanned(Call, frozen=True, tag="call.planned"):
    """It is due from `not_before` on; `number` is which of the contact's numbers."""

    contact: str
    n: int
    number: int
    not_before: str
    why: str = ""


class CallRefused(Call, frozen=True, tag="call.refused"):
    """The gate refused for good."""

    contact: str
    reasons: list[Reason]


class CallPostponed(Call, frozen=True, tag="call.postponed"):
    """The gate refused for now."""

    contact: str
    reasons: list[Reason]
    not_before: str


class CallReturned(Call, frozen=True, tag="call.returned"):
    """A lease lapsed before dialing: due again."""

    node: str | None = None


class CallDialing(Call, frozen=True, tag="call.dialing"):
    """The gate allowed it; it is about to be placed."""

    contact: str
    n: int
    node: str | None = None


class CallAnswered(Call, frozen=True, tag="call.answered"):
    """The far end picked up."""


class CallLost(Call, frozen=True, tag="call.lost"):
    """Its node died after dialing; it is never dialed again by itself."""

    node: str | None = None


class CallEnded(Call, frozen=True, tag="call.ended"):
    """How it ended. `next`: the following attempt, if one was made."""

    contact: str
    n: int
    disposition: str
    cause: str
    stage: int
    measures: dict[str, float]
    facts: dict[str, str]
    next: str | None = None


class CallTurns(Entry, frozen=True, tag="call.turns"):
    """Who spoke when, and what it counted as; not what was said."""

    call: str
    turns: list[Turn]


class Turn(msgspec.Struct, frozen=True):
    """Seconds from the answer."""

    who: str
    at: float
    seconds: float
    stage: int
    intent: str = ""
    template: str = ""


class CallBilled(Entry, frozen=True, tag="call.billed"):
    """What a call cost, as its carrier tells, minutes after its end perhaps."""

    call: str
    trunk: str
    seconds: int
    price: str
    unit: str


# --- trunks and nodes


class TrunkState(Entry, frozen=True, tag="trunk.state"):
    """A trunk as a node sees it: up, trying, off, unreachable. Retained."""

    trunk: str
    node: str
    state: str
    why: str


class NodeStarted(Entry, frozen=True, tag="node.started"):
    """A node calls for a campaign."""

    node: str
    campaign: str
    lines: int
    version: str


class NodeStopped(Entry, frozen=True, tag="node.stopped"):
    """It has ended in order; one that dies says nothing (see `node.state`)."""

    node: str
    campaign: str


class NodeMembership(Entry, frozen=True, tag="node.membership"):
    """A node among those that share a database is up, drains, or is gone. Retained."""

    node: str
    state: str
    why: str = ""


class NodeState(Event, frozen=True, tag="node.state"):
    """Whether a node's connection to the broker stands. Retained; the broker itself
    says `offline`, `lost` when a node dies. `at`: when it connected, or left."""

    node: str
    state: Literal["online", "offline"]
    why: Literal["connected", "stopped", "lost"]


EVENTS: tuple[type[Event], ...] = (
    *(CampaignCreated, CampaignState, CampaignReserved),
    *(CallPlanned, CallRefused, CallPostponed, CallReturned, CallDialing),
    *(CallAnswered, CallLost, CallEnded, CallTurns, CallBilled),
    *(TrunkState, NodeStarted, NodeStopped, NodeMembership, NodeState),
)


def tag(event: type[Event]) -> str:
    """What its field `event` says."""
    return str(event.__struct_config__.tag)


def published() -> Any:
    """All events as one type; unknown fields are let pass, as readers should."""
    return reduce(or_, EVENTS)


def schemas() -> dict[str, Any]:
    """JSON Schema (2020-12) of all that is published, by `event`."""
    return msgspec.json.schema(published())
