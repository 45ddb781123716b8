"""The made-up shift: fair to every mode, lawful, and able to show a breach."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.pacing import naive
from dialer.campaign.pacing.pacer import decide
from dialer.campaign.retry import load_policy
from dialer.cli.simulate import simulate as command
from dialer.compliance.gate import make_judge
from dialer.compliance.packs import load as load_packs
from dialer.model import Disposition, Judge
from dialer.simulate.audit import violations
from dialer.simulate.figures import Figures
from dialer.simulate.parameters import Parameters, ParametersError, load
from dialer.simulate.people import Answer, People
from dialer.simulate.roll import Call
from dialer.simulate.shift import Pacer
from dialer.simulate.simulate import MODES, Order, list_length, simulate

CONFIG = Path(__file__).parents[2] / "config"
GIVEN = load(CONFIG / "pacing.toml")
SHIFT = Order("predictive", 20, 0.15, 120.0, 30.0, 0.5, 1)


@cache
def judge() -> Judge:
    return make_judge(load_packs(CONFIG, today=date(2026, 11, 23)))


def run(order: Order, given: Parameters = GIVEN, pacer: Pacer = decide) -> Figures:
    policy = load_policy(CONFIG / "retry.toml")
    return simulate(order, given, judge(), policy, pacer)


# --- the people


def test_what_a_person_does_depends_on_who_and_how_often_only() -> None:
    one, other = (People(3, 0.2, 100.0, 20.0, GIVEN) for _ in range(2))
    order = [(5, 0), (9000, 0), (5, 1), (12, 3)]
    forth = [one.reaction(*asked) for asked in order]
    back = [other.reaction(*asked) for asked in reversed(order)]
    assert forth == back[::-1]
    assert one.reaction(5, 0) != one.reaction(5, 1)


@pytest.mark.slow
def test_the_live_rate_and_the_means_are_those_asked_for() -> None:
    people = People(1, 0.2, 100.0, 20.0, GIVEN)
    found = [people.reaction(n, 0) for n in range(20_000)]
    live = [r for r in found if r.answer is Answer.LIVE]
    assert len(live) / len(found) == pytest.approx(0.2, abs=0.01)
    assert sum(r.talk for r in found) / len(found) == pytest.approx(100, rel=0.05)
    assert sum(r.wrap for r in found) / len(found) == pytest.approx(20, rel=0.05)
    most = GIVEN.ring.ring_seconds + GIVEN.ring.setup_s
    assert max(r.after for r in found) <= most


def test_every_mode_has_the_same_list() -> None:
    assert len({list_length(replace(SHIFT, mode=m), GIVEN) for m in MODES}) == 1


# --- the shift


@pytest.mark.slow
def test_the_same_seed_gives_the_same_shift() -> None:
    assert run(SHIFT) == run(SHIFT)
    assert run(SHIFT) != run(replace(SHIFT, seed=2))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_keeps_every_rule(mode: str) -> None:
    found = run(replace(SHIFT, mode=mode))
    assert found.violations == 0
    assert found.connects_per_agent_hour > 1
    assert 0 < found.occupancy <= 1
    assert found.abandoned == 0 or mode == "predictive"


def test_predictive_talks_more_than_progressive_and_that_more_than_by_hand() -> None:
    talked = [
        run(replace(SHIFT, mode=mode)).talk_minutes_per_agent_hour
        for mode in ("manual", "preview", "progressive", "predictive")
    ]
    assert talked == sorted(talked)


@pytest.mark.slow
def test_a_naive_ratio_breaks_the_ceiling_that_ours_keeps() -> None:
    order = replace(SHIFT, live_rate=0.3, hours=1.0)
    assert run(order, pacer=naive).abandoned_rate > 0.05
    assert run(order).abandoned_rate <= 0.03


@pytest.mark.parametrize(
    ("believed", "live_rate", "talk"),
    [(0.02, 0.5, 120.0), (0.9, 0.1, 120.0), (0.2, 0.3, 900.0), (0.2, 0.3, 20.0)],
)
def test_wrong_beliefs_and_long_calls(
    believed: float, live_rate: float, talk: float
) -> None:
    controller = GIVEN.controller.model_copy(update={"live_rate": believed})
    given = GIVEN.model_copy(update={"controller": controller})
    order = replace(SHIFT, agents=10, live_rate=live_rate, talk=talk, hours=1.0)
    assert run(order, given).abandoned_rate <= 0.03


@pytest.mark.slow
def test_a_short_list_is_called_again_only_as_the_rules_let_it() -> None:
    """24 hours: the list is used up, people are tried again, and hours close."""
    order = replace(SHIFT, mode="progressive", agents=2, hours=24.0, talk=60.0)
    found = run(replace(order, people=2200))
    assert found.violations == 0
    assert found.attempts_per_person_max > 1
    assert found.list_used == 1.0
    assert found.refused_by_gate > 0


# --- the audit can fail


def call(
    dialed: float,
    end: Disposition = Disposition.NO_ANSWER,
    *,
    rang: float = 28.0,
    waited: float = 1.5,
) -> Call:
    if end is Disposition.NO_ANSWER:
        return Call(7, dialed, dialed + rang, end, Answer.NO_ANSWER)
    return Call(7, dialed, dialed + rang, end, Answer.LIVE, waited)


def broken(*calls: Call) -> dict[str, int]:
    start = GIVEN.list.start  # 09:00
    return dict(violations(calls, start, GIVEN.list.zone, GIVEN.ring.setup_s))


HOUR = 3600.0


def test_the_audit_finds_each_breach() -> None:
    assert broken(call(0), call(HOUR)) == {}
    assert broken(call(13 * HOUR)) == {"hours": 1}
    assert broken(call(-HOUR - 1)) == {"hours": 1}
    assert broken(call(0, rang=17.0)) == {"ring": 1}
    talk = Disposition.NO_COMMITMENT
    assert broken(call(0, talk, waited=2.1)) == {"wait": 1}
    assert broken(*(call(n * HOUR, talk) for n in range(4))) == {"talks": 1}
    assert broken(*(call(n * HOUR) for n in range(7))) == {"attempts": 1}
    lost = call(0, Disposition.ABANDONED)
    assert broken(lost, call(48 * HOUR)) == {"after_abandoned": 1}
    assert broken(lost, call(72 * HOUR)) == {}


# --- the parameters and the command


def test_parameters_are_checked_whole(tmp_path: Path) -> None:
    text = (CONFIG / "pacing.toml").read_text("utf-8")
    file = tmp_path / "mine.toml"
    file.write_text(
        text.replace("ring_seconds = 25.0", "ring_seconds = 10").replace(
            "no_answer = 0.66", "no_answer = 0.7"
        )
    )
    with pytest.raises(ParametersError) as wrong:
        load(file)
    places = dict(wrong.value.problems)
    assert set(places) == {"ring.ring_seconds", "answers"}
    assert "add up to 1" in places["answers"]


def typed(*args: str) -> Result:
    return CliRunner().invoke(command, list(args))


def test_the_command_says_that_it_is_simulated() -> None:
    args = ("--agents", "4", "--hours", "0.2", "--mode", "progressive")
    shown = typed(*args)
    assert shown.exit_code == 0
    assert "simulated: no call was placed" in shown.output
    found = json.loads(typed(*args, "--json").output)
    assert found["simulated"] is True
    assert set(asdict(run(replace(SHIFT, agents=4, hours=0.2)))) < set(found)


@pytest.mark.parametrize(
    "args",
    [
        ("--mode", "magic"),
        ("--agents", "0"),
        ("--live-rate", "1.5"),
        ("--talk", "0"),
        ("--hours", "x"),
        ("--agents", "500", "--hours", "24", "--live-rate", "0.01", "--talk", "10"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(args: tuple[str, ...]) -> None:
    result = typed(*args)
    assert result.exit_code == 2
    assert sum("Error" in line for line in result.output.splitlines()) == 1
