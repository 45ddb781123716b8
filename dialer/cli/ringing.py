"""`dialer trunks test-call`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from dialer import ringing
from dialer.cli.frame import Fail, emit, err, json_option, out, run, with_settings
from dialer.clock import SystemClock
from dialer.settings import Settings


@click.command("test-call")
@click.argument("number")
@click.option("--trunk", help="By this one (default: as a campaign would choose).")
@click.option("--seconds", type=click.FloatRange(1, 60), default=8.0, help="To listen.")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh")
@json_option
@with_settings
def test_call(
    settings: Settings,
    number: str,
    trunk: str | None,
    seconds: float,
    language: str,
    as_json: bool,
) -> None:
    """Call a phone of your own: a prompt is played, and what comes back is measured.

    Numbers of contacts are refused: they are called by campaigns, within the law.

    Example: dialer trunks test-call +8613800138000 --trunk north
    """
    wanted = ringing.TestCall(number, trunk or "", seconds, language)
    if not as_json:
        err.print(f"calling {number} ...")
    found = run(ringing.test_call(settings, wanted, SystemClock()))
    emit(found, as_json, lambda: _show_test(found))
    if not found["answered"]:
        raise Fail(f"not answered: {found['cause']}")


def _show_test(found: Mapping[str, Any]) -> None:
    for name, value in found.items():
        out.print(f"{name.replace('_', ' '):22} {value}")
