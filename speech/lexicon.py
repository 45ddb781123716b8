"""Phrases kept as data: read whole, every problem with its place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from speech.port import SpeechError

T = TypeVar("T")


def read_lexicon(file: Path, shape: TypeAdapter[T]) -> T:
    """SpeechError: it cannot be read, or has another shape."""
    try:
        return shape.validate_python(tomllib.loads(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpeechError(f"{file}: {error}") from error
    except ValidationError as error:
        places = ((".".join(map(str, e["loc"])), e["msg"]) for e in error.errors())
        raise SpeechError("\n".join(f"{file}: {p}: {m}" for p, m in places)) from error
