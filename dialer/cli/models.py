"""`dialer models`: which speech models there are, whether they are right, fetch one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn
from rich.table import Table

from dialer.cli.frame import Fail, emit, err, json_option, out, with_settings
from dialer.settings import Settings
from speech.fetch import fetch as fetch_model
from speech.models import Model, Status, catalogue, list_models, named
from speech.models import check as check_model


@click.group()
def models() -> None:
    """Speech models: list, check, fetch."""


def _known(settings: Settings) -> dict[str, Model]:
    return catalogue(settings.home / "models.toml")


@models.command("list")
@json_option
@with_settings
def list_(settings: Settings, as_json: bool) -> None:
    """Which models there are and which of them are here.

    Example: dialer models list
    """
    found = list_models(settings.models_folder, _known(settings))
    data = {
        "folder": str(settings.models_folder),
        "models": [_row(status) for status in found],
    }
    emit(data, as_json, lambda: _show(found, settings.models_folder))


@models.command()
@click.argument("names", nargs=-1)
@json_option
@with_settings
def check(settings: Settings, names: tuple[str, ...], as_json: bool) -> None:
    """Read every byte of a model and compare it with its sha256.

    Without NAMES: all models that are here. Exit code 1 where one is wrong.

    Example: dialer models check whisper-base-int8
    """
    known = _known(settings)
    chosen = [named(name, known) for name in names] or [
        status.model
        for status in list_models(settings.models_folder, known)
        if status.present
    ]
    found = {m.name: check_model(m, settings.models_folder) for m in chosen}
    emit({"models": found}, as_json, lambda: _show_checked(found))
    if problems := [problem for one in found.values() for problem in one]:
        raise Fail("\n".join(problems))


@models.command()
@click.argument("name")
@click.option("--url", default="", help="Where from (default: HOME/models.toml).")
@json_option
@with_settings
def fetch(settings: Settings, name: str, url: str, as_json: bool) -> None:
    """Download a model, verify its sha256 and unpack it. Continues after a break.

    Example: dialer models fetch vosk-model-small-cn-0.22 --url https://mirror/cn.zip
    """
    model = named(name, _known(settings))
    folder = settings.models_folder
    home = _fetched(model, url, folder)
    data = {"model": name, "folder": str(home), "bytes": model.size}
    emit(data, as_json, lambda: out.print(f"{name}: verified, in {home}"))


def _fetched(model: Model, url: str, folder: Path) -> Path:
    if not err.is_terminal:
        return fetch_model(model, url, folder, _plain(model.name))
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress("{task.description}", *columns, console=err) as bar:
        task = bar.add_task(model.name, total=model.size)

        def move(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return fetch_model(model, url, folder, move)


def _plain(name: str) -> Callable[[int, int], None]:
    """A line at every tenth, for logs and pipes."""
    told = 0

    def move(done: int, total: int) -> None:
        nonlocal told
        tenths = 10 * done // total
        if tenths > told:
            told = tenths
            err.print(f"{name}: {10 * tenths} % of {total} bytes")

    return move


def _row(status: Status) -> dict[str, Any]:
    model = status.model
    return {
        "name": model.name,
        "kind": model.kind,
        "languages": list(model.languages),
        "licence": model.licence,
        "note": model.note,
        "bytes": model.size,
        "ready": status.ready,
        "problem": status.problem,
        "address": model.url,
    }


def _show(found: list[Status], folder: Path) -> None:
    table = Table("model", "kind", "languages", "licence", "MB", "here")
    table.columns[0].no_wrap = True
    for status in found:
        model = status.model
        table.add_row(
            model.name,
            model.kind,
            " ".join(model.languages),
            model.licence,
            f"{model.size / 1e6:.0f}",
            _here(status),
        )
    out.print(table)
    out.print(f"models folder: {folder}")


def _here(status: Status) -> str:
    if not status.ready:
        return "no"
    return "when first used" if status.joinable else "yes"


def _show_checked(found: dict[str, list[str]]) -> None:
    for name, problems in found.items():
        out.print(f"{name}: {'wrong' if problems else 'right'}")
