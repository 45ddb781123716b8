"""`dialer evidence`: checkpoint, prove, verify."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from dialer.cli.frame import Fail, Usage, emit, json_option, out, run, with_settings
from dialer.clock import SystemClock
from dialer.evidence.audit import report_lines
from dialer.evidence.log import READER, Log, check
from dialer.evidence.proof import Broken, Proved, check_proof
from dialer.evidence.verify import Report
from dialer.home import opened
from dialer.settings import Settings
from dialer.store.port import Journal, JournalRow, NotFound

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
SHOWN = 50  # problems printed for people; --json has all


@click.group()
def evidence() -> None:
    """The transparency log over the journal: sign it, prove from it, verify it."""


@evidence.command()
@json_option
@with_settings
def checkpoint(settings: Settings, as_json: bool) -> None:
    """Log what is new in the journal, sign the tree, print the checkpoint.

    Keep the printed text and the verifier key elsewhere: with them anybody can see
    later whether the log was cut or rewritten.

    Example: dialer evidence checkpoint > checkpoint-2026-11-24.txt
    """

    async def append() -> tuple[Log, int]:
        async with opened(settings) as stores:
            log = Log.open(settings.evidence_folder)
            return log, await log.append(stores.journal)

    log, added = run(append())
    text = log.checkpoint()
    data = {"added": added, "entries": log.size, "checkpoint": text, "vkey": log.vkey}
    emit(data, as_json, lambda: click.echo(text, nl=False))
    if not as_json:
        click.echo(f"{added} new entries; verifier key: {log.vkey}", err=True)


@evidence.command()
@json_option
@with_settings
def adopt(settings: Settings, as_json: bool) -> None:
    """Have this machine's log be the one that is kept of the journal.

    Only where the log that was kept is lost, its key with it: what was proved by it
    cannot be proved any more. Where its folder is still there, copy it here instead.

    Example: dialer evidence adopt
    """

    async def begin() -> Log:
        async with opened(settings) as stores:
            log = Log.open(settings.evidence_folder)
            about = {"vkey": log.vkey}
            await stores.journal.note(SystemClock().now(), "log.kept", log.key, about)
            await stores.journal.kept_by(READER, log.key, anew=True)
            return log

    log = run(begin())
    said = f"the log of the journal is kept here: {log.vkey}"
    emit({"vkey": log.vkey}, as_json, lambda: out.print(said, markup=False))


@evidence.command()
@click.argument("what", metavar="SEQ|CALL")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder for the proof files (default: here).",
)
@click.option("--sealed", is_flag=True, help="Leave out the words: only the entry.")
@json_option
@with_settings
def prove(
    settings: Settings, what: str, folder: Path, sealed: bool, as_json: bool
) -> None:
    """Write inclusion proofs: of one journal entry, or of all entries of a call.

    Example: dialer evidence prove 17
    """
    log = Log.open(settings.evidence_folder)
    proofs = {
        row.seq: log.prove(row, sealed=sealed) for row in run(_rows(settings, what))
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"entry-{seq}.tlog-proof" for seq in proofs]
    for path, proof in zip(written, proofs.values(), strict=True):
        path.write_text(proof, "utf-8")
    data = {"proofs": [str(path) for path in written]}
    emit(data, as_json, lambda: out.print(Text("\n".join(data["proofs"]))))


async def _rows(settings: Settings, what: str) -> list[JournalRow]:
    async with opened(settings) as stores:
        if what.isascii() and what.isdigit() and len(what) < 19:
            rows = await stores.journal.after(int(what) - 1, 1)
            rows = [row for row in rows if row.seq == int(what)]
        else:
            call, _ = await stores.calls.show(what)
            rows = await _about(stores.journal, call.attempt_id)
    if not rows:
        raise NotFound("journal entry", what)
    return rows


async def _about(journal: Journal, subject: str) -> list[JournalRow]:
    last, found = 0, list[JournalRow]()
    while rows := await journal.after(last):
        found += [row for row in rows if row.subject == subject]
        last = rows[-1].seq
    return found


@evidence.command()
@click.option("--checkpoint", "remembered", type=FILE, help="One that you kept.")
@click.option("--vkey", help="The verifier key that you kept (default: log.vkey).")
@click.option("--proof", type=FILE, help="Check one proof file, and nothing else.")
@json_option
@with_settings
def verify(
    settings: Settings,
    remembered: Path | None,
    vkey: str | None,
    proof: Path | None,
    as_json: bool,
) -> None:
    """Compute everything anew; exit code 1 when a single byte is not as signed.

    Example: dialer evidence verify --checkpoint checkpoint-2026-11-24.txt
    """
    if proof:
        if remembered:
            raise Usage("--proof goes without --checkpoint")
        _verify_proof(settings, proof, vkey, as_json)
        return
    kept = _text(remembered) if remembered else None
    report = run(_verify(settings, vkey, kept))
    problems = [asdict(problem) for problem in report.problems]
    data = {**asdict(report), "problems": problems, "verified": not problems}
    emit(data, as_json, lambda: _show(report))
    if problems:
        raise Fail(f"the archive is not as it was signed: {len(problems)} problems")


async def _verify(settings: Settings, vkey: str | None, kept: str | None) -> Report:
    async with opened(settings) as stores:
        return await check(
            settings.evidence_folder, stores.journal, vkey=vkey, remembered=kept
        )


def _show(report: Report) -> None:
    lines = list(report_lines(report))
    hidden = len(report.problems) - SHOWN
    if hidden > 0:
        lines[SHOWN : len(report.problems)] = [f"... and {hidden} more problems"]
    out.print(Text("\n".join(lines)))


def _verify_proof(
    settings: Settings, path: Path, vkey: str | None, as_json: bool
) -> None:
    try:
        key = vkey or _text(settings.evidence_folder / "log.vkey")
        found = check_proof(_text(path), key)
    except Broken as error:
        raise Fail(f"{path} {error}") from error
    data: dict[str, Any] = {
        "verified": True,
        "entry": found.entry,
        "body": found.body,
        "entries": found.head.size,
        "origin": found.head.origin,
    }
    emit(data, as_json, lambda: _show_proof(found))


def _show_proof(found: Proved) -> None:
    about = f"entry {found.index + 1} of {found.head.size} in {found.head.origin}"
    lines = [f"proved: {about}", *(f"  {k}: {v}" for k, v in found.entry.items())]
    out.print(Text("\n".join([*lines, found.body or "its words are sealed"])))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise Fail(f"{path}: not a text in UTF-8: {error.reason}") from error
