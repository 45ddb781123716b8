"""`dialer campaign next`, `accept`, `pass`: an agent sees the case before the call."""

from __future__ import annotations

from typing import Any

import click

from dialer.cli.frame import Fail, emit, json_option, out, run, with_settings
from dialer.clock import SystemClock
from dialer.home import opened
from dialer.settings import Settings
from dialer.store.port import AttemptRow

AGENT = click.option(
    "--agent", required=True, help="Your name, as the queue of agents has it."
)
ATTEMPT = click.argument("attempt")


@click.command("next")
@click.argument("name")
@AGENT
@json_option
@with_settings
def next_(settings: Settings, name: str, agent: str, as_json: bool) -> None:
    """The next case of a preview campaign: read it, then accept it or pass it over.

    Nobody is called before you accept, and the gate decides again then.
    Example: dialer campaign next autumn --agent ann
    """

    async def show() -> AttemptRow | None:
        async with opened(settings) as stores:
            found = await stores.campaigns.get(name)
            now = SystemClock().now()
            attempt = await stores.previews.next(found.campaign_id, agent, now)
            return (await stores.calls.show(attempt))[0] if attempt else None

    found = run(show())
    if found is None:
        raise Fail(f"{name} has no case to show now; is its engine running?")
    emit(as_dict(found), as_json, lambda: _show(found, agent))


def as_dict(row: AttemptRow) -> dict[str, Any]:
    return {
        "attempt": row.attempt_id,
        "contact": row.contact_id,
        "phone": row.phone,
        "language": row.language,
        "n": row.n,
        "stage": row.stage,
    }


def _show(row: AttemptRow, agent: str) -> None:
    out.print(f"{row.phone} ({row.contact_id}), {row.language}", soft_wrap=True)
    out.print(f"attempt {row.n}, stage {row.stage} of 5")
    out.print(f"dialer campaign accept {row.attempt_id} --agent {agent}")


@click.command()
@ATTEMPT
@AGENT
@json_option
@with_settings
def accept(settings: Settings, attempt: str, agent: str, as_json: bool) -> None:
    """Have the case called that you were shown, once you are free and the gate allows.

    Example: dialer campaign accept 5f2c --agent ann
    """
    _say(settings, attempt, agent, call=True, as_json=as_json)


@click.command("pass")
@ATTEMPT
@AGENT
@json_option
@with_settings
def pass_(settings: Settings, attempt: str, agent: str, as_json: bool) -> None:
    """Pass over the case that you were shown: it is offered again after an hour.

    Example: dialer campaign pass 5f2c --agent ann
    """
    _say(settings, attempt, agent, call=False, as_json=as_json)


def _say(
    settings: Settings, attempt: str, agent: str, *, call: bool, as_json: bool
) -> None:
    async def say() -> str:
        async with opened(settings) as stores:
            row, _ = await stores.calls.show(attempt)
            now = SystemClock().now()
            await stores.previews.answer(row.attempt_id, agent, now, call=call)
            return row.attempt_id

    found = run(say())
    word = "accepted" if call else "passed over"
    data = {"attempt": found, "agent": agent, "answer": "call" if call else "pass"}
    emit(data, as_json, lambda: out.print(f"{found}: {word}"))
