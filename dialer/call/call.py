"""The only function that sees a whole call: prompts, gate, dial, talk, record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from dialer.call.agreed import Heard, commit
from dialer.call.announcement import explained
from dialer.call.conversation import Conversation, Studio, Talked
from dialer.call.disposition import BY_CAUSE
from dialer.call.facts import Terms, case_facts, closed_for, secrets
from dialer.call.fresh import fresh
from dialer.call.person import connect, scripts
from dialer.campaign.hours import Best
from dialer.campaign.paced import Paced
from dialer.campaign.retry import Policy, next_try
from dialer.channels.port import (
    Carrier,
    Cause,
    Channel,
    ChannelDown,
    Line,
    NoSeat,
    NotAnswered,
    Order,
    Unsure,
)
from dialer.model import (
    Case,
    Contact,
    Disposition,
    Judge,
    NextTry,
    Outcome,
    Personal,
    Reason,
    Verdict,
)
from dialer.offers.days import Closed
from dialer.store.port import Claimed, FlagRow, Stores
from ivr import fill
from ivr.port import CaseFacts

log = logging.getLogger(__name__)

HOUSE = "our trunks (rule of the house)"
#: Whom a flag heard in a call concerns.
SCOPES: dict[str, tuple[str, ...]] = {
    "do_not_call": ("person", "number"),
    "wrong_number": ("number",),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What every call of a campaign shares."""

    stores: Stores
    carrier: Carrier
    studio: Studio
    judge: Judge
    terms: Terms
    policy: Policy
    node: str
    ring_seconds: float
    line: asyncio.Semaphore  # how many calls may be up at once
    best: Best | None = None  # when people of this campaign answer
    people_seconds: float = 60.0  # that people may take to answer a hand-over
    people: Paced | None = None  # who talk, and when they may be called for; None: we
    alive: Callable[[], bool] = lambda: True  # may this node act on what it was told?


class Told(NamedTuple):
    """What a call is about, and what speaks up when it is too late to place it."""

    claimed: Claimed
    personal: Personal
    case: CaseFacts
    in_time: Callable[[str], Awaitable[None]]


async def call(claimed: Claimed, desk: Desk) -> None:
    """Take one leased attempt to its end.

    Prompts are rendered before a line is taken; `dialing` commits before the call is
    placed; whatever happens after that ends in `finish`, being cancelled included.
    """
    clock, stores = desk.studio.clock, desk.stores
    if desk.people:
        desk.people.comes(claimed.attempt_id)
    personal = await stores.vault.get(claimed.contact.contact_id)
    case = case_facts(
        personal, claimed.contact, desk.terms, clock.now(), claimed.number
    )
    for words in scripts(case, desk.people) if desk.people else (case,):
        await prepare(words, desk.studio)
    number, caller_id = personal.phones[claimed.number], desk.terms.caller_id
    async with AsyncExitStack() as seated:
        mine = claimed.attempt_id
        turn = desk.people.placing(mine) if desk.people else desk.line
        seat = desk.carrier.seat(number, caller_id)
        try:
            await seated.enter_async_context(turn)
            channel = await seated.enter_async_context(seat)
        except NoSeat as no:
            await _postpone(claimed, no, desk)
            return
        if not desk.alive():
            return  # it is with others now, or will be: the lease is over then
        in_time = fresh(clock, clock.elapsed(), desk.alive)
        verdict = await stores.ledger.dialing(
            claimed.attempt_id, node=desk.node, now=clock.now(), judge=desk.judge
        )
        if not verdict.allowed:
            return
        outcome = _ended(Disposition.ERROR, desk, "fault")
        try:
            told = Told(claimed, personal, case, in_time)
            outcome = await _dial(told, desk, channel)
        except asyncio.CancelledError:
            outcome = _ended(Disposition.ERROR, desk, "cut by stop")
            raise
        finally:
            outcome = _by(channel.trunk, outcome)
            await stores.ledger.finish(
                claimed.attempt_id, _with_retry(outcome, claimed, desk)
            )


async def _postpone(claimed: Claimed, no: NoSeat, desk: Desk) -> None:
    """Nothing can be dialed: due again later, with the reason, by a refusal of ours."""

    def refused(case: Case, now: datetime) -> Verdict:
        return Verdict(False, (Reason("trunk", HOUSE, no.why),), now + no.after)

    await desk.stores.ledger.dialing(
        claimed.attempt_id, node=desk.node, now=desk.studio.clock.now(), judge=refused
    )


