"""How many calls may be placed: never beyond what the account allows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dialer.campaign.pacing.beliefs import EDGES, Beliefs, Priors
from dialer.campaign.pacing.ceiling import CEILINGS, Standing, Tally, standing
from dialer.campaign.pacing.hazard import Hazard, steady, survival
from dialer.campaign.pacing.loss import beyond, expected_lost
from dialer.campaign.pacing.pacer import Floor, Mode, decide, safe

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
GB = CEILINGS[1]
RICH = Standing(GB, 1000, 20)  # 10 calls of credit
FEW_SEEN = Beliefs(Priors(), 0.5)


def learnt(live_rate: float, calls: int = 2000, seed: int = 5) -> Beliefs:
    """Who has seen so many calls, talks of 100 s on average and 20 s of wrap-up."""
    chance = np.random.default_rng(seed)
    found = Beliefs(Priors(), 0.5)
    for live, seconds in zip(
        chance.random(calls) < live_rate, chance.gamma(3.0, 4.0, calls), strict=True
    ):
        found.call_ended(min(float(seconds), 27.0) if live else 28.0, live=bool(live))
    for talk, wrap in chance.exponential((100.0, 20.0), (calls // 4, 2)).tolist():
        found.talk_ended(talk)
        found.wrap_ended(wrap)
    found.learn((), (), ())
    return found


# --- the bound


def played(
    lead: int,
    calls: Sequence[Sequence[float]],
    agents: Sequence[Sequence[float]],
    times: int,
    chance: np.random.Generator,
) -> tuple[float, float]:
    """The same, played out: each call answers once at most, each agent comes free once
    at most. calls[j][i]: call j's chance to answer in bin i. -> mean lost, its error"""
    bins = len(calls[0])
    lost = np.zeros(times)
    free = np.full(times, float(lead))
    came, freed = (_counts(each, bins, times, chance) for each in (calls, agents))
    for i in range(bins):
        free += freed[i]
        short = np.maximum(came[i] - np.maximum(free, 0), 0)
        lost += short
        free = np.maximum(free - came[i], 0)
    return float(lost.mean()), float(lost.std() / times**0.5)


def _counts(
    each: Sequence[Sequence[float]], bins: int, times: int, chance: np.random.Generator
) -> list[np.ndarray]:
    found = [np.zeros(times) for _ in range(bins)]
    for chances in each:
        which = np.searchsorted(np.cumsum(chances), chance.random(times), side="right")
        for i in range(bins):
            found[i] += which == i
    return found


@pytest.mark.parametrize("seed", range(12))
def test_never_fewer_are_expected_lost_than_are(seed: int) -> None:
    chance = np.random.default_rng(seed)
    bins = len(EDGES) - 1
    lead, some, busy = (int(chance.integers(*r)) for r in ((0, 8), (1, 40), (0, 40)))
    calls = chance.dirichlet(np.ones(bins + 4), some)[:, :bins]
    agents = chance.dirichlet(np.ones(bins + 4), busy)[:, :bins]
    releases = agents.sum(0).tolist() if busy else [0.0] * bins
    bound = expected_lost(lead, calls.sum(0).tolist(), releases, some)
    lost, error = played(lead, calls.tolist(), agents.tolist(), 20_000, chance)
    assert bound >= lost - 3 * error, seed
    assert bound <= 2 * lost + 0.5, seed  # a bound that says nothing would hold as well


def test_two_calls_for_one_agent_lose_when_both_answer() -> None:
    assert expected_lost(1, [0.2, 0.0], [0.0, 0.0], 2) == pytest.approx(0.01, rel=0.05)
    assert beyond(2, 0.2, 1) == pytest.approx(0.01)


def test_as_many_calls_as_agents_lose_nobody() -> None:
    assert expected_lost(3, [2.0, 1.0], [0.0, 0.0], 3) == 0.0


def test_a_callee_who_waits_is_lost_unless_somebody_comes_free() -> None:
    assert expected_lost(-1, [0.0], [0.0], 0) == pytest.approx(1.0, rel=0.05)
    assert expected_lost(-1, [0.0, 0.0], [3.0, 0.0], 0) < 0.2


def test_a_small_team_with_long_calls_is_expected_to_lose_nearly_all() -> None:
    assert expected_lost(0, [1.0], [0.01], 5) > 0.95


# --- what is learnt


