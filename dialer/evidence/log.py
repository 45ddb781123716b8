"""The evidence log: a tiled Merkle log that follows the journal.

Crash-safe without a log of its own: tiles are written and synced first, then the
signed checkpoint takes the place of the old one. Whatever a crash leaves half done is
done again from the journal, to the same bytes.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dialer.evidence import merkle
from dialer.evidence.checkpoint import LogError, Signer, create_signer, load_signer
from dialer.evidence.entry import Row, canonical, leaf
from dialer.evidence.proof import PROOF_HEAD, Broken, Head, open_note
from dialer.evidence.tiles import Tiles, prune, replace, write
from dialer.evidence.verify import Archive, Report
from dialer.files import sync
from dialer.store.port import Feed

READER = "evidence"  # our cursor's name in the journal
CHUNK = 4096  # entries a checkpoint, at most


class Elsewhere(LogError):
    """Another log is kept of this journal."""

    def __init__(self, keeper: str, mine: str) -> None:
        super().__init__(
            f"the evidence log of this journal is kept by {keeper}, and the key here is"
            f" {mine}: write evidence = false under [engine], or copy that log's folder"
            " here; if it is lost, `dialer evidence adopt`"
        )


class Log:
    """One log folder. Holds nothing open: any number of processes may append."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        self.folder = folder
        self._signer = signer

    @classmethod
    def open(cls, folder: Path, origin: str | None = None) -> Log:
        """Open the log, or begin one: its key (signer.key, mode 0600) and verifier key
        (log.vkey) are made then. LogError: the key is gone, or not usable."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / "signer.key"
        if not path.exists():
            if (folder / "checkpoint").exists():
                raise LogError(f"{path}: the key of this log is gone; restore it")
            with suppress(FileExistsError):  # another process was quicker
                create_signer(path, origin)
        log = cls(folder, load_signer(path))
        vkey = folder / "log.vkey"
        if not vkey.exists():
            with log._locked():
                replace(folder, vkey, f"{log.vkey}\n".encode())
                sync(folder)
        return log

    @property
    def vkey(self) -> str:
        """The verifier key: give it to whoever shall verify, once, on another way."""
        return self._signer.vkey

    @property
    def key(self) -> str:
        """Name and hash of the verifier key: which key signed."""
        return f"{self._signer.origin}+{self._signer.key_id.hex()}"

    def sign(self, message: bytes) -> bytes:
        """Ed25519. A message of another kind begins with a domain of its own: no
        checkpoint has a NUL in it."""
        return self._signer.key.sign(message)

    @property
    def size(self) -> int:
        """Entries that the checkpoint covers."""
        return self._head().size

    def checkpoint(self) -> str:
        """The signed checkpoint as it stands. LogError: there is none yet."""
        return self._checkpoint().decode()

    async def must_keep(self, journal: Feed) -> None:
        """Elsewhere: not this log is the one that is kept of the journal. The first
        that asks is."""
        keeper = await journal.kept_by(READER, self.key)
        if keeper != self.key:
            raise Elsewhere(keeper, self.key)

    async def append(self, journal: Feed) -> int:
        """Log what the journal has beyond our last entry. -> how many entries.

        Safe to cut off anywhere and to run in several processes. LogError: the archive
        is damaged, the journal is not the one that was logged, or another log is kept
        of it: a journal has one.
        """
        await self.must_keep(journal)
        added = 0
        while True:
            size = await asyncio.to_thread(self._begin)
            rows = await journal.after(max(size - 1, 0), CHUNK)
            new = await asyncio.to_thread(self._extend, size, rows)
            if new is None:
                continue  # another process was quicker: look again
            added += new
            if size + new > await journal.cursor(READER):
                await journal.move(READER, size + new)
            if len(rows) < CHUNK:
                return added

    def prove(self, row: Row, *, sealed: bool = False) -> str:
        """A C2SP tlog-proof that `row` is logged, its entry and (unless `sealed`) the
        words and salt that open it in the `extra` line. LogError: not so."""
        head = self._head()
        if not 1 <= row.seq <= head.size:
            raise LogError(f"entry {row.seq} is not logged yet: 1 to {head.size} are")
        tiles = Tiles(self.folder, head.size)
        entry = tiles.entry(row.seq - 1)
        if entry != leaf(row):
            raise LogError(f"journal row {row.seq} is not what was logged")
        extra = {"entry": entry.decode()}
        if not sealed:
            extra |= {"body": row.body, "salt": row.salt.hex()}
        path = merkle.inclusion(tiles.read, row.seq - 1, head.size)
        lines = [
            PROOF_HEAD,
            f"extra {_base64(canonical(extra).encode())}",
            f"index {row.seq - 1}",
            *map(_base64, path),
            "",
            self.checkpoint(),
        ]
        return "\n".join(lines)

    # --- under the lock, off the event loop

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def _checkpoint(self) -> bytes:
        try:
            return (self.folder / "checkpoint").read_bytes()
        except FileNotFoundError:
            raise LogError(f"{self.folder}: no checkpoint yet") from None

    def _head(self) -> Head:
        try:
            return open_note(self._checkpoint(), self.vkey)
        except Broken as error:
            raise LogError(f"{self.folder / 'checkpoint'} {error}") from error

    def _begin(self) -> int:
        """The size to go on from; an empty log gets its first checkpoint here."""
        if not (self.folder / "checkpoint").exists():
            with self._locked():
                if not (self.folder / "checkpoint").exists():
                    self._sign(0, merkle.EMPTY)
        return self._head().size

    def _sign(self, size: int, root: bytes) -> None:
        path = self.folder / "checkpoint"
        replace(self.folder, path, self._signer.sign(size, root))
        sync(self.folder)

    def _extend(self, size: int, rows: Sequence[Row]) -> int | None:
        """Write the rows after `size`; None: the log has grown meanwhile."""
        with self._locked():
            head = self._head()
            if head.size != size:
                return None
            tiles = Tiles(self.folder, size)
            edge = tiles.edge()
            if edge.root() != head.root:
                where = f"{self.folder}: tiles do not fit the checkpoint"
                raise LogError(f"{where}; see `dialer evidence verify`")
            fresh = _after(size, rows, tiles)
            if not fresh:
                return 0
            names = write(self.folder, edge.extend(leaf(row) for row in fresh))
            self._sign(edge.size, edge.root())
            prune(self.folder, names)
            return len(fresh)


def _after(size: int, rows: Sequence[Row], tiles: Tiles) -> Sequence[Row]:
    """The rows to add; the first of `rows` must be the last one logged."""
    if size:
        if not rows or rows[0].seq != size:
            raise LogError(f"the journal lacks row {size}, which was logged")
        if leaf(rows[0]) != tiles.entry(size - 1):
            raise LogError(f"journal row {size} is not what was logged")
        rows = rows[1:]
    for seq, row in enumerate(rows, size + 1):
        if row.seq != seq:
            raise LogError(f"the journal lacks row {seq}")
    return rows


async def check(
    folder: Path,
    journal: Feed | None,
    *,
    vkey: str | None = None,
    remembered: str | None = None,
) -> Report:
    """`verify.verify` of an archive, against the journal where there is one."""
    archive = await asyncio.to_thread(Archive, folder, vkey)
    if journal:
        last = 0
        while rows := await journal.after(last, CHUNK):
            await asyncio.to_thread(archive.compare, rows)
            last = rows[-1].seq
        archive.ends_at(await journal.cursor(READER))
    if remembered is not None:
        archive.contains(remembered)
    return archive.report()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
