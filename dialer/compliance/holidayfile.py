"""A holidays file: what a country has announced, beyond what its law computes."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from dialer.compliance.calendars import Announced


class Country(BaseModel):
    """One [[country]] table. `announced_through` 0: nothing is said about years."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(pattern=r"^[A-Z]{2}$")
    announced_through: int = Field(0, ge=0, le=2199)
    closed: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()
    source: str = Field(min_length=1, pattern=r"\S")
    checked_on: date

    def merged(self, known: Announced | None) -> Announced:
        base = known or Announced(self.id, 0)
        return Announced(
            self.id,
            max(base.through, self.announced_through),
            base.closed | frozenset(self.closed),
            base.workdays | frozenset(self.workdays),
        )


class Holidays(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    country: tuple[Country, ...] = ()
