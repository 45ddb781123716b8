"""Preview: what agents say of the cases they are shown, by way of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dialer.clock import Clock
from dialer.store.port import Previews


@dataclass(frozen=True, slots=True)
class Previewed:
    """A `paced.Choice` for one campaign."""

    previews: Previews
    campaign_id: str
    clock: Clock

    async def offer(self, attempt_id: str) -> None:
        await self.previews.offer(self.campaign_id, attempt_id, self.clock.now())

    async def said(self) -> Mapping[str, str | None]:
        return await self.previews.answers(self.campaign_id)

    async def withdraw(self, attempt_id: str) -> None:
        await self.previews.withdraw(attempt_id)
