"""Where clips are kept: plain files for all calls, sealed ones for personal words.

A clip with a name or an amount in it is personal data in the form of sound. It is
written only through a seal (encryption under the tenant's key, a name that tells
nothing), into a folder of its own; without a seal it stays in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from speech.voices import clips
from speech.voices.clips import Clip
from speech.voices.pack import Pack


class Seal(Protocol):
    """Encrypts files bound to their names."""

    def name(self, value: str) -> str: ...

    def seal(self, name: str, plain: bytes) -> bytes: ...

    def unseal(self, name: str, sealed: bytes) -> bytes | None: ...


class Shelf:
    """Two folders of clips, by the clips' content keys."""

    def __init__(
        self,
        folder: Path,
        sealed: Path | None,
        seal: Seal | None,
        packs: Sequence[Path] = (),
    ) -> None:
        self._folder = folder
        self._packs = tuple(map(Pack, packs))
        self._sealed = sealed
        self._seal = seal

    def plain(self, key: str) -> Path:
        """The plain file of a clip."""
        return clips.place(self._folder, key)

    def load(self, key: str, units: int) -> Clip | None:
        """The clip from a pack or either folder; None where there is none or it is
        damaged."""
        for pack in self._packs:
            if found := pack.load(key, units):
                return found
        return clips.load(self.plain(key), units) or self._unsealed(key, units)

    def keep_sealed(self, key: str, clip: Clip) -> None:
        """Write a personal clip. Raises OSError where the disk refuses."""
        if self._seal is None or self._sealed is None:
            return
        name = self._seal.name(key)
        sealed = self._seal.seal(name, clips.sealed(clip))
        clips.write(clips.place(self._sealed, name), sealed)

    def _unsealed(self, key: str, units: int) -> Clip | None:
        if self._seal is None or self._sealed is None:
            return None
        name = self._seal.name(key)
        try:
            sealed = clips.place(self._sealed, name).read_bytes()
        except FileNotFoundError:
            return None
        plain = self._seal.unseal(name, sealed)
        return clips.unsealed(plain, units) if plain else None
