"""`dialer agreements export` and `replay`: for auditors, with the public key alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from dialer.agreements import file
from dialer.agreements.event import Signed
from dialer.agreements.replay import (
    BadKey,
    Misfit,
    Replayed,
    digest,
    keys,
    replay_all,
)
from dialer.cli.frame import Fail, Usage, emit, json_option, out, run, with_settings
from dialer.evidence.log import Log
from dialer.home import opened
from dialer.settings import Settings
from dialer.store.port import AgreementRow

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--out", "path", type=FILE, required=True, help="The file to write.")
@click.option("--force", is_flag=True, help="Overwrite it.")
@json_option
@with_settings
def export(settings: Settings, path: Path, force: bool, as_json: bool) -> None:
    """Write every event of every agreement: tokens and days, no personal data.

    Example: dialer agreements export --out agreements.jsonl
    """
    if path.exists() and not force:
        raise Fail(f"{path} exists; give another name, or --force")
    if not path.parent.is_dir():
        raise Fail(f"{path.parent}: no such folder")
    _, events = run(_stored(settings, None))
    vkey = Log.open(settings.evidence_folder).vkey
    found = _replayed(events, [vkey])
    path.write_text("".join(file.lines(events, found, [vkey])), "utf-8")
    data = {
        "file": str(path),
        "agreements": len(found),
        "events": len(events),
        "digest": digest(found),
        "vkey": vkey,
    }
    told = f"{len(events)} events of {len(found)} agreements in {path}"
    emit(data, as_json, lambda: out.print(Text(f"{told}\ndigest {data['digest']}")))


@click.command()
@click.argument("agreement", metavar="[ID]", required=False)
@click.option("--file", "path", type=FILE, help="An export, in place of our ledger.")
@click.option("--vkey", "vkeys", multiple=True, help="The verifier key that you hold.")
@json_option
@with_settings
def replay(
    settings: Settings,
    agreement: str | None,
    path: Path | None,
    vkeys: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compute every state anew from the signed events, and print the final hash.

    Exit code 1 names the first event that does not fit. With --file no installation is
    needed. Example: dialer agreements replay --file agreements.jsonl --vkey KEY
    """
    if path is not None:
        found, claim, known = _of_file(path, agreement, vkeys)
    else:
        rows, events = run(_stored(settings, agreement))
        known = list(vkeys) or [Log.open(settings.evidence_folder).vkey]
        found, claim = _replayed(events, known), ""
        _compare(rows, found)
    data: dict[str, Any] = {
        "agreements": [_map(one) for one in found],
        "digest": digest(found),
        "vkeys": list(known),
        "key_from_file": path is not None and not vkeys,
    }
    if claim and agreement is None and claim != data["digest"]:
        raise Fail(f"{path}: says digest {claim}; its events give {data['digest']}")
    emit(data, as_json, lambda: _show(found, data))


def _of_file(
    path: Path, agreement: str | None, vkeys: Sequence[str]
) -> tuple[list[Replayed], str, Sequence[str]]:
    try:
        with path.open(encoding="utf-8") as text:
            export = file.read(text)
    except (file.BadExport, UnicodeDecodeError, OSError) as error:
        raise Fail(f"{path}: {error}") from error
    known = vkeys or export.vkeys
    events = [e for e in export.events if e.agreement.startswith(agreement or "")]
    if agreement and not events:
        raise Fail(f"{path}: no agreement named {agreement!r}")
    return _replayed(events, known), export.digest, known


async def _stored(
    settings: Settings, agreement: str | None
) -> tuple[list[AgreementRow], list[Signed]]:
    async with opened(settings) as stores:
        if agreement is not None:
            row, events = await stores.agreements.show(agreement)
            return [row], events
        rows = [row async for row in stores.agreements.list()]
        every = list[Signed]()
        for row in rows:
            every += (await stores.agreements.show(row.agreement))[1]
        return rows, every


def _replayed(events: Sequence[Signed], vkeys: Sequence[str]) -> list[Replayed]:
    try:
        return replay_all(events, keys(vkeys))
    except BadKey as error:
        raise Usage(f"--vkey: {error}") from error
    except Misfit as error:
        raise Fail(f"does not fit: {error}") from error


def _compare(rows: Sequence[AgreementRow], found: Sequence[Replayed]) -> None:
    """What the ledger says of each must be what its events say."""
    by_name = {one.agreement: one for one in found}
    for row in rows:
        one = by_name.get(row.agreement)
        if one is None:
            raise Fail(f"{row.agreement}: the ledger has none of its events")
        said = (row.state, row.covered, row.events, row.head)
        standing, count = one.standing, len(one.states)
        if said != (standing.state, standing.covered, count, one.head):
            raise Fail(
                f"{row.agreement}: the ledger says {row.state}, {row.covered} parts"
                f" paid, {row.events} events; the events say {standing.state},"
                f" {standing.covered}, {count}"
            )


def _map(one: Replayed) -> dict[str, Any]:
    return {
        "agreement": one.agreement,
        "state": one.standing.state.value,
        "parts": one.standing.parts,
        "covered": one.standing.covered,
        "states": list(one.states),
        "hash": one.head,
    }


def _show(found: Sequence[Replayed], data: dict[str, Any]) -> None:
    for one in found:
        out.print(Text(f"{one.agreement}  {' > '.join(one.states)}"), soft_wrap=True)
        out.print(Text(f"  hash {one.head}"), soft_wrap=True)
    out.print(Text(f"{len(found)} agreements replayed, every signature holds"))
    out.print(Text(f"digest {data['digest']}"), soft_wrap=True)
    if data["key_from_file"]:
        told = "the key came from the file itself: compare it with the one you hold"
        out.print(Text(f"{told}\n{' '.join(data['vkeys'])}"), soft_wrap=True)
