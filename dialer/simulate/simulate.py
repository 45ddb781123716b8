"""One simulated shift from its order to its figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dialer.campaign.pacing.pacer import Mode, decide
from dialer.campaign.retry import Policy
from dialer.model import Judge
from dialer.simulate import manual
from dialer.simulate.audit import violations
from dialer.simulate.figures import Figures, Measured, figures
from dialer.simulate.parameters import Parameters
from dialer.simulate.people import People
from dialer.simulate.roll import Roll
from dialer.simulate.shift import Pacer, Shift

MANUAL = "manual"
MODES = (MANUAL, *(mode.value for mode in Mode))


@dataclass(frozen=True, slots=True)
class Order:
    """talk, wrap: mean seconds. people: on the list; 0: enough for agents who never
    wait, as parameters.list.spare says."""

    mode: str
    agents: int
    live_rate: float
    talk: float
    wrap: float
    hours: float
    seed: int
    people: int = 0


def list_length(order: Order, given: Parameters) -> int:
    """The same for all modes."""
    if order.people:
        return order.people
    talks = order.agents * order.hours * 3600 / (order.talk + order.wrap)
    return math.ceil(talks / order.live_rate * given.list.spare) + order.agents


def simulate(
    order: Order,
    given: Parameters,
    judge: Judge,
    policy: Policy,
    pacer: Pacer = decide,
) -> Figures:
    """Run it. `pacer` stands in for ours, for comparisons."""
    size = list_length(order, given)
    people = People(order.seed, order.live_rate, order.talk, order.wrap, given)
    roll = Roll(size, judge, policy, given)
    seconds = order.hours * 3600
    if order.mode == MANUAL:
        worked = manual.run(order.agents, seconds, roll, people, given)
    else:
        mode = Mode(order.mode)
        shift = Shift(mode, order.agents, seconds, roll, people, given, pacer)
        shift.run()
        worked = shift.worked
    told = given.list
    broken = violations(roll.calls, told.start, told.zone, given.ring.setup_s)
    measured = Measured(
        roll.calls,
        order.agents,
        seconds,
        worked.talk,
        worked.talk + worked.wrap + worked.heard,
        worked.waits,
        roll.refused,
        size,
        broken,
    )
    return figures(measured, given.work.effective_s, given.work.day_hours)
