"""Our own file of calls placed, so that what an engine left behind can be found.

Twilio keeps no word of ours with a call that it lists. So each call has a line here,
on disk before the request goes out: which try it is, when, from which number of ours,
and a keyed hash of the number called; then its sid, as soon as it is known. Lines are
only added; what is two days old is dropped, from the file when it is opened.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from dialer.files import sync

log = logging.getLogger(__name__)

KEPT = timedelta(days=2)
FORGET = 1000  #: calls after which it is looked which are too old


@dataclass
class Noted:
    """What is on record of one try."""

    call: str
    attempt: str
    trunk: str
    at: datetime
    caller_id: str
    to: str  # keyed hash
    sid: str = ""
    people: bool = False  # it was sent to people
    taken: bool = False  # and they took it
    answered: bool = False
    billed: bool = False


@dataclass
class Record:
    """Use `open_record`. `key` makes hashes that say nothing without it."""

    path: Path
    key: bytes = field(repr=False)
    noted: dict[str, Noted] = field(default_factory=dict)
    sids: dict[str, str] = field(default_factory=dict)  # sid -> call

    def hashed(self, number: str) -> str:
        return hmac.new(self.key, number.encode(), hashlib.sha256).hexdigest()

    async def place(self, noted: Noted) -> None:
        """On disk when it returns. OSError."""
        self.noted[noted.call] = noted
        if len(self.noted) % FORGET == 0:
            self._forget(noted.at)
        first = vars(noted) | {"at": noted.at.isoformat()}
        await asyncio.to_thread(self._write, first, durable=True)

    def add(self, call: str, **more: str | bool) -> None:
        """Something has become known of it. A disk that does not take it costs what the
        next engine would know, and not the call."""
        if noted := self.noted.get(call):
            self._take(noted, more)
            try:
                self._write({"call": call, **more})
            except OSError:
                log.error("the record of calls does not take what became known")

    def _take(self, noted: Noted, more: dict[str, str | bool]) -> None:
        for name, value in more.items():
            setattr(noted, name, value)
        if noted.sid:
            self.sids[noted.sid] = noted.call

    def _write(self, line: dict[str, object], *, durable: bool = False) -> None:
        data = (json.dumps(line) + "\n").encode()
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, data)
            if durable:
                os.fdatasync(file)
        finally:
            os.close(file)

    def _read(self, now: datetime) -> None:
        lines = self.path.read_text("utf-8").splitlines() if self.path.exists() else []
        for line in lines:
            try:
                self._line(json.loads(line))
            except (ValueError, TypeError, KeyError):
                continue  # cut off when the machine stopped
        self._forget(now)

    def _forget(self, now: datetime) -> None:
        for call, noted in list(self.noted.items()):
            if noted.at < now - KEPT:
                del self.noted[call]
        self.sids = {n.sid: n.call for n in self.noted.values() if n.sid}

    def _line(self, found: dict[str, str | bool]) -> None:
        call = str(found["call"])
        if "attempt" in found:
            at = datetime.fromisoformat(str(found.pop("at")))
            self.noted[call] = Noted(at=at, **found)  # type: ignore[arg-type]
        elif call in self.noted:
            self._take(self.noted[call], found)

    def _shorten(self) -> None:
        """Whole or not at all."""
        lines = (vars(n) | {"at": n.at.isoformat()} for n in self.noted.values())
        made = self.path.with_name(f".{self.path.name}.new")
        with os.fdopen(
            os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
        ) as file:
            file.writelines(f"{json.dumps(line)}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        made.replace(self.path)
        sync(self.path.parent)  # else the file's name may be lost with the power


def open_record(path: Path, key: bytes, now: datetime) -> Record:
    """OSError: it cannot be read or written."""
    record = Record(path, key)
    record._read(now)
    record._shorten()
    return record
