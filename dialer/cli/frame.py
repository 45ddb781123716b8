"""What all commands share: settings, running async work, output, failing."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import click
import uvloop
from rich.console import Console

from dialer.settings import Settings

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

#: @with_settings gives a command the Settings as its first argument.
with_settings = click.make_pass_decorator(Settings)


class Fail(click.ClickException):
    """Refused or failed: the reason goes to stderr, exit code 1."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        click.echo(f"dialer: {self.format_message()}", err=True, file=file)


class Usage(click.UsageError):
    """Asked wrongly: exit code 2."""


def json_option(command: F) -> F:
    """Add --json: one object on stdout, stable keys, nothing else."""
    return click.option(
        "--json", "as_json", is_flag=True, help="One JSON object, for machines."
    )(command)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run async work to its end. Ctrl-C cancels it, lets it close what it opened."""
    return uvloop.run(work)


def emit(data: Mapping[str, Any], as_json: bool, show: Callable[[], None]) -> None:
    """Print `data` as JSON, or let `show` print it for people."""
    if as_json:
        click.echo(json.dumps(data, ensure_ascii=False, default=str))
    else:
        show()
