"""The carrier's own record of calls placed: the witness nobody in the engine writes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from datetime import datetime
from pathlib import Path


class CarrierRecord:
    """One JSON line per call sent out: `attempt`, `number_sha256`, `at`. On disk before
    it rings. Never shortened; several processes may append."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()

    def attempts(self) -> set[str]:
        """Ids of all calls ever placed; a last line cut off by a crash counts not."""
        try:
            lines = self._path.read_text("utf-8").split("\n")[:-1]
        except FileNotFoundError:
            return set()
        return {str(json.loads(line)["attempt"]) for line in lines if line}

    async def write(self, attempt_id: str, number: str, at: datetime) -> None:
        """Durable when it returns. Raises OSError."""
        entry = {
            "attempt": attempt_id,
            "number_sha256": hashlib.sha256(number.encode()).hexdigest(),
            "at": at.isoformat(),
        }
        line = json.dumps(entry) + "\n"
        async with self._turn:
            await asyncio.to_thread(self._append, line.encode())

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_APPEND | os.O_CREAT | os.O_RDWR, 0o600)
        try:
            size = os.lseek(file, 0, os.SEEK_END)
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line  # close what a crash left open
            os.write(file, line)
            os.fsync(file)
        finally:
            os.close(file)
