"""What became of a contact's attempts, and by which rule there is another: for
`dialer contacts explain`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dialer import planning
from dialer.attempt import Phase
from dialer.campaign.file import parse
from dialer.campaign.hours import Best
from dialer.campaign.retry import NEVER, Policy, Rule, load_policy
from dialer.clock import Clock
from dialer.settings import shipped
from dialer.store.port import AttemptRow, Campaign, Stores

RULES = "config/retry.toml"


async def retries(
    stores: Stores, contact_id: str, clock: Clock
) -> list[dict[str, Any]]:
    """By campaign: each attempt, the rule for how it ended, when the next is due."""
    rows = await stores.calls.of(contact_id)
    found = list[dict[str, Any]]()
    for campaign_id in dict.fromkeys(row.campaign_id for row in rows):
        campaign = await stores.campaigns.get(campaign_id)
        own = parse(campaign.settings).retry if campaign.settings != "{}" else {}
        changes = {name: (r.after_minutes, r.times) for name, r in own.items()}
        policy = load_policy(shipped("config") / "retry.toml", changes)
        best = await planning.best_hour(stores, campaign, clock)
        mine = [row for row in rows if row.campaign_id == campaign_id]
        found.append(_campaign(campaign, mine, policy, best, set(own)))
    return found


def _campaign(
    campaign: Campaign,
    rows: Sequence[AttemptRow],
    policy: Policy,
    best: Best | None,
    own: set[str],
) -> dict[str, Any]:
    following = {row.n - 1: row for row in rows}
    return {
        "campaign": campaign.name,
        "best_hour": best.why if best else None,
        "most_attempts": policy.most_attempts,
        "attempts": [_attempt(row, following.get(row.n), policy, own) for row in rows],
    }


def _attempt(
    row: AttemptRow, following: AttemptRow | None, policy: Policy, own: set[str]
) -> dict[str, Any]:
    ended = row.disposition
    rule = policy.rules.get(ended) if ended else None
    if row.phase is not Phase.DONE:
        why = f"due from {row.not_before:%Y-%m-%d %H:%M} UTC"
        why = why if row.phase is Phase.DUE else f"is {row.phase.value} now"
    elif rule is None or ended in NEVER:
        why = f"{ended} is never tried again by itself"
    elif following is None:
        why = f"no further try: {ended} has {rule.times} (or the number was taken)"
    else:
        why = f"attempt {following.n} follows"
    return {
        "n": row.n,
        "phone": row.phone,
        "phase": row.phase.value,
        "disposition": ended.value if ended else None,
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "rule": rule and _rule(rule),
        "rule_of": f"campaign.retry.{ended}" if ended in own else f"{RULES} [{ended}]",
        "next_due": following.not_before.isoformat() if following else None,
        "why": why,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "when": rule.when.value,
        "after_minutes": rule.after.total_seconds() / 60,
        "times": rule.times,
        "other_number": rule.other_number.value,
    }


def lines(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The same for people."""
    for one in found:
        yield f"  campaign {one['campaign']}, at most {one['most_attempts']} attempts"
        hour = one["best_hour"] or "not known yet (too few calls)"
        yield f"    best hour learnt: {hour}"
        for attempt in one["attempts"]:
            yield f"    attempt {attempt['n']} {_ended(attempt)}: {attempt['why']}"
            if rule := attempt["rule"]:
                yield f"      {attempt['rule_of']}: {_told(rule)}"


def _ended(attempt: dict[str, Any]) -> str:
    if not attempt["disposition"]:
        return "is not over"
    return f"ended {attempt['disposition']} at {attempt['ended_at']}"


def _told(rule: dict[str, Any]) -> str:
    after = f" {rule['after_minutes']:g} min" if rule["after_minutes"] else ""
    times = f"while there were at most {rule['times']} attempts"
    return f"{rule['when']}{after}, {times}; other numbers: {rule['other_number']}"
