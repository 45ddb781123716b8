"""Clips in one file: a zip of Opus recordings under their content keys.

A pack is a cache that was warmed elsewhere: what is in it need not be rendered here.
A text that changed has another key, is not found, and is rendered as ever.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from speech.audio import to_float, to_pcm
from speech.port import FRAME_BYTES, RATE, SpeechError
from speech.voices.clips import Clip
from speech.voices.pace import speech_seconds

SUFFIX = ".opus"
BITS = 0.95  # of libsndfile: 0 is 256 kbit/s, 1 is 6; this is 18, clear at 8 kHz


class Pack:
    """Reads one pack; absent files are empty packs."""

    def __init__(self, path: Path) -> None:
        self._zip: zipfile.ZipFile | None = None
        self.keys: frozenset[str] = frozenset()
        if path.exists():
            try:
                self._zip = zipfile.ZipFile(path)
            except zipfile.BadZipFile as error:
                raise SpeechError(f"prompt pack {path}: {error}") from error
            names = self._zip.namelist()
            self.keys = frozenset(name.removesuffix(SUFFIX) for name in names)

    def raw(self, key: str) -> bytes:
        """The recording as it is kept; empty where there is none."""
        if self._zip is None or key not in self.keys:
            return b""
        return self._zip.read(key + SUFFIX)

    def load(self, key: str, units: int) -> Clip | None:
        """The clip, decoded; None where the pack has none or it is damaged."""
        if key not in self.keys:
            return None
        try:
            data = self.raw(key)
            samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
        except (zipfile.BadZipFile, soundfile.LibsndfileError):
            return None
        if rate != RATE:
            return None
        pcm = to_pcm(samples)
        pcm += b"\0" * (-len(pcm) % FRAME_BYTES)
        return Clip(pcm, units, speech_seconds(pcm))


def write_pack(path: Path, clips: Iterable[tuple[str, Clip]]) -> int:
    """Write a pack, whole or not at all; recordings that it held already stay as they
    are, to the byte. -> how many."""
    new, count, old = path.with_suffix(".new"), 0, Pack(path)
    with zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as file:
        for key, clip in sorted(clips, key=lambda pair: pair[0]):
            file.writestr(zipfile.ZipInfo(key + SUFFIX), old.raw(key) or _opus(clip))
            count += 1
    new.replace(path)
    return count


def _opus(clip: Clip) -> bytes:
    out = io.BytesIO()
    samples = np.asarray(to_float(clip.pcm))
    with soundfile.SoundFile(
        out, "w", RATE, 1, subtype="OPUS", format="OGG", compression_level=BITS
    ) as file:
        file.write(samples)
    return out.getvalue()
