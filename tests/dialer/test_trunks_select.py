"""Which trunk takes a call: pure rules of prefix, caller ID, order, room, health."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.trunks.caps import Cap, Window
from dialer.trunks.figures import Figures
from dialer.trunks.health import Health, State
from dialer.trunks.model import Trunk
from dialer.trunks.select import candidates, emergency, may_take, shown

OURS = "+861055550000"


def trunk(**more: object) -> Trunk:
    plain = {"asterisk": "main", "hosts": ("h",), "caller_ids": (OURS, "+861055550001")}
    return Trunk.model_validate({**plain, **more})


def test_prefix_caller_id_and_being_enabled_decide_who_may() -> None:
    number = "+8613800138000"
    assert may_take(trunk(), number, "")
    assert may_take(trunk(prefixes=("+86", "+852")), number, "+861055550001")
    assert not may_take(trunk(prefixes=("+44",)), number, "")
    assert not may_take(trunk(), number, "+12025550100")
    assert not may_take(trunk(enabled=False), number, "")


def test_the_callee_sees_a_number_that_the_trunk_owns() -> None:
    assert shown(trunk(), "") == OURS
    assert shown(trunk(), "+861055550001") == "+861055550001"


@pytest.mark.parametrize("number", ["+86110", "+86120", "+1911", "+44999", "+44112"])
def test_emergency_services_are_never_called(number: str) -> None:
    assert emergency(number)
    assert not may_take(trunk(), number, "")


def test_nor_are_short_codes() -> None:
    assert not emergency("+8612345")
    assert not may_take(trunk(strip="+86"), "+8612345", "")


def test_priority_goes_before_weight() -> None:
    trunks = {
        "spare": trunk(priority=2, weight=1000),
        "first": trunk(priority=1, weight=0.1),
    }
    chance = random.Random(1)
    for _ in range(100):
        found = candidates(trunks, "+8613800138000", "", chance.random)
        assert found == ["first", "spare"]


def test_equals_share_by_weight() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201
    chance = random.Random(seed)
    trunks = {"one": trunk(weight=1), "three": trunk(weight=3)}
    first = Counter(
        candidates(trunks, "+8613800138000", "", chance.random)[0] for _ in range(4000)
    )
    assert 2800 < first["three"] < 3200  # 3000 expected, 7 standard deviations


@pytest.mark.slow
@given(
    per_second=st.sampled_from([0.5, 1, 2.5, 5, 30]),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_no_second_has_more_starts_than_the_cap(
    per_second: float, gaps: list[float]
) -> None:
    window, now, starts = Window(per_second), 0.0, list[float]()
    for gap in gaps:
        now += gap
        now += window.wait(now)
        window.start(now)
        starts.append(now)
    length = max(1.0, 1 / per_second)
    for at in starts:
        inside = sum(at <= other < at + length for other in starts)
        assert inside <= max(1, per_second)


def test_channels_are_full_until_one_is_given_back() -> None:
    cap = Cap(channels=2, calls_per_second=100)
    cap.take(0.0)
    cap.take(0.0)
    assert cap.wait(10.0) == float("inf")
    cap.give()
    assert cap.wait(10.0) == 0


def test_failures_in_a_row_take_a_trunk_out_and_one_call_brings_it_back() -> None:
    health = Health(failures=3, cool_down=60)
    for _ in range(2):
        health.failed(0)
    health.worked()
    for _ in range(2):
        health.failed(0)
    assert health.state(0) is State.UP
    health.failed(10)
    assert health.state(69) is State.OFF
    assert health.state(70) is State.TRYING
    health.begin(70)
    assert not health.usable(71)  # one call tries it, not two
    health.worked()
    assert health.state(72) is State.UP


def test_a_trunk_that_fails_its_trial_is_out_for_twice_as_long() -> None:
    health = Health(failures=1, cool_down=60)
    health.failed(0)
    waits, now = list[float](), 60.0
    for _ in range(6):
        health.begin(now)
        health.failed(now)
        assert health.off_until is not None
        waits.append(health.off_until - now)
        now = health.off_until
    assert waits == [120, 240, 480, 960, 960, 960]


def test_a_trial_that_told_nothing_is_made_again() -> None:
    health = Health(failures=1, cool_down=60)
    health.failed(0)
    health.begin(60)
    health.given_up()
    assert health.state(60) is State.TRYING


def test_a_carrier_that_does_not_answer_is_not_used_whatever_calls_say() -> None:
    health = Health(failures=3, cool_down=60, reachable=False)
    health.worked()
    assert health.state(0) is State.UNREACHABLE
    assert not health.usable(0)


def test_figures_of_the_last_hour() -> None:
    figures = Figures()
    figures.begin(0).cause = "old"
    for n, cause in enumerate(("busy", "congestion")):
        figures.begin(3700 + n).cause = cause
    talked = figures.begin(3710)
    talked.rang, talked.answered, talked.ended = 3712, 3715, 3745
    unheard = figures.begin(3720)
    unheard.answered = 3724
    found = figures.of(3730)
    assert found["calls"] == 4
    assert found["answer_seizure_ratio"] == 0.5
    assert found["average_length"] == 30
    assert found["post_dial_delay"] == 3  # 2 and 4
    assert found["causes"] == {"busy": 1, "congestion": 1}
    assert found["calls_per_second"] == round(4 / 60, 2)


def test_what_is_over_counts_as_it_did_before() -> None:
    """And is forgotten with its minute; what is still under way is there too."""
    figures = Figures()
    ended, under_way = figures.begin(60), figures.begin(70)
    ended.rang, ended.answered, ended.ended = 62, 65, 95
    under_way.cause = "busy"
    before = figures.of(100)
    figures.end(ended)
    figures.end(ended)
    assert figures.of(100) == before
    figures.end(under_way)
    assert figures.of(100) == {**before, "last_causes": ["busy"]}
    assert figures.of(120 + 3600)["calls"] == 0


def test_figures_of_nothing_are_none_not_zero() -> None:
    found = Figures().of(0)
    assert found["answer_seizure_ratio"] is None
    assert found["average_length"] is None
