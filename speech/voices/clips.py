"""A rendered text, and the file that keeps it: a WAV any player opens, with a seal.

Layout: RIFF header (44 bytes), 8 kHz 16-bit mono samples, then a chunk `seal` with
the seconds of speech (float64) and the SHA-256 of all before the digest. A file
that fails its seal is as good as absent.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from speech.port import RATE
from speech.voices.pace import FEW, per_minute

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_SEAL = struct.Struct("<4sId32s")


@dataclass(frozen=True, slots=True)
class Clip:
    """Sound ready for a line: whole 20 ms frames of 8 kHz pcm.

    `speech_seconds` runs from the first sound to the last; `units` are Han characters
    and digits (zh) or words.
    """

    pcm: bytes
    units: int
    speech_seconds: float

    @property
    def seconds(self) -> float:
        return len(self.pcm) / (2 * RATE)

    @property
    def units_per_minute(self) -> float:
        return per_minute(self.units, self.speech_seconds)

    @property
    def judged(self) -> bool:
        """Long enough for its rate to mean something."""
        return self.units >= FEW


def key(*facts: str) -> str:
    """The name of a clip: SHA-256 over what made it, unambiguous."""
    digest = hashlib.sha256()
    for fact in facts:
        data = fact.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return digest.hexdigest()


def sealed(clip: Clip) -> bytes:
    """The whole file."""
    size = len(clip.pcm)
    total = _HEADER.size - 8 + size + _SEAL.size
    fmt = (16, 1, 1, RATE, 2 * RATE, 2, 16)
    header = _HEADER.pack(b"RIFF", total, b"WAVE", b"fmt ", *fmt, b"data", size)
    seal = struct.pack("<4sId", b"seal", _SEAL.size - 8, clip.speech_seconds)
    body = header + clip.pcm + seal
    return body + hashlib.sha256(body).digest()


def unsealed(file: bytes, units: int) -> Clip | None:
    """The clip, or None where one byte is not as it was written."""
    if len(file) < _HEADER.size + _SEAL.size:
        return None
    if hashlib.sha256(file[:-32]).digest() != file[-32:]:
        return None
    seconds = _SEAL.unpack(file[-_SEAL.size :])[2]
    return Clip(file[_HEADER.size : -_SEAL.size], units, seconds)


def place(folder: Path, name: str) -> Path:
    return folder / name[:2] / f"{name}.wav"


def load(path: Path, units: int) -> Clip | None:
    """The clip kept at `path`; None where there is none or it is damaged."""
    try:
        return unsealed(path.read_bytes(), units)
    except OSError:
        return None


def keep(path: Path, clip: Clip) -> None:
    """Write whole or not at all. Raises OSError where the disk refuses."""
    write(path, sealed(clip))


def write(path: Path, data: bytes) -> None:
    """Put a file in its place, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
        try:
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
            Path(new.name).replace(path)
        finally:
            Path(new.name).unlink(missing_ok=True)
