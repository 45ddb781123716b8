"""Many cases from a file to a file, or through a pipe: order kept, nothing by half."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from dialer.cli.frame import Fail, err
from dialer.compliance import lines
from dialer.compliance.rules import Rulebook

PIPE = Path("-")
TELL = 100_000  # cases between two plain lines of progress
SHOW = 1000  # ... between two moves of the bar


def judge_all(batch: Path, results: Path, book: Rulebook) -> dict[str, int]:
    """One verdict a line, in order; lines of white space only are no cases.
    `-` is stdin or stdout. Fail: a file cannot be read or written."""
    told = {"cases": 0, "allowed": 0, "refused": 0}
    try:
        with _source(batch) as source, _target(results) as target:
            for verdict in _verdicts(source, _size(batch), book):
                target.write(_written(verdict))
                told["cases"] += 1
                told["allowed" if verdict["allowed"] else "refused"] += 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Fail("stdout: whoever read the verdicts has gone") from None
    except OSError as error:
        raise Fail(f"{error.filename}: {error.strerror}") from error
    return told


def _size(batch: Path) -> int:
    return 0 if batch == PIPE else batch.stat().st_size


@contextmanager
def _source(batch: Path) -> Iterator[BinaryIO]:
    if batch == PIPE:
        yield sys.stdin.buffer
        return
    with batch.open("rb") as source:
        yield source


@contextmanager
def _target(results: Path) -> Iterator[BinaryIO]:
    """Written beside the target and moved into place: never half a file."""
    if results == PIPE:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = results.with_name(f"{results.name}.part")
    try:
        with part.open("wb") as target:
            yield target
        os.replace(part, results)
    finally:
        part.unlink(missing_ok=True)


def _written(verdict: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(verdict) + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair in what was asked
        return json.dumps(verdict).encode() + b"\n"


def _verdicts(source: BinaryIO, size: int, book: Rulebook) -> Iterator[dict[str, Any]]:
    with _progress(size) as move:
        read = 0
        for n, line in enumerate(source, 1):
            read += len(line)
            if n % SHOW == 0:
                move(n, read)
            if line.strip():
                yield lines.check(line, book, n)


@contextmanager
def _progress(size: int) -> Iterator[Any]:
    """A bar on a terminal, a line now and then elsewhere."""
    if not err.is_terminal:
        yield _plain
        return
    columns = (TextColumn("judging"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("judging", total=size or None)
        yield lambda n, read: bar.update(task, completed=read)


def _plain(n: int, read: int) -> None:
    if n % TELL == 0:
        err.print(f"{n} lines judged")
