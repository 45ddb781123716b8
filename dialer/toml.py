"""TOML files that people write: read, checked whole, every problem with its place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

M = TypeVar("M", bound=BaseModel)


class Part(BaseModel):
    """A table of such a file: what it does not name is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileError(Exception):
    """A file is wrong. `problems` are `(place, what)`, all of them."""

    def __init__(self, path: str, problems: list[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {p}: {what}" for p, what in problems))
        self.path = path
        self.problems = problems


def read(path: Path, model: type[M], wrong: type[FileError]) -> M:
    """The file as `model`; raises `wrong`, for a file that cannot be read as well."""
    try:
        return model.model_validate(tomllib.loads(path.read_text("utf-8-sig")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise wrong(str(path), [("file", str(error))]) from error
    except ValidationError as error:
        problems = [
            (".".join(map(str, e["loc"])) or "file", e["msg"]) for e in error.errors()
        ]
        raise wrong(str(path), problems) from error
