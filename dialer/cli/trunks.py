"""`dialer trunks`: check, render, status, test-call, causes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from dialer import chores
from dialer.campaign import retry
from dialer.channels.causes import load_causes
from dialer.cli.frame import (
    Fail,
    Usage,
    emit,
    json_option,
    out,
    run,
    with_settings,
)
from dialer.cli.lazy import LazyGroup
from dialer.clock import SystemClock
from dialer.settings import Settings, shipped
from dialer.trunks import render as files
from dialer.trunks.model import Trunks, load

#: PJSIP looks up host names for the transports it had when it started (22.10).
RESTART = (
    "transports change, and Asterisk takes those up when it starts: afterwards run"
    " `asterisk -rx 'core restart when convenient'` there"
)
STALE = timedelta(seconds=10)  #: figures older than this are of an engine that ended


#: Of another file, by `LazyGroup`.
BESIDE = {
    "test-call": (
        "ringing:test_call",
        "Call a phone of your own: a prompt is played, and what comes back is"
        " measured.",
    )
}


@click.group(cls=LazyGroup, where=BESIDE)
def trunks() -> None:
    """Trunks: check their file, configure Asterisk, see how they are, call a phone."""


@trunks.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option(
    "--live", is_flag=True, help="Also ask each Twilio account's public address."
)
@json_option
@with_settings
def check(settings: Settings, path: Path | None, live: bool, as_json: bool) -> None:
    """Read the file of trunks (default: HOME/trunks.toml) and tell every problem.

    Secrets must be readable by us and by nobody else; they are never shown.
    With --live: does `public` lead to the engine, for webhooks and streams? Where no
    engine runs, this command answers there meanwhile.

    Example: dialer trunks check --live
    """
    found = load(path or settings.trunks_file, secrets=True)
    data: dict[str, Any] = {
        "file": str(path or settings.trunks_file),
        "trunks": {name: trunk.switch for name, trunk in found.trunk.items()},
        "enabled": [name for name, trunk in found.trunk.items() if trunk.enabled],
    }
    if live:
        data["public"] = run(chores.outside(found, SystemClock()))
    emit(data, as_json, lambda: _show_check(found, data.get("public", {})))
    bad = [
        f"twilio.{name}.public: {one['what']}: {one['why']}"
        for name, seen in data.get("public", {}).items()
        for one in seen
        if one["why"]
    ]
    if bad:
        raise Fail("\n".join(bad))


def _show_check(found: Trunks, public: Mapping[str, list[dict[str, str]]]) -> None:
    _show(found)
    for name, seen in public.items():
        for one in seen:
            told = one["why"] or "in order"
            out.print(f"twilio.{name}.public: {one['what']}: {told}")


def _show(found: Trunks) -> None:
    table = Table("trunk", "carrier", "by", "calls", "a second", "numbers", "priority")
    for name, trunk in found.trunk.items():
        secured = " srtp" if trunk.srtp else ""
        by = "https" if trunk.type == "twilio" else f"{trunk.transport}{secured}"
        table.add_row(
            name if trunk.enabled else f"{name} (off)",
            " ".join(trunk.hosts) or trunk.switch,
            by,
            str(trunk.channels),
            f"{trunk.calls_per_second:g}",
            " ".join(trunk.prefixes) or "all",
            f"{trunk.priority}, weight {trunk.weight:g}",
        )
    out.print(table)


@trunks.command()
@click.argument("name", required=False)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Asterisk's configuration folder (default: `config` of its table).",
)
@click.option("--apply", "write", is_flag=True, help="Write the files and reload.")
@click.option(
    "--no-reload", "quiet", is_flag=True, help="Only write: Asterisk is not up yet."
)
@json_option
@with_settings
def render(
    settings: Settings,
    name: str | None,
    folder: Path | None,
    write: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show what would change in an Asterisk's configuration; with --apply, change it.

    NAME is that of its table, where there are several.

    Example: dialer trunks render --apply
    """
    found = load(settings.trunks_file, secrets=True)
    chosen = _asterisk(found, name)
    place = folder or Path(found.asterisk[chosen].config)
    if not folder and not found.asterisk[chosen].config:
        raise Usage(f"asterisk.{chosen} has no `config` folder: give --folder")
    if not place.is_dir():
        raise Fail(f"{place}: no such folder")
    dialplan = (shipped("config") / "asterisk" / "extensions.conf").read_text("utf-8")
    new = files.wanted(place, files.render(found, chosen, dialplan))
    diff = files.changes(place, new)
    if write and diff:
        files.install(place, new)
    if write and diff and not quiet:
        run(chores.reload(found, chosen, new, SystemClock()))
    data = {
        "asterisk": chosen,
        "folder": str(place),
        "diff": diff,
        "applied": write,
        "reloaded": write and bool(diff) and not quiet,
        "restart": "/accord-pjsip.conf" in diff,
    }
    emit(data, as_json, lambda: _show_diff(data))


