"""The network's codes as causes of the port, from `config/causes.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dialer.channels.port import Cause

SIP = re.compile(r"\b[1-6]\d\d\b")


class BadCauses(Exception):
    """The file is not one of causes; the message has the place."""


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    is_: Cause = Field(alias="is")
    sip: tuple[int, ...] = ()
    q850: tuple[int, ...] = ()


class CauseFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
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
    try:
        found = CauseFile.model_validate(tomllib.loads(path.read_text("utf-8-sig")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadCauses(f"{path.name}: {error}") from error
    except ValidationError as error:
        places = (
            ".".join(map(str, e["loc"])) + f": {e['msg']}" for e in error.errors()
        )
        raise BadCauses(f"{path.name}: {'; '.join(places)}") from error
    sip, q850 = dict[int, Cause](), dict[int, Cause]()
    for entry in found.cause:
        for known, codes in ((sip, entry.sip), (q850, entry.q850)):
            for code in codes:
                if known.setdefault(code, entry.is_) is not entry.is_:
                    raise BadCauses(f"{path.name}: {code} is in two entries")
    return Causes(sip, q850)
