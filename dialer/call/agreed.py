"""From what was confirmed in a call to a commitment: what was read back, no more."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from dialer.agreements.state import NODES_NEEDED
from dialer.agreements.sums import Sums, fresh
from dialer.call.facts import Terms, account, plans, unlisted
from dialer.model import Commitment, Disposition, Outcome, Personal
from dialer.offers.days import Closed, schedule, weekend
from dialer.offers.plans import MEDIATION, Plan, desk
from dialer.offers.policy import Rule
from dialer.store.port import KeyMissing, StoreDown

log = logging.getLogger(__name__)

COMMITTED = frozenset({Disposition.AGREED_PLAN, Disposition.PROMISED})


@dataclass(frozen=True, slots=True)
class Agreed:
    """A commitment, and the sums it binds to, for the vault (None: no sum is known)."""

    commitment: Commitment
    sums: Sums | None


@dataclass(frozen=True, slots=True)
class Heard:
    """The end of a conversation, as far as an agreement depends on it."""

    disposition: Disposition
    facts: Mapping[str, str]
    nodes: Sequence[str]
    today: date  # the callee's
    shows_amounts: bool = False  # does the masking policy let them be seen?
    closed: Closed = weekend  # days on which they cannot pay


async def commit(
    outcome: Outcome,
    heard: Heard,
    personal: Personal,
    terms: Terms,
    *,
    keep: Callable[[Sums], Awaitable[None]],
) -> Outcome:
    """The end of a call with what was agreed in it. Sums are in the vault (`keep`)
    before the ledger refers to them; where that cannot be, the end is kept all the
    same, and why there is no agreement."""
    try:
        found = agreed(heard, personal, terms)
        if found and found.sums:
            await keep(found.sums)
    except (ValueError, KeyMissing, StoreDown) as error:
        why = f"it could not be kept: {type(error).__name__}"
        log.error("what was agreed cannot be kept", extra={"why": why})
        return replace(outcome, facts={**outcome.facts, "agreement_refused": why})
    return replace(outcome, commitment=found.commitment) if found else outcome


def agreed(heard: Heard, personal: Personal, terms: Terms) -> Agreed | None:
    """None: nothing that counts was agreed (R12)."""
    nodes = tuple(dict.fromkeys(heard.nodes))
    if heard.disposition not in COMMITTED or len(nodes) < NODES_NEEDED:
        return None
    plan = _plan(heard, personal, terms)
    first = heard.facts.get("promise_date", "")
    if plan is None or not (first or plan is MEDIATION):
        return None
    rule = terms.policy.rule_for(personal.creditor, terms.product)
    due = _due(plan, first, heard.closed)
    sums = fresh(personal.currency, plan.parts) if plan.total else None
    return Agreed(_commitment(heard, plan, rule, (nodes, due), sums), sums)


def _commitment(
    heard: Heard,
    plan: Plan,
    rule: Rule,
    known: tuple[tuple[str, ...], tuple[date, ...]],
    sums: Sums | None,
) -> Commitment:
    nodes, due = known
    return Commitment(
        kind=plan.kind,
        due=due,
        grace_days=rule.grace_days if due else 0,
        currency=sums.currency if sums else "",
        commit=sums.commit if sums else "",
        nodes=nodes,
        on=heard.today,
        sums=sums.sums if sums and heard.shows_amounts else (),
    )


def _due(plan: Plan, first: str, closed: Closed) -> tuple[date, ...]:
    if plan is MEDIATION:
        return ()
    return schedule(date.fromisoformat(first), len(plan.parts), closed)


def _plan(heard: Heard, personal: Personal, terms: Terms) -> Plan | None:
    """The plan they chose; a sum that is not known is one part of nothing."""
    option = heard.facts.get("option", "")
    if option == "full":
        here = desk(terms.policy, account(personal, terms.product), heard.today)
        return Plan("full", 1, (here.owed if here else 0,))
    listed = plans(personal, terms, heard.today)
    found = (*listed.plans, *unlisted(personal, terms, heard.today, listed))
    number = int(option) if option.isdecimal() else 0
    return found[number - 1] if 1 <= number <= len(found) else None
