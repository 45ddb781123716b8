"""Log lines: what may be in them, and that the code keeps to it."""

from __future__ import annotations

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.contextvars import bound_contextvars

from dialer import logs

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
log = logging.getLogger("dialer.test")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What one handler of ours writes, as JSON."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logs.json_lines())
    root = logging.getLogger()
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)


def test_a_line_has_what_is_on_the_list_and_nothing_else(
    written: io.StringIO,
) -> None:
    attempt = "0123456789abcdef0123"
    told = {
        "why": "no answer from +86 138-0013-8000 张伟 at 127.0.0.1:5038",
        "calls": 3,
        "trunk": "north 13800138000",
        "pii_name": "Avery Stone",
        "anything": "Avery Stone",
    }
    with bound_contextvars(attempt=attempt, name="Avery Stone"):
        log.warning("a constant", extra=told)
    log.warning("a constant", extra={"attempt": "Avery Stone", "calls": "many"})
    logging.getLogger("asyncio").error("task of %s", "Avery Stone")
    first, second, foreign = map(json.loads, written.getvalue().splitlines())
    assert {k: first[k] for k in ("message", "attempt", "calls", "trunk", "why")} == {
        "message": "a constant",
        "attempt": attempt,
        "calls": 3,
        "trunk": "north [digits]",
        "why": "no answer from [digits] [words] at 127.0.0.1:5038",
    }
    assert second["attempt"] == second["calls"] == "[not shown]"
    assert foreign["message"] == "(of a library)"
    assert "Avery" not in written.getvalue()
    assert "3800" not in written.getvalue()


def test_an_exception_is_its_type_and_places(written: io.StringIO) -> None:
    secret = "Avery Stone"
    try:
        int(secret)
    except ValueError:
        log.exception("a constant")
    line = json.loads(written.getvalue())
    assert line["error"] == "ValueError"
    (place,) = line["trace"]
    assert place.startswith("test_logs.py:")
    assert place.endswith(":test_an_exception_is_its_type_and_places")
    assert "Avery" not in written.getvalue()


def test_for_people_it_is_the_same_in_one_line() -> None:
    record = log.makeRecord(
        *("dialer.x", logging.WARNING, "x.py", 1, "a constant", (), None),
        extra={"why": "it hung up", "pii_name": "Avery"},
    )
    line = logs.for_people(colors=False).format(record)
    assert "a constant" in line
    assert "why='it hung up'" in line
    assert "Avery" not in line
    assert "\n" not in line


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of a logger in the product, with its place."""
    for top in ("dialer", "ivr", "speech"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                called = node.func
                if (
                    isinstance(called, ast.Attribute)
                    and isinstance(called.value, ast.Name)
                    and called.value.id in {"log", "logger", "quiet", "logging"}
                    and called.attr in LEVELS | {"log"}
                ):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_messages_are_constants_and_fields_are_known() -> None:
    found = list(calls())
    assert len(found) > 25
    for place, call in found:
        (message,) = call.args  # nothing is put into it
        assert isinstance(message, ast.Constant), place
        assert {k.arg for k in call.keywords} <= {"extra", "exc_info"}, place
        for given in call.keywords:
            if given.arg == "extra":
                assert isinstance(given.value, ast.Dict), place
                names = {ast.literal_eval(key) for key in given.value.keys if key}
                assert names <= logs.FIELDS.keys(), place


def test_setup_writes_to_a_file_or_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.setup("json", "info", tmp_path / "logs" / "x.jsonl")
    log.info("to the file")
    logs.setup("auto", "warning", None)
    log.info("nowhere")
    log.warning("to stderr")
    line = json.loads((tmp_path / "logs" / "x.jsonl").read_text())
    assert line["message"] == "to the file"
    assert (tmp_path / "logs" / "x.jsonl").stat().st_mode & 0o077 == 0
    assert json.loads(capsys.readouterr().err)["message"] == "to stderr"
