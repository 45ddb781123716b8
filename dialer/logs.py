"""Logs without personal words: JSON lines, or a line for people.

Calls are the standard library's (`log.warning("constant", extra={...})`); structlog
shapes and writes them. What comes out is a white list: a message that is a constant of
ours, the fields of `FIELDS`, each by its kind, and of an exception its type and places.
Never its text, which may quote what it choked on, nor values of variables. Lines of
libraries lose their message too.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog

HOUSE = ("dialer", "ivr", "speech")
ID, NAME, NUMBER, TEXT = "id", "name", "number", "text"
#: Every field a line may have. A test holds the code to it.
FIELDS: Mapping[str, str] = {
    "attempt": ID,
    "calls": NUMBER,
    "duty": NAME,
    "listen": NAME,
    "node": NAME,
    "seq": NUMBER,
    "state": NAME,
    "template": NAME,
    "trunk": NAME,
    "verb": NAME,
    "why": TEXT,
}
AN_ID = re.compile(r"[0-9a-f-]{8,40}")
DIGITS = re.compile(r"\+?\d(?:[ \-.()/]{0,2}\d){5,}")  # as many as a number has
ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
WORDS = re.compile(r"[^\x00-\x7f]+")  # our reasons are ASCII; what is not is quoted
LONGEST = 300
Line = dict[str, Any]


def value(kind: str, found: object) -> object:
    """What a field of that kind may show."""
    if isinstance(found, bool | int | float) or found is None:
        return found
    text = str(found)[:LONGEST]
    if kind == NUMBER or (kind == ID and not AN_ID.fullmatch(text)):
        return "[not shown]"
    return text if kind == ID else masked(text)


def masked(text: str) -> str:
    """Without runs of digits (but machines' addresses) and words that are not ours."""

    def hidden(run: re.Match[str]) -> str:
        return run[0] if ADDRESS.fullmatch(run[0]) else "[digits]"

    return WORDS.sub("[words]", DIGITS.sub(hidden, text))


def places(trace: TracebackType | None) -> list[str]:
    """file:line:function, the outermost first."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}"
        for frame in traceback.extract_tb(trace)
    ]


def whitelisted(logger: object, method: str, line: Any) -> Line:
    """A structlog processor: from all that a record has to what may be written."""
    record: logging.LogRecord = line["_record"]
    ours = record.name.split(".")[0] in HOUSE
    found: Line = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
        "level": record.levelname.lower(),
        "where": record.name,
        "message": str(record.msg) if ours else "(of a library)",
    }
    found |= {
        name: value(kind, line[name]) for name, kind in FIELDS.items() if name in line
    }
    error = line.get("exc_info")
    if isinstance(error, tuple) and error[0] is not None:
        found |= {"error": error[0].__name__, "trace": places(error[2])}
    return found


def formatter(render: Callable[[object, str, Any], Any]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[whitelisted, render],
        use_get_message=False,  # a message is a constant: nothing is put into it
        keep_exc_info=False,
    )


def json_lines() -> logging.Formatter:
    return formatter(structlog.processors.JSONRenderer(ensure_ascii=False))


def for_people(*, colors: bool) -> logging.Formatter:
    return formatter(
        structlog.dev.ConsoleRenderer(
            colors=colors, event_key="message", timestamp_key="at", pad_event_to=0
        )
    )


class Stderr(logging.StreamHandler[TextIO]):
    """Whatever is stderr when a line comes."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        raise AttributeError("it is always stderr")


def setup(form: str, level: str, file: Path | None) -> None:
    """Of this process. form: json | console | auto (console on a terminal)."""
    if file is not None:
        to_file(file, level)
        return
    handler = Stderr()
    terminal = sys.stderr.isatty()
    console = form == "console" or (form == "auto" and terminal)
    handler.setFormatter(for_people(colors=terminal) if console else json_lines())
    use(handler, level)


def to_file(path: Path, level: str = "info") -> logging.Handler:
    """Send all logs to `path` (0600), and nowhere else. -> the handler."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(json_lines())
    use(handler, level)
    return handler


def use(handler: logging.Handler, level: str) -> None:
    """Libraries speak up from warning on."""
    root = logging.getLogger()
    for old in [one for one in root.handlers if is_ours(one)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in HOUSE:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(level.upper())


def is_ours(handler: logging.Handler) -> bool:
    return isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter)
