"""No command, option or setting gets a number past the gate.

The list below is every option of every command that can make a call, plan one, or judge
one. Whoever adds one must come here, and say why it opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from dialer.cli.main import dialer
from dialer.settings import Settings

#: What a way round is usually called, in whole words.
SUSPECT = re.compile(
    r"(^|[-_])(force|forced|override|bypass|skip|ignore|unsafe|insecure|anyway|no[-_]?"
    r"(gate|check|checks|compliance|rules|review|hours|caps)|disable|allow|permit)"
    r"([-_]|$)"
)
#: Looked at: writes a file where one stands already.
HARMLESS = {
    f"{command} export {spelt}"
    for command in ("calls", "agreements")
    for spelt in ("force", "--force")
}
CALLING = {
    "campaign create": {"path", "priority"},  # who comes first, within the law
    "campaign list": set(),
    "campaign launch": {"name", "wait", "lines"},
    "campaign pause": {"name"},
    "campaign plan": {"name"},
    "campaign resume": {"name", "wait", "lines"},
    "campaign stop": {"name"},
    "campaign status": {"name"},
    "campaign why": {"name"},
    "campaign abandoned": {"name"},
    "campaign next": {"name", "agent"},  # shows a case; nobody is called
    "campaign accept": {"attempt", "agent"},  # the gate judges it when it is dialed
    "campaign pass": {"attempt", "agent"},
    "campaign recycle": {"name", "outcomes", "dry_run"},
    "compliance check": {
        *("account", "at", "batch", "consents", "flags", "history", "importer"),
        *("locations", "number", "packs", "person", "purpose", "results"),
        *("reviewers", "sources", "zones"),
    },
    "compliance packs": set(),
    "contacts batches": set(),
    "contacts explain": {"number", "country", "at"},
    "contacts import": {"path", "pairs", "rejects", "who"},
    "contacts rejects": {"batch", "duplicates"},
    "contacts review": {"batch", "who", "approved", "note"},
    "events command": {"verb", "campaign", "node", "who", "path"},  # dials nobody
    "events publish": {"once"},
    "demo": {"callees", "contacts", "keep", "lines"},
    "node drain": {"name"},
    "node list": set(),
    "serve": {"node"},
    "trunks test-call": {"number", "trunk", "seconds", "language"},  # no contact's
}


def walk(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, (*path, name))
    else:
        yield " ".join(path), command


ALL = dict(walk(dialer))


def test_no_option_anywhere_is_called_like_a_way_round() -> None:
    found = {
        f"{name} {spelt}"
        for name, command in ALL.items()
        for option in (*command.params, *dialer.params)
        for spelt in (option.name or "", *option.opts, *option.secondary_opts)
        if SUSPECT.search(spelt.lstrip("-"))
    }
    assert found == HARMLESS


def test_options_of_what_calls_plans_or_judges_are_known() -> None:
    given = {
        name: {o.name for o in command.params} - {"as_json"}
        for name, command in ALL.items()
        if name in CALLING or name.split()[0] in {"campaign", "compliance", "contacts"}
    }
    assert given.keys() == CALLING.keys()
    assert {n: o for n, o in given.items() if o != CALLING[n]} == {}


def test_no_setting_is_called_like_a_way_round() -> None:
    names = [name for room in rooms(Settings) for name in room.split(".")]
    assert [name for name in names if SUSPECT.search(name)] == []
    assert "packs" in names  # the walk sees inner tables


def rooms(model: type) -> Iterator[str]:
    for name, found in model.model_fields.items():  # type: ignore[attr-defined]
        yield name
        if hasattr(found.annotation, "model_fields"):
            yield from rooms(found.annotation)