async def prepare(case: CaseFacts, studio: Studio) -> None:
    """Render whatever this case may need to hear; nothing is rendered in a call."""
    clips = fill.clips(studio.library, case)
    async with studio.turn[case.language]:
        await studio.prompts.prepare(
            case.language,
            [clip.text for clip in clips],
            personal={clip.text for clip in clips if clip.personal},
        )


async def _dial(told: Told, desk: Desk, channel: Channel) -> Outcome:
    claimed, personal, case, in_time = told
    order = Order(
        claimed.attempt_id,
        personal.phones[claimed.number],
        desk.ring_seconds,
        desk.terms.caller_id,
        people_seconds=desk.people_seconds,
        before=in_time,
    )
    if desk.people:
        desk.people.dialed(claimed.attempt_id)
    try:
        await in_time("")
        async with channel.place(order) as line:
            await desk.stores.ledger.answered(
                claimed.attempt_id, desk.studio.clock.now()
            )
            return await _talk(claimed, personal, case, desk, line)
    except NotAnswered as no:
        cause, facts = await explained(no, claimed.contact.language, desk.studio)
        ended = _ended(BY_CAUSE[cause], desk, no.cause.value)
        return replace(ended, facts=facts)
    except ChannelDown:
        return _ended(Disposition.FAILED, desk, Cause.NOT_DIALED.value)
    except Unsure:
        return _ended(Disposition.UNKNOWN, desk, "switch lost")


async def _talk(
    claimed: Claimed, personal: Personal, case: CaseFacts, desk: Desk, line: Line
) -> Outcome:
    async def flag(name: str) -> None:
        await desk.stores.flags.add(_flag_rows(name, claimed, desk))

    known = secrets(personal)
    if desk.people:
        mine = claimed.attempt_id
        taken = await connect(mine, desk.people, case, line, desk.studio, known, flag)
        return _outcome(taken, desk)
    talked = await Conversation(desk.studio, line, case, known, flag).talk()
    closed = closed_for(claimed.contact, desk.terms)
    heard, keep = _heard(talked, case, desk, closed), desk.stores.vault.keep
    return await commit(_outcome(talked, desk), heard, personal, desk.terms, keep=keep)


def _heard(talked: Talked, case: CaseFacts, desk: Desk, closed: Closed) -> Heard:
    record = talked.record
    return Heard(
        talked.disposition,
        record.facts,
        record.confirmed,
        case.today.date(),
        desk.studio.mask.shows_amounts,
        closed,
    )


def _flag_rows(name: str, claimed: Claimed, desk: Desk) -> list[FlagRow]:
    contact = claimed.contact
    tokens = {
        "person": contact.person,
        "number": contact.numbers[claimed.number],
        "account": contact.account,
    }
    now, source = desk.studio.clock.now(), f"call:{claimed.attempt_id}"
    return [
        FlagRow(name, scope, tokens[scope], now, source)
        for scope in SCOPES.get(name, ("person",))
    ]


def _ended(disposition: Disposition, desk: Desk, cause: str) -> Outcome:
    return Outcome(disposition, desk.studio.clock.now(), cause)


def _by(trunk: str, outcome: Outcome) -> Outcome:
    """With the trunk that the call went out by, if there are any."""
    if not trunk:
        return outcome
    return replace(outcome, facts={**outcome.facts, "trunk": trunk})


def _outcome(talked: Talked, desk: Desk) -> Outcome:
    record = talked.record
    at = talked.hung_up.callback_at if talked.hung_up else None
    facts = dict(record.facts)
    if at:
        facts["callback_at"] = at.isoformat()
    if record.confirmed:
        facts["confirmed"] = " ".join(dict.fromkeys(record.confirmed))
    return Outcome(
        talked.disposition,
        desk.studio.clock.now(),
        turns=record.timeline(),
        stage=talked.stage,
        facts=facts,
        measures=record.measures(talked.seconds, talked.silence),
        next_try=NextTry(-1, at, "callback asked for") if at else None,
    )


def _with_retry(outcome: Outcome, claimed: Claimed, desk: Desk) -> Outcome:
    asked = outcome.next_try
    contact: Contact = claimed.contact
    following = next_try(
        outcome.disposition,
        tries=claimed.n,
        number=claimed.number,
        numbers=len(contact.numbers),
        now=desk.studio.clock.now(),
        zone=next(iter(contact.zones[claimed.number]), "UTC"),
        callback_at=asked.not_before if asked else None,
        policy=desk.policy,
        best=desk.best,
    )
    return replace(outcome, next_try=following)
