"""Gate and oracle agree: verdict, every rule broken, and the minute of the next call.

`make oracle` does the same for a million cases.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.oracle.cases import draw
from tests.oracle.compare import disagreement
from tests.oracle.judge import judge


def agree(seeds: range) -> None:
    wrong = [found for found in map(disagreement, seeds) if found is not None]
    assert not wrong, f"{len(wrong)} disagreements, the first: {wrong[0]}"


def test_they_agree() -> None:
    agree(range(400))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1_000_000, 1_020_000, 5000))
def test_they_agree_at_length(start: int) -> None:
    agree(range(start, start + 5000))


@pytest.mark.slow
def test_the_cases_meet_every_rule() -> None:
    """Else agreement would say little: each rule breaks, and alone too, and ends."""
    said = [judge(draw(seed)) for seed in range(6000)]
    broken = Counter(rule for one in said for rule in one.broken)
    rules = {
        *("accord.hours", "accord.sources", "accord.reviews", "accord.flags"),
        *(
            "accord.age",
            "accord.purpose",
            "cn.hours",
            "cn.talks",
            "cn.attempts",
            "us.hours",
        ),
        *("us.frequency", "us.wait", "us.flags", "us.artificial_voice"),
        *("us-nv.hours", "us-pa.hours", "ie.hours", "au.hours", "au.week"),
        *("au.month", "gb.abandoned", "in.hours"),
    }
    assert set(broken) == rules
    rare = {rule: n for rule, n in broken.items() if n < 10}
    assert not rare
    waiting = sum(1 for one in said if one.broken and one.next_allowed)
    assert sum(1 for one in said if not one.broken) > 1000
    assert waiting > 1000