def _show_diff(data: Mapping[str, Any]) -> None:
    if not data["diff"]:
        out.print(f"{data['folder']}: nothing changes")
        return
    click.echo(data["diff"], nl=False)
    reloaded = "written and reloaded" if data["reloaded"] else "written"
    out.print(reloaded if data["applied"] else "not written: --apply does")
    if data["restart"]:
        out.print(RESTART)


def _asterisk(found: Trunks, name: str | None) -> str:
    if name is None and len(found.asterisk) == 1:
        return next(iter(found.asterisk))
    if name not in found.asterisk:
        known = ", ".join(found.asterisk)
        raise Usage(f"which Asterisk? There is {known}")
    return name


@trunks.command()
@json_option
@with_settings
def status(settings: Settings, as_json: bool) -> None:
    """Which trunks work: carriers' answers, calls in use, the figures of an hour.

    Asks each Asterisk; the figures are those of the engine that runs, or ran last.

    Example: dialer trunks status
    """
    found = load(settings.trunks_file, secrets=True)
    seen = run(chores.look(found, SystemClock()))
    known = _figures(settings.trunk_figures)
    rows = {
        name: {**known.get("trunks", {}).get(name, {}), **seen[name]}
        for name in found.trunk
    }
    at = str(known.get("at", ""))
    fresh = bool(at) and SystemClock().now() - datetime.fromisoformat(at) < STALE
    data = {"engine": fresh, "figures_at": at, "trunks": rows}
    emit(data, as_json, lambda: _show_status(data))


def _figures(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Fail(f"{path}: {error}") from error
    return found


def _show_status(data: Mapping[str, Any]) -> None:
    table = Table(
        "trunk", "carrier", "state", "calls", "a second", "answered", "length"
    )
    for name in ("delay", "last causes"):
        table.add_column(name)
    for name, row in data["trunks"].items():
        table.add_row(
            name,
            row["carrier"],
            row.get("state", "-"),
            f"{row['channels_in_use']} of {row['channels']}",
            _number(row.get("calls_per_second"), "{:.2f}"),
            _number(row.get("answer_seizure_ratio"), "{:.0%}"),
            _number(row.get("average_length"), "{:.0f} s"),
            _number(row.get("post_dial_delay"), "{:.1f} s"),
            " ".join(row.get("last_causes", ())) or "-",
        )
    out.print(table)
    if not data["engine"]:
        at = data["figures_at"]
        out.print(f"no engine runs; figures as of {at}" if at else "no engine ran yet")


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


@trunks.command()
@json_option
@with_settings
def causes(settings: Settings, as_json: bool) -> None:
    """What each answer of the network means here: outcome, retry, another trunk.

    Example: dialer trunks causes
    """
    known = load_causes(shipped("config") / "causes.toml")
    policy = retry.load_policy(shipped("config") / "retry.toml", {})
    rows = chores.cause_rows(known, policy)
    emit({"causes": rows}, as_json, lambda: _show_causes(rows))


def _show_causes(rows: list[dict[str, str]]) -> None:
    table = Table(
        "SIP", "Q.850", "Twilio", "cause", "disposition", "then", "another trunk"
    )
    for row in rows:
        table.add_row(*row.values())
    out.print(table)
