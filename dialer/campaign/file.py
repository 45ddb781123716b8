"""The campaign file: TOML, checked whole, every problem with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from dialer.toml import FileError, Part, read

Words = Annotated[str, Field(min_length=1, max_length=80)]


class CampaignError(FileError):
    """A campaign file is wrong."""


class Offer(Part):
    """One way to repay that the creditor allows."""

    name: str = Field(pattern="^(instalments|deferral|discount|mediation)$")
    months: Annotated[int, Field(ge=1, le=60)] = 1
    discount_percent: Annotated[float, Field(ge=0, le=100)] = 0


class Retry(Part):
    """Overrides of config/retry.toml for one disposition."""

    after_minutes: float = Field(gt=0)
    times: int = Field(ge=0, le=20)


class Rehearsal(Part):
    """loopback: agents in memory."""

    agents: Annotated[int, Field(ge=1, le=500)] = 2
    picks_up_seconds: Annotated[float, Field(ge=0, le=60)] = 1.0
    talk_seconds: Annotated[float, Field(gt=0, le=3600)] = 20.0


class Pacing(Part):
    """Who talks, and how many are called for them."""

    mode: Annotated[
        str, Field(pattern="^(agentless|preview|progressive|predictive)$")
    ] = "agentless"
    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")] = "people"
    #: At least 15 seconds: 16 CFR 310.4(b)(4)(ii).
    ring_seconds: Annotated[float, Field(ge=15, le=120)] = 25.0
    agent_seconds: Annotated[float, Field(ge=1, le=60)] = 10.0  # an agent's phone rings
    wrap_seconds: Annotated[float, Field(ge=0, le=3600)] = 10.0
    at_most: Annotated[float, Field(gt=0, le=0.03)] = 0.03  # abandoned; or stricter
    number: Annotated[str, Field(pattern=r"^(\+[1-9][0-9]{6,14})?$")] = ""
    rehearsal: Rehearsal = Rehearsal()

    @property
    def people(self) -> bool:
        """Is it people who talk?"""
        return self.mode != "agentless"


class CampaignFile(Part):
    """What one campaign is: who calls for whom, about what, to whom, and how."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    agency: dict[str, Words]  # by language: who calls
    script: str = "mediation"
    product: str = Field("loan", pattern="^(loan|card|invoice|rent)$")
    batches: tuple[str, ...] = ()  # empty: all
    packs: tuple[str, ...] = ()  # asked for beyond those the locations imply
    channel: str = Field("loopback", pattern="^(loopback|trunks)$")
    trunks: tuple[str, ...] = ()  # trunks: these of trunks.toml; empty: all
    callees: str = ""  # loopback: a folder of callees, relative to the file
    caller_id: str = ""
    lines: int = Field(8, ge=1, le=500)
    hand_over_to: str = "people"
    offers: tuple[Offer, ...] = Field((), max_length=3)  # empty: the policy's best
    retry: dict[str, Retry] = Field({})
    pacing: Pacing = Pacing()
    priority: Annotated[int, Field(ge=0, le=9)] = 0  # of contacts without their own

    @model_validator(mode="after")
    def can_be_called_back(self) -> Self:
        """Whoever is abandoned must hear a number (16 CFR 310.4(b)(4)(iii))."""
        if self.pacing.people and not (self.pacing.number or self.caller_id):
            raise ValueError("pacing with people needs pacing.number or caller_id")
        return self

    def canonical(self) -> str:
        """As the ledger keeps it."""
        return json.dumps(
            self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True
        )


def load(path: Path) -> CampaignFile:
    """Read and check a campaign file."""
    campaign = read(path, CampaignFile, CampaignError)
    if campaign.callees:
        folder = (path.parent / campaign.callees).resolve()
        if not folder.is_dir():
            raise CampaignError(str(path), [("callees", f"no folder {folder}")])
        return campaign.model_copy(update={"callees": str(folder)})
    return campaign


def parse(settings: str) -> CampaignFile:
    """What `canonical` wrote."""
    return CampaignFile.model_validate_json(settings)