def test_quick_ends_that_are_seen_first_do_not_pass_for_frequent() -> None:
    """Ten calls were placed 5 s ago, two were answered at once, eight still ring."""
    hazard = Hazard(np.zeros((1, 30)), 1.0, weight=0.01, memory=100)
    hazard.ended(2.0)
    hazard.ended(2.0)
    chance = 1 - survival(hazard.rates([5.0] * 8))
    assert chance[5] == pytest.approx(0.2, abs=0.01)


def test_an_agent_who_talks_longer_than_any_before_is_not_expected_free() -> None:
    found = learnt(0.2)
    usual = found.releases([50.0], ()).sum()
    assert usual > 0.04
    assert found.releases([1199.0], ()).sum() < 0.02


def test_before_anything_is_seen_no_agent_is_expected_free() -> None:
    assert FEW_SEEN.releases([10.0] * 50, [5.0] * 50).sum() == 0.0


def test_older_calls_fade() -> None:
    found = learnt(0.05, 4000)
    before = found.live_rate
    for _ in range(3000):
        found.call_ended(8.0, live=True)
    found.learn((), (), ())
    assert before < 0.1
    assert found.live_rate > 0.6


def test_a_call_that_has_rung_for_long_answers_less_than_a_new_one() -> None:
    found = learnt(0.3)
    assert found.answers([26.0]).sum() < found.answers([0.0]).sum()


def test_a_steady_hazard_has_its_mean() -> None:
    alive = survival(steady(10.0, 1.0, 400))
    assert alive.sum() == pytest.approx(10.5, abs=0.1)


# --- the account


def test_the_strictest_of_all_periods_counts() -> None:
    """A good month does not pay for a bad day, nor a good day for a bad month."""
    month = [Tally(NOW - timedelta(days=d), 1000, 10) for d in range(2, 25)]
    day = Tally(NOW - timedelta(hours=2), 100, 3)
    found = standing([*month, day], NOW)
    assert found.ceiling.rule == "gb.misuse"
    assert found.credit == pytest.approx(0.0)
    bad = [Tally(t.at, t.answered, 40) for t in month]
    good = Tally(NOW - timedelta(hours=2), 1000, 0)
    assert standing([*bad, good], NOW).ceiling.rule == "us.abandonment"
    old = [Tally(NOW - timedelta(days=50), 1000, 900)]
    assert standing([*old, good], NOW).ceiling.rule == "accord.abandonment"


def test_nothing_answered_leaves_no_credit() -> None:
    assert standing([], NOW).credit == 0.0


# --- the decision


def test_without_credit_predictive_is_progressive() -> None:
    floor = Floor(5, 100, ringing=[3.0, 9.0], talking=[50.0] * 20)
    for account in (Standing(GB, 0, 0), Standing(GB, 100, 2), Standing(GB, 100, 50)):
        found = decide(Mode.PREDICTIVE, floor, learnt(0.1), account)
        assert found.calls == safe(floor) == 3
        assert GB.rule in found.why


def test_on_credit_more_are_placed_and_the_loss_stays_within_the_account() -> None:
    floor = Floor(5, 200, talking=[50.0] * 20)
    found = decide(Mode.PREDICTIVE, floor, learnt(0.1), RICH)
    assert found.calls > safe(floor)
    assert found.lost <= RICH.credit + GB.share * found.answers


@pytest.mark.parametrize("free", [1, 2, 4])
def test_more_credit_never_places_fewer(free: int) -> None:
    floor = Floor(free, 200, ringing=[4.0], talking=[50.0] * 40, wrapping=[9.0] * 9)
    beliefs = learnt(0.15)
    accounts = [Standing(GB, n, 1) for n in (0, 34, 70, 100, 200, 400, 4000)]
    placed = [decide(Mode.PREDICTIVE, floor, beliefs, a).calls for a in accounts]
    assert placed == sorted(placed)
    assert placed[-1] > placed[0]


def test_no_more_than_there_are_lines() -> None:
    floor = Floor(50, 7, talking=[5.0])
    for mode in Mode:
        assert decide(mode, floor, learnt(0.1), RICH).calls == 7
    assert decide(Mode.PREDICTIVE, Floor(5, 0), learnt(0.1), RICH).calls == 0


def test_agentless_fills_the_lines_and_asks_for_no_agent() -> None:
    assert decide(Mode.AGENTLESS, Floor(0, 9), FEW_SEEN, RICH).calls == 9


def test_callees_who_wait_take_agents_too() -> None:
    assert safe(Floor(3, 100, ringing=[1.0], waiting=1)) == 1
    assert safe(Floor(1, 100, ringing=[1.0, 2.0])) == 0
