"""What is opened by `async with` and lives by tasks of its own."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self


class Alive(ABC):
    """Use within `async with`; `_life` says what is open and runs meanwhile. What the
    block raises leaves as it is, and not as a group with what ran beside it."""

    @abstractmethod
    def _life(self) -> AbstractAsyncContextManager[None]: ...

    async def __aenter__(self) -> Self:
        self._living = self._life()
        await self._living.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            await self._living.__aexit__(kind, error, trace)
        else:
            await self._living.__aexit__(None, None, None)
