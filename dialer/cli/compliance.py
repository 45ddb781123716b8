"""`dialer compliance`: judge numbers against the rules, list the rules."""

from __future__ import annotations

import json
import sys
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from dialer.cli.batch import PIPE, judge_all
from dialer.cli.frame import Fail, Usage, emit, err, json_option, out, with_settings
from dialer.clock import SystemClock
from dialer.compliance import lines
from dialer.compliance.packs import PackError, load
from dialer.compliance.rules import Cap, Duty, Hours, Rule, Rulebook
from dialer.settings import Settings, shipped


def book_of(settings: Settings, today: date) -> Rulebook:
    """All packs and holidays of this installation; Fail tells what is wrong."""
    own = settings.compliance
    try:
        return load(
            shipped("config"),
            today=today,
            packs=Path(own.packs).expanduser() if own.packs else None,
            holidays=Path(own.holidays).expanduser() if own.holidays else None,
        )
    except PackError as error:
        raise Fail(str(error)) from error


FILE = click.Path(path_type=Path, allow_dash=True)


@click.group()
def compliance() -> None:
    """May this number be called now, and by which rules."""


@compliance.command(
    epilog="Example: dialer compliance check --number +8613800138000 "
    "--zone Asia/Shanghai --location CN-32 --account A1 --person P1 "
    "--source court_document --source filed_contract --source public_register "
    "--reviewer r1 --reviewer r2 --importer i1"
)
@click.option("--batch", type=FILE, help="Cases, JSON Lines; - for stdin.")
@click.option("--out", "results", type=FILE, help="Verdicts; - for stdout.")
@click.option("--number", help="E.164.")
@click.option("--at", help="When, RFC 3339 (default: now).")
@click.option("--zone", "zones", multiple=True, help="A candidate time zone.")
@click.option("--location", "locations", multiple=True, help="CN, US-NV ...")
@click.option("--pack", "packs", multiple=True, help="A pack beyond those implied.")
@click.option("--account", default="", help="The debt.")
@click.option("--person", default="", help="The callee.")
@click.option("--source", "sources", multiple=True, help="A kind of provenance.")
@click.option("--reviewer", "reviewers", multiple=True, help="Who approved the batch.")
@click.option("--importer", default="", help="Who imported it.")
@click.option("--flag", "flags", multiple=True, help="do_not_call, attorney ...")
@click.option("--call", "history", multiple=True, metavar="JSON", help="A past call.")
@click.option("--consent", "consents", multiple=True, metavar="JSON", help="A consent.")
@click.option("--purpose", default="collection", show_default=True)
@json_option
@with_settings
def check(
    settings: Settings,
    /,
    batch: Path | None,
    results: Path | None,
    as_json: bool,
    **case: Any,
) -> None:
    """Judge one case by options, or many by --batch FILE --out FILE.

    Exit code 0: allowed, or the batch is done. 1: refused, reasons on stderr.
    """
    now = SystemClock().now()
    if (batch is None) != (results is None):
        raise Usage("--batch and --out are given together")
    if (batch is None) == (case["number"] is None):
        raise Usage("give either --number or --batch FILE --out FILE")
    book = book_of(settings, now.date())
    if batch is not None and results is not None:
        _batch(batch, results, book, as_json)
        return
    case["at"] = case["at"] or now.isoformat()
    _one(case, book, as_json)


def _one(case: dict[str, Any], book: Rulebook, as_json: bool) -> None:
    for key in ("history", "consents"):
        case[key] = [_json(text, key) for text in case[key]]
    verdict = lines.check(json.dumps({"id": "1", **case}).encode(), book)
    if as_json:
        emit(verdict, as_json, lambda: None)
    elif verdict["allowed"]:
        out.print("allowed")
    if verdict["allowed"]:
        return
    if not as_json:
        for reason in verdict["reasons"]:
            told = f"{reason['rule']} ({reason['citation']}): {reason['detail']}"
            err.print(escape(told), soft_wrap=True)
        err.print(f"refused; next allowed: {verdict['next_allowed'] or 'not by time'}")
    sys.exit(1)


def _json(text: str, key: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Usage(f"--{key}: not JSON: {error}") from error


def _batch(batch: Path, results: Path, book: Rulebook, as_json: bool) -> None:
    told = judge_all(batch, results, book)
    if results == PIPE:
        return  # stdout has the verdicts, and nothing else
    text = (
        f"{told['cases']} cases: {told['allowed']} allowed, {told['refused']} refused"
    )
    emit(told, as_json, lambda: out.print(f"{text} -> {results}", soft_wrap=True))


@compliance.command(epilog="Example: dialer compliance packs --json")
@json_option
@with_settings
def packs(settings: Settings, /, as_json: bool) -> None:
    """Every rule in force here: number, citation, status and when it was checked."""
    book = book_of(settings, SystemClock().now().date())
    found = [
        {
            "pack": pack.id,
            "version": pack.version,
            "own": pack.own,
            "applies_to": sorted(pack.applies_to),
            "rule": rule.id,
            "kind": rule.kind,
            "number": number(rule),
            "citation": rule.citation,
            "quote": rule.quote,
            "source": rule.source,
            "status": str(rule.status),
            "effective_from": rule.effective_from,
            "effective_to": rule.effective_to,
            "checked_on": rule.checked_on,
        }
        for pack, rule in book.rules()
    ]
    emit({"rules": found}, as_json, lambda: out.print(_table(found)))


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table("rule", "number", "citation", "status", "checked on")
    for _, rows in groupby(found, key=lambda row: row["pack"]):
        for row in rows:
            keys = ("rule", "number", "citation", "status", "checked_on")
            table.add_row(*(escape(str(row[key])) for key in keys))
        table.add_section()
    return table


def number(rule: Rule) -> str:
    """What the rule compares with, in a few words."""
    match rule:
        case Hours():
            return "; ".join(sorted({_window(w.start, w.end) for w in rule.windows}))
        case Cap():
            days = f"{rule.days} day{'s' * (rule.days > 1)}"
            period = days if rule.days else f"{rule.hours} hours"
            if rule.kind == "wait":
                return f"none for {period}, per {rule.per}"
            return f"at most {rule.before + 1} in {period}, per {rule.per}"
        case Duty():
            return ", ".join(f"{k} {v:.12g}" for k, v in rule.numbers.items())
        case _:
            return str(getattr(rule, "at_least", ""))


def _window(start: int, end: int) -> str:
    return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
