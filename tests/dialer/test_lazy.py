"""Nobody waits for what other commands need."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

import dialer.__main__ as program
from dialer.cli.lazy import LazyGroup
from dialer.cli.main import dialer

DRIVERS = {
    *("aiohttp", "aiomqtt", "ctranslate2", "duckdb", "onnxruntime", "phonenumbers"),
    *("prometheus_client", "psycopg", "pyarrow", "twilio", "vosk"),
}
HEAVY = DRIVERS | {"alembic", "holidays", "numpy", "pypinyin"}
EDGES = HEAVY | {"pydantic", "rich", "sqlalchemy", "structlog"}
PRINT = """
import sys
from dialer.__main__ import main
sys.argv = ["dialer", *sys.argv[1:]]
try:
    main()
finally:
    print("loaded", *{name.partition(".")[0] for name in sys.modules})
"""


@pytest.mark.parametrize(
    ("asked", "barred"),
    [
        (["--help"], EDGES),
        (["campaign", "status", "--help"], HEAVY),
        (["campaign", "list", "--help"], HEAVY),
        (["calls", "--help"], HEAVY),
        (["trunks", "test-call", "--help"], {"alembic", "duckdb", "pyarrow"}),
    ],
    ids=["help", "status", "list", "calls", "test-call"],
)
def test_a_command_loads_what_it_needs(asked: list[str], barred: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINT, *asked],
        capture_output=True,
        text=True,
        check=True,
    )
    told, _, loaded = done.stdout.rpartition("loaded ")
    assert "Usage: dialer" in told
    assert "click" in loaded.split()
    assert set(loaded.split()) & barred == set()


def lazy(group: click.Group) -> Iterator[LazyGroup]:
    if isinstance(group, LazyGroup):
        yield group
    for inner in group.commands.values():
        if isinstance(inner, click.Group):
            yield from lazy(inner)


def test_what_help_says_of_a_command_is_what_it_says_itself() -> None:
    found = list(lazy(dialer))
    assert len(found) > 3
    for group in found:
        for name, line in group.told.items():
            assert group.commands[name].name == name
            assert group.commands[name].get_short_help_str(200) == line


def test_errors_for_users_are_where_they_are_looked_for() -> None:
    for file, names in program.TOLD.items():
        __import__(file)
        for name in names.split():
            error = getattr(sys.modules[file], name)
            assert issubclass(error, Exception)
            assert program.for_users(error.__new__(error))
    assert not program.for_users(ValueError("ours"))
