"""The network's codes as causes of the port, from `config/causes.toml`: one table for
all networks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from dialer.channels.port import Cause, Machine
from dialer.toml import FileError, Part, read

SIP = re.compile(r"\b[1-6]\d\d\b")
REFUSES = range(300, 700)  #: SIP codes that end a call which was not answered


class BadCauses(FileError):
    """The file is not one of causes."""


class Entry(Part):
    is_: Cause = Field(alias="is")
    sip: tuple[int, ...] = ()
    q850: tuple[int, ...] = ()
    status: tuple[str, ...] = ()  # Twilio's CallStatus
    error: tuple[int, ...] = ()  # Twilio's, for a call that it does not place


class AnsweredBy(Part):
    """Twilio's words for a machine: its greeting begins, or is over."""

    begins: tuple[str, ...] = ()
    over: tuple[str, ...] = ()


class CauseFile(Part):
    cause: tuple[Entry, ...]
    machine: AnsweredBy = AnsweredBy()


@dataclass(frozen=True, slots=True)
class Causes:
    sip: Mapping[int, Cause]
    q850: Mapping[int, Cause]
    status: Mapping[str, Cause]
    error: Mapping[int, Cause]
    machine: AnsweredBy

    def of(self, q850: str, tech: str) -> Cause:
        """`q850`, `tech`: a Hangup event's Cause and TechCause ("17", "486")."""
        code = SIP.search(tech)
        if code and (found := self.sip.get(int(code[0]))):
            return found
        if code:  # a SIP answer that the file does not name
            return Cause.FAILED
        return self.q850.get(int(q850) if q850.isdecimal() else 0, Cause.FAILED)

    def of_status(self, status: str, sip: str) -> Cause:
        """Of Twilio's last word on a call that was not answered: CallStatus and
        SipResponseCode (empty: not told)."""
        if sip.isascii() and sip.isdecimal() and int(sip) in REFUSES:
            return self.sip.get(int(sip), Cause.FAILED)
        return self.status.get(status, Cause.FAILED)

    def refused(self, error: int | None) -> Cause:
        """Why Twilio did not place a call, by its error code."""
        return self.error.get(error or 0, Cause.NOT_DIALED)

    def answered_by(self, who: str) -> Machine | None:
        """Of Twilio's AnsweredBy. None: a person, or it does not know."""
        if who in self.machine.over:
            return Machine(over=True)
        return Machine(over=False) if who in self.machine.begins else None


def load_causes(path: Path) -> Causes:
    """BadCauses: no TOML file, an unknown key or cause, a code in two entries."""
    found = read(path, CauseFile, BadCauses)
    known = Causes({}, {}, {}, {}, found.machine)
    for kind, code, cause in _codes(found):
        table: dict[object, Cause] = getattr(known, kind)
        if table.setdefault(code, cause) is not cause:
            raise BadCauses(str(path), [(str(code), "is in two entries")])
    return known


def _codes(found: CauseFile) -> Iterator[tuple[str, object, Cause]]:
    for entry in found.cause:
        for kind in ("sip", "q850", "status", "error"):
            for code in getattr(entry, kind):
                yield kind, code, entry.is_
