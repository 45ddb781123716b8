"""The network's codes as causes of the port, from `config/causes.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from dialer.channels.port import Cause
from dialer.toml import FileError, Part, read

SIP = re.compile(r"\b[1-6]\d\d\b")


class BadCauses(FileError):
    """The file is not one of causes."""


class Entry(Part):
    is_: Cause = Field(alias="is")
    sip: tuple[int, ...] = ()
    q850: tuple[int, ...] = ()


class CauseFile(Part):
    cause: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Causes:
    sip: Mapping[int, Cause]
    q850: Mapping[int, Cause]

    def of(self, q850: str, tech: str) -> Cause:
        """`q850`, `tech`: a Hangup event's Cause and TechCause ("17", "486")."""
        code = SIP.search(tech)
        if code and (found := self.sip.get(int(code[0]))):
            return found
        if code:  # a SIP answer that the file does not name
            return Cause.FAILED
        return self.q850.get(int(q850) if q850.isdecimal() else 0, Cause.FAILED)


def load_causes(path: Path) -> Causes:
    """BadCauses: no TOML file, an unknown key or cause, a code in two entries."""
    found = read(path, CauseFile, BadCauses)
    sip, q850 = dict[int, Cause](), dict[int, Cause]()
    for entry in found.cause:
        for known, codes in ((sip, entry.sip), (q850, entry.q850)):
            for code in codes:
                if known.setdefault(code, entry.is_) is not entry.is_:
                    twice = [(str(code), "is in two entries")]
                    raise BadCauses(str(path), twice)
    return Causes(sip, q850)
