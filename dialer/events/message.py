"""Journal rows to messages: topic, payload, retained or not. Pure.

accord/TENANT/campaign/CAMPAIGN/created|state|reserved
accord/TENANT/call/CALL/planned|dialing|answered|ended|…
accord/TENANT/trunk/NODE/TRUNK/state
accord/TENANT/node/NODE/started|stopped|state
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from dialer.events import schema
from dialer.store.port import JournalRow

ROOT = "accord"
#: Facts of a call that are choices or dates; others are for the ledger alone.
FACTS = frozenset(
    {"trunk", "option", "months", "date", "promise_date", "callback_at", "confirmed"}
)
Body = Mapping[str, Any]


class BadRow(Exception):
    """A journal row that is not as its kind should be."""


class Message(NamedTuple):
    """One publication; QoS is 1 for all."""

    topic: str
    payload: bytes
    retain: bool = False


class Kind(NamedTuple):
    """How one kind of journal entry is published."""

    event: type[schema.Event]
    about: str  # the event's field that the entry's subject is
    topic: tuple[str, ...]  # literal, or a field of the event
    retain: bool = False
    more: Callable[[Body], Body] = dict  # the body's words to the event's


def _state(body: Body) -> Body:
    return {"state": body["to"], "before": body["from"]}


def _ended(body: Body) -> Body:
    facts = {k: v for k, v in body["facts"].items() if k in FACTS}
    return {**body, "facts": facts}


def _of_call(event: type[schema.Event], more: Callable[[Body], Body] = dict) -> Kind:
    _, name = schema.tag(event).split(".")
    return Kind(event, "call", ("call", ":call", name), more=more)


#: By kind of the journal. Kinds that are not in here are not published: they are about
#: people, files and agreements, not about calling.
PUBLISHED: Mapping[str, Kind] = {
    "campaign.created": Kind(
        schema.CampaignCreated,
        "campaign",
        ("campaign", ":campaign", "created"),
        retain=True,
    ),
    "campaign.state": Kind(
        schema.CampaignState,
        "campaign",
        ("campaign", ":campaign", "state"),
        retain=True,
        more=_state,
    ),
    "attempt.reserved": Kind(
        schema.CampaignReserved, "campaign", ("campaign", ":campaign", "reserved")
    ),
    "attempt.planned": _of_call(schema.CallPlanned),
    "attempt.refused": _of_call(schema.CallRefused),
    "attempt.postponed": _of_call(schema.CallPostponed),
    "attempt.returned": _of_call(schema.CallReturned),
    "attempt.dialing": _of_call(schema.CallDialing),
    "attempt.answered": _of_call(schema.CallAnswered),
    "attempt.lost": _of_call(schema.CallLost),
    "attempt.ended": _of_call(schema.CallEnded, _ended),
    "call.turns": _of_call(schema.CallTurns),
    "trunk.bill": _of_call(schema.CallBilled),
    "trunk.state": Kind(
        schema.TrunkState,
        "trunk",
        ("trunk", ":node", ":trunk", "state"),
        retain=True,
        more=lambda body: {"node": "", **body},  # older entries do not name it
    ),
    "node.started": Kind(schema.NodeStarted, "node", ("node", ":node", "started")),
    "node.stopped": Kind(schema.NodeStopped, "node", ("node", ":node", "stopped")),
    "node.membership": Kind(
        schema.NodeMembership, "node", ("node", ":node", "membership"), retain=True
    ),
}


def message(row: JournalRow, tenant: str) -> Message | None:
    """None: entries of this kind are not published. BadRow: it is not as it should
    be, and never will."""
    kind = PUBLISHED.get(row.kind)
    if kind is None:
        return None
    try:
        told = kind.more(msgspec.json.decode(row.body))
        names = kind.event.__struct_fields__
        fields = {name: told[name] for name in names if name in told}
        fields |= {kind.about: row.subject, "seq": row.seq, "at": row.at}
        event = msgspec.convert(fields | {"tenant": tenant}, kind.event)
    except (msgspec.MsgspecError, KeyError, AttributeError, TypeError) as error:
        raise BadRow(f"journal entry {row.seq} ({row.kind})") from error
    levels = (
        str(getattr(event, part[1:])) if part.startswith(":") else part
        for part in kind.topic
    )
    return Message(topic(tenant, *levels), msgspec.json.encode(event), kind.retain)


def presence(tenant: str, node: str, state: str, why: str, at: str) -> Message:
    """Whether a node is connected; also the last will, which is written when it is."""
    event = msgspec.convert(
        {"tenant": tenant, "at": at, "node": node, "state": state, "why": why},
        schema.NodeState,
    )
    where = topic(tenant, "node", node, "state")
    return Message(where, msgspec.json.encode(event), retain=True)


def topic(tenant: str, *levels: str) -> str:
    """Names become one level each: what MQTT reads otherwise is %-escaped."""
    return "/".join((ROOT, *map(level, (tenant, *levels))))


def level(name: str) -> str:
    """As in URLs; `-` where there is no name."""
    return quote(name, safe="") or "-"
