"""Confirmation nodes, silence budget, speaking rate."""

from __future__ import annotations

import pytest

from ivr.technique import SilenceBudget, confirmations, measures, speaking_rate


def test_the_budget_is_spent_and_ends() -> None:
    budget = SilenceBudget(30)
    for seconds in (12.0, 12.0):
        budget = budget.spend(seconds)
    assert (budget.left, budget.exhausted) == (6.0, False)
    budget = budget.spend(6.0)
    assert (budget.left, budget.exhausted) == (0.0, True)
    assert budget.spend(5).left == 0.0


def test_no_silence_is_negative() -> None:
    with pytest.raises(ValueError, match=r"-0\.1"):
        SilenceBudget().spend(-0.1)


def test_a_node_passed_twice_counts_once() -> None:
    assert confirmations(["identity", "plan", "identity"]) == 2


@pytest.mark.parametrize(
    ("spoken", "rate"),
    [([], 0.0), ([(0, 0.0)], 0.0), ([(130, 60.0)], 130.0), ([(5, 1.5), (8, 4)], 141.8)],
)
def test_rate_is_units_over_time(spoken: list[tuple[int, float]], rate: float) -> None:
    assert speaking_rate(spoken) == pytest.approx(rate, abs=0.05)


def test_measures_of_a_call() -> None:
    assert measures(
        nodes=["identity", "plan", "final"],
        rights=["person", "mediation", "person"],
        silence=SilenceBudget(30, 7.5),
        spoken=[(210, 60.0)],
    ) == {
        "confirmations": 3.0,
        "rights_explained": 2.0,
        "silence_seconds": 7.5,
        "silence_left": 22.5,
        "units_per_minute": 210.0,
    }
