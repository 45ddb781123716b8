"""A contact file -> vault and ledger, in chunks that an interruption cannot split.

The personal half of a chunk goes to the vault first and is inert there; the ledger's
half and the counters follow in one transaction. An import that is started again goes
on after the last whole chunk.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from dialer.contacts.columns import Columns
from dialer.contacts.listing import DUPLICATES, REJECTS, Listing
from dialer.contacts.problem import FileRefused, Problem
from dialer.contacts.row import Candidate, Parsed, RowReader
from dialer.contacts.rules import Rules
from dialer.contacts.table import Row, Table, columns_of, survey
from dialer.contacts.tokens import contact_of, flag_rows, stop_rows
from dialer.model import Contact
from dialer.store.port import Batch, Stores

CHUNK = 1000
KEPT = 200  # problems carried in the report; the list on disk has them all
KNOWN = "the person and account are already known"
Progress = Callable[[int, int], None]  # rows done, rows in all
_New = dict[str, tuple[Candidate, Contact]]  # by contact id


@dataclass(frozen=True, slots=True)
class Order:
    """What to import and for whom. `folder` keeps the lists of rejects."""

    path: Path
    importer: str
    folder: Path
    mapping: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did. `problems` holds the first of this run; `blocked` counts
    this run's accepted rows that lack provenance, by how many kinds they have."""

    batch: Batch
    encoding: str
    delimiter: str
    unused: tuple[str, ...]
    empty: int
    rejects: Path
    duplicates: Path
    unchanged: bool = False
    resumed_after: int = 0
    problems: tuple[Problem, ...] = ()
    blocked: Mapping[int, int] = field(default_factory=dict)


async def import_file(
    order: Order, stores: Stores, rules: Rules, *, now: datetime, progress: Progress
) -> Report:
    """Import one file. FileRefused: nothing was stored. Importing it again changes
    nothing and says so."""
    mapping = dict(order.mapping)
    table = survey(order.path, rules, mapping)
    columns = columns_of(table, rules, mapping)
    batch_id = identify(table.digest, mapping)
    order.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone(order.folder / f"{batch_id}.lock", order.path.name):
        wanted = Batch(batch_id, order.path.name, order.importer, now, "importing")
        batch = await stores.contacts.open_batch(wanted)
        if batch.state == "imported":
            return _report(order, table, columns, batch, None)
        with ExitStack() as stack:
            run = _Run(stores, batch, order, now, stack)
            reader = RowReader(columns, rules, now.date())
            for chunk in _chunks(islice(iter(table), batch.rows_read, None)):
                await run.store([reader.read(row) for row in chunk], chunk)
                progress(run.rows_read, table.rows)
            final = await run.finish(table)
            return _report(order, table, columns, final, run)


def identify(digest: str, mapping: Mapping[str, str]) -> str:
    """The batch of this content read in this way: the same again is the same batch."""
    way = json.dumps(sorted(mapping.items()), ensure_ascii=False)
    return "b_" + hashlib.sha256(f"{digest} {way}".encode()).hexdigest()[:16]


def lists_of(folder: Path, batch_id: str) -> tuple[Path, Path]:
    """Where the rejects and the duplicates of a batch are listed."""
    return folder / f"{batch_id}-rejects.csv", folder / f"{batch_id}-duplicates.csv"


class _Run:
    """One import under way: running totals and the two lists."""

    def __init__(
        self,
        stores: Stores,
        batch: Batch,
        order: Order,
        now: datetime,
        stack: ExitStack,
    ) -> None:
        self._stores = stores
        self._batch = batch
        self._now = now
        self.resumed_after = done = batch.rows_read
        self.rows_read = done
        self.accepted = batch.accepted
        self.rejected = batch.rejected
        self.duplicates = done - batch.accepted - batch.rejected
        self.problems: list[Problem] = []
        self.blocked: Counter[int] = Counter()
        rejects, duplicates = lists_of(order.folder, batch.batch_id)
        self._rejects = stack.enter_context(Listing(rejects, REJECTS, done=done))
        self._twice = stack.enter_context(Listing(duplicates, DUPLICATES, done=done))

    async def store(self, parsed: Sequence[Parsed], rows: Sequence[Row]) -> None:
        """One chunk: vault and flags first, then contacts and counters together."""
        vault = self._stores.vault
        self._reject(parsed)
        good = [p.candidate for p in parsed if p.candidate]
        made = [(candidate, contact_of(vault, candidate)) for candidate in good]
        new = self._unique(made)
        flags = [row for pair in made for row in flag_rows(*pair, self._now)]
        flags += [row for p in parsed for row in stop_rows(vault, p.stop, self._now)]
        await vault.put({id_: c.personal for id_, (c, _) in new.items()})
        if flags:
            await self._stores.flags.add(flags)
        self.rows_read += len(rows)
        known = await self._add([contact for _, contact in new.values()])
        self._tell_known([new[id_][0] for id_ in known])
        self.accepted += len(new) - len(known)
        for id_ in new.keys() - set(known):
            assessment = new[id_][0].provenance
            self.blocked.update([] if assessment.dialable else [len(assessment.kinds)])

    async def finish(self, table: Table) -> Batch:
        """Close the batch, once every row of the file is accounted for."""
        if self.rows_read != table.rows:
            name = table.path.name
            raise FileRefused([f"{name}: the file changed while it was being read"])
        if self.rows_read != self.accepted + self.rejected + self.duplicates:
            raise RuntimeError("an import lost count of its rows")
        await self._add([], finished=True)
        return await self._stores.contacts.open_batch(self._batch)

    async def _add(
        self, contacts: Sequence[Contact], *, finished: bool = False
    ) -> list[str]:
        return await self._stores.contacts.add(
            self._batch.batch_id,
            contacts,
            rows_read=self.rows_read,
            rejected=self.rejected,
            duplicates=self.duplicates,
            at=self._now,
            finished=finished,
        )

    def _reject(self, parsed: Sequence[Parsed]) -> None:
        bad = [p.problems for p in parsed if p.problems]
        problems = [problem for of_row in bad for problem in of_row]
        self.rejected += len(bad)
        self.problems += problems[: KEPT - len(self.problems)]
        self._rejects.write(map(astuple, problems))

    def _unique(self, made: Sequence[tuple[Candidate, Contact]]) -> _New:
        """The first of each contact; the others of this chunk are listed."""
        new: _New = {}
        twice = []
        for candidate, contact in made:
            first = new.setdefault(contact.contact_id, (candidate, contact))[0]
            if first is not candidate:
                why = f"same person and account as line {first.line}"
                twice.append((candidate.row, candidate.line, why))
        self.duplicates += len(twice)
        self._twice.write(twice)
        return new

    def _tell_known(self, known: Sequence[Candidate]) -> None:
        self.duplicates += len(known)
        self._twice.write((c.row, c.line, KNOWN) for c in known)


def _report(
    order: Order, table: Table, columns: Columns, batch: Batch, run: _Run | None
) -> Report:
    rejects, duplicates = lists_of(order.folder, batch.batch_id)
    return Report(
        batch=batch,
        encoding=table.encoding,
        delimiter=table.delimiter,
        unused=columns.unused,
        empty=table.empty,
        rejects=rejects,
        duplicates=duplicates,
        unchanged=run is None,
        resumed_after=run.resumed_after if run else 0,
        problems=tuple(run.problems) if run else (),
        blocked=dict(run.blocked) if run else {},
    )


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


@contextmanager
def alone(lock: Path, name: str) -> Iterator[None]:
    """Two processes never import the same file at once; a crash frees the lock."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileRefused([f"{name}: another process is importing it"]) from None
        yield
