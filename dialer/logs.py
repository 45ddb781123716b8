"""Logs as JSON lines, without personal words.

A message is a constant; values come in `extra`. Keys that begin with `pii_` are
dropped, and so are the texts of exceptions, which may quote what they choked on: the
type and the places of the traceback stay.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Render `record`; never its personal extras, never an exception's text."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat()
        line: dict[str, object] = {
            "at": at,
            "level": record.levelname.lower(),
            "where": record.name,
            "message": record.msg,
        }
        line |= {
            key: value
            for key, value in vars(record).items()
            if key not in STANDARD and not key.startswith("pii_")
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = [
                f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return json.dumps(line, ensure_ascii=False, default=str)


def to_file(path: Path) -> logging.Handler:
    """Send the house's logs to `path` (0600), and nowhere else. -> the handler."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(JsonLines())
    for name in ("dialer", "ivr", "speech"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return handler
