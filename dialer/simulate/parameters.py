"""config/pacing.toml: every number of the controller and of the made-up world."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from dialer.campaign.pacing.beliefs import Priors
from dialer.campaign.pacing.pacer import Tuning
from dialer.toml import FileError, Part, read

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=3600)]
More = Annotated[float, Field(gt=0, le=3600)]
Spread = Annotated[float, Field(gt=0, le=3)]


class ParametersError(FileError):
    """The file of parameters is wrong."""


class Controller(Part):
    agent_within_s: More
    keep: Seconds
    reserve: More
    most: More
    learn_s: More
    decide_s: More
    live_rate: Annotated[float, Field(gt=0, lt=1)]
    weight: More
    memory: Annotated[float, Field(ge=100)]
    caution: Seconds

    def priors(self, ring_s: float) -> Priors:
        return Priors(
            self.live_rate,
            ring_s,
            self.weight,
            self.memory,
            self.caution,
        )

    @property
    def tuning(self) -> Tuning:
        return Tuning(self.keep, self.reserve, self.most)


class List(Part):
    start: datetime
    zone: str
    location: str
    packs: tuple[str, ...]
    spare: Annotated[float, Field(gt=0, le=100)]


class Shares(Part):
    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = math.fsum(self.model_dump().values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"must add up to 1, found {total:g}")
        return self


class Answers(Shares):
    no_answer: Share
    machine: Share
    busy: Share
    unallocated: Share


class Ring(Part):
    setup_s: Seconds
    live_mean_s: More
    live_spread: Spread
    machine_mean_s: More
    machine_spread: Spread
    busy_s: Seconds
    unallocated_s: Seconds
    ring_seconds: Annotated[float, Field(ge=15, le=60)]


class Lines(Part):
    per_agent: Annotated[float, Field(ge=1, le=1000)]


class Machine(Part):
    detect_s: Seconds
    found: Share
    listen_s: Seconds


class Work(Part):
    talk_spread: Spread
    wrap_spread: Spread
    effective_s: Seconds
    day_hours: Annotated[float, Field(gt=0, le=24)]


class Ends(Shares):
    no_commitment: Share
    promised: Share
    callback: Share
    hung_up: Share
    wrong_number: Share


class Manual(Part):
    lookup_s: Seconds
    dial_s: Seconds
    note_s: Seconds


class Preview(Part):
    read_s: Seconds


class Parameters(Part):
    controller: Controller
    list: List
    answers: Answers
    ring: Ring
    lines: Lines
    machine: Machine
    work: Work
    ends: Ends
    manual: Manual
    preview: Preview

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.machine.detect_s >= self.controller.agent_within_s:
            raise ValueError("machine.detect_s must be below controller.agent_within_s")
        return self

    @property
    def patience(self) -> float:
        """Seconds a callee waits for an agent once it is known that it is a person."""
        return self.controller.agent_within_s - self.machine.detect_s


def load(path: Path) -> Parameters:
    """ParametersError names every problem with its key."""
    return read(path, Parameters, ParametersError)
