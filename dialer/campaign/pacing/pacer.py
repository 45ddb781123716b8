"""The decision: how many calls to place now, and why not more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dialer.campaign.pacing.beliefs import Beliefs
from dialer.campaign.pacing.ceiling import Standing
from dialer.campaign.pacing.loss import expected_lost


class Mode(StrEnum):
    PREVIEW = "preview"  #: an agent sees the case first, then one call is placed
    PROGRESSIVE = "progressive"  #: one call for each free agent
    PREDICTIVE = "predictive"  #: more, as long as the ceiling holds
    AGENTLESS = "agentless"  #: no agents: as many calls as there are lines


@dataclass(frozen=True, slots=True)
class Floor:
    """What is seen at one moment. Ages in seconds; `waiting`: answered, no agent yet;
    `free`: agents free (preview: those who have seen their case); `lines`: calls that
    trunks and caps leave room for."""

    free: int
    lines: int
    ringing: Sequence[float] = ()
    talking: Sequence[float] = ()
    wrapping: Sequence[float] = ()
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Tuning:
    """How the account is spent.

    keep: calls of credit that are never spent, so that one more callee lost does not
    cross the ceiling. reserve: calls beyond them at which the ceiling's own share of
    the callees under way may be lost; less allows less in proportion, more allows
    more, up to `most` times the share.
    """

    keep: float = 1.0
    reserve: float = 3.0
    most: float = 4.0


@dataclass(frozen=True, slots=True)
class Decision:
    """`calls` to place now. Where more than the safe number are placed, `lost` of the
    `answers` callees under way then are expected to find nobody (a bound)."""

    calls: int
    why: str
    lost: float = 0.0
    answers: float = 0.0


def safe(floor: Floor) -> int:
    """Progressive: with these and those under way each callee has a free agent."""
    taken = len(floor.ringing) + floor.waiting
    return max(0, min(floor.lines, floor.free - taken))


def decide(
    mode: Mode,
    floor: Floor,
    beliefs: Beliefs,
    account: Standing,
    tuning: Tuning = Tuning(),
) -> Decision:
    """Calls to place now. Only predictive can lose anybody, and only on credit."""
    if mode is Mode.AGENTLESS:
        return Decision(max(0, floor.lines), "a call for each line")
    least = safe(floor)
    if mode is not Mode.PREDICTIVE:
        return Decision(least, "a call for each free agent")
    if account.credit <= tuning.keep:
        why = f"progressive: {account.ceiling.rule} leaves too little credit"
        return Decision(least, why)
    return _predict(floor, beliefs, account, tuning, least)


def _predict(
    floor: Floor, beliefs: Beliefs, account: Standing, tuning: Tuning, least: int
) -> Decision:
    """The most calls whose expected loss the account allows. The loss grows faster than
    the answers, so calls are doubled until it is too much, then halved in on."""
    under_way = beliefs.answers(floor.ringing)
    each = beliefs.answers((0.0,))
    freed = beliefs.releases(floor.talking, floor.wrapping).tolist()
    lead = floor.free - floor.waiting
    share = account.ceiling.share
    credit = account.credit - tuning.keep
    steady = share * min(credit / tuning.reserve, tuning.most)

    def loses(calls: int) -> tuple[float, float, bool]:
        came = (under_way + calls * each).tolist()
        total = sum(came) + floor.waiting
        lost = expected_lost(lead, came, freed, len(floor.ringing) + calls)
        allowed = min(steady * total, credit + share * total)
        return lost, total, lost <= allowed

    good, bad, step = least, floor.lines + 1, max(1, len(floor.ringing) // 16)
    lost = total = 0.0
    while good + 1 < bad:
        tried = min(good + step, bad - 1)
        now_lost, now_total, fine = loses(tried)
        if fine:
            good, lost, total, step = tried, now_lost, now_total, step * 2
        else:
            bad, step = tried, max(1, (tried - good) // 2)
    why = "every line is taken" if bad > floor.lines else "one more would lose too many"
    return Decision(good, why, lost, total)
