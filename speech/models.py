"""Which model files there are, what each must be, and how it gets here.

The catalogue is `config/models.toml`; an installation's own `models.toml` may add
models and addresses. A model is either joined from installed packages, used where
a package put it, or fetched as an archive from an address the operator set.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from speech.port import ModelMissing, SpeechError

SUMS = "SHA256SUMS"  #: written beside unpacked files: what each was then
_SHA256 = Field(pattern="^[0-9a-f]{64}$")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class File(_Part):
    """One file of a model. `parts`: what is joined to make it; see config."""

    path: str
    size: int = Field(gt=0)
    sha256: str = _SHA256
    parts: tuple[str, ...] = ()


class Archive(_Part):
    """The zip a model is fetched as."""

    size: int = Field(gt=0)
    sha256: str = _SHA256


class Model(_Part):
    """One entry of the catalogue. `folder` is inside the models folder (default: the
    name); `packaged` models stay where their package is installed."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    kind: str = Field(pattern="^(recogniser|voice|vad)$")
    languages: tuple[str, ...]
    licence: str
    note: str = ""
    folder: str = ""
    packaged: bool = False
    url: str = ""
    archive: Archive | None = None
    file: tuple[File, ...] = ()

    @property
    def size(self) -> int:
        """Bytes to be had: of the archive, or of all files."""
        return self.archive.size if self.archive else sum(f.size for f in self.file)


class _Catalogue(_Part):
    model: tuple[Model, ...] = ()
    address: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Status:
    """A model and whether it can be used. `joinable`: its parts are installed, and
    it is joined the first time it is used."""

    model: Model
    ready: bool
    joinable: bool = False
    present: bool = False  # some of it is in its place, right or wrong
    problem: str = ""  # the first one


def shipped() -> Path:
    """The catalogue that came with the wheel or the checkout."""
    root = Path(__file__).parents[1]
    packed = root / "dialer" / "data" / "config" / "models.toml"
    return packed if packed.is_file() else root / "config" / "models.toml"


def catalogue(*own: Path) -> dict[str, Model]:
    """All models by name; later files replace models and addresses of earlier ones.

    Files of `own` need not exist. SpeechError lists every problem with its place.
    """
    files = [shipped(), *(file for file in own if file.is_file())]
    models, addresses, problems = dict[str, Model](), dict[str, str](), list[str]()
    for file in files:
        try:
            found = _Catalogue.model_validate(tomllib.loads(file.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            problems.append(f"{file}: {error}")
        except ValidationError as error:
            for one in error.errors():
                place = ".".join(map(str, one["loc"]))
                problems.append(f"{file}: {place}: {one['msg']}")
        else:
            models |= {model.name: model for model in found.model}
            addresses |= found.address
    unknown = sorted(set(addresses) - set(models))
    if not problems and unknown:
        problems += [f"{files[-1]}: address.{name}: no such model" for name in unknown]
    if problems:
        raise SpeechError("\n".join(problems))
    at = addresses.get
    return {n: m.model_copy(update={"url": at(n, m.url)}) for n, m in models.items()}


def named(name: str, models: dict[str, Model]) -> Model:
    """The model of that name, or SpeechError with the names there are."""
    if name not in models:
        raise SpeechError(f"no model {name!r}; there are: {', '.join(sorted(models))}")
    return models[name]


def place(model: Model, folder: Path) -> Path:
    """Where the model's files are, or would be."""
    return folder / (model.folder or model.name)


def list_models(folder: Path, models: dict[str, Model]) -> list[Status]:
    """Each model and whether it is here. Sizes only: `check` reads every byte."""
    found = []
    for model in models.values():
        problem = next(_problems(model, folder, deep=False), "")
        joinable = bool(problem) and _joinable(model)
        ready = joinable or not problem
        present = _present(model, folder)
        found.append(Status(model, ready, joinable, present, "" if ready else problem))
    return found


def check(model: Model, folder: Path) -> list[str]:
    """Every problem of the model's files, by sha256; none: it is what it should be."""
    return list(_problems(model, folder, deep=True))


def assemble(model: Model, folder: Path) -> Path:
    """The model's folder, with every file verified; joins parts where it is absent.

    A joined file appears whole or not at all, whoever else does the same at once.
    ModelMissing where a package is missing or its bytes are not the expected ones.
    """
    home = place(model, folder)
    for file in model.file:
        target = _installed(file.path) if model.packaged else home / file.path
        if _wrong(target, file, deep=True) and not model.packaged:
            _join(model, file, home / file.path)
            continue
        if problem := _wrong(target, file, deep=True):
            raise ModelMissing(model.name, problem, _remedy(model))
    if model.archive and not home.is_dir():
        raise ModelMissing(model.name, f"not in {folder}", _remedy(model))
    return home


def digest(path: Path) -> str:
    """sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sums(folder: Path) -> str:
    """What SHA256SUMS of a folder should say, in the form of sha256sum(1)."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != SUMS)
    lines = (f"{digest(p)}  {p.relative_to(folder).as_posix()}\n" for p in files)
    return "".join(lines)


def _present(model: Model, folder: Path) -> bool:
    home = place(model, folder)
    if model.packaged:
        return any(_installed(file.path) for file in model.file)
    return any(
        (home / name).is_file() for name in (SUMS, *(f.path for f in model.file))
    )


def _problems(model: Model, folder: Path, *, deep: bool) -> Iterator[str]:
    home = place(model, folder)
    if model.archive:
        yield from _unpacked_problems(home, _remedy(model), deep=deep)
    for file in model.file:
        target = _installed(file.path) if model.packaged else home / file.path
        if problem := _wrong(target, file, deep=deep):
            yield problem


def _unpacked_problems(home: Path, remedy: str, *, deep: bool) -> Iterator[str]:
    if not (home / SUMS).is_file():
        yield f"{home}: not there; {remedy}"
        return
    for line in (home / SUMS).read_text("utf-8").splitlines():
        expected, _, name = line.partition("  ")
        path = home / name
        if not path.is_file():
            yield f"{path}: missing"
        elif deep and digest(path) != expected:
            yield f"{path}: changed since it was unpacked (sha256 differs)"


def _wrong(path: Path | None, file: File, *, deep: bool) -> str:
    """What is the matter with this file; '' if nothing."""
    if path is None or not path.is_file():
        return f"{path or file.path}: missing"
    if (size := path.stat().st_size) != file.size:
        return f"{path}: {size} bytes, expected {file.size}"
    if deep and (found := digest(path)) != file.sha256:
        return f"{path}: sha256 {found}, expected {file.sha256}"
    return ""


def _joinable(model: Model) -> bool:
    parts = [part for file in model.file for part in file.parts]
    return bool(parts) and all(_installed(part) for part in parts)


def _join(model: Model, file: File, target: Path) -> None:
    sources = [(part, _installed(part)) for part in file.parts]
    missing = [part.split("/")[0] for part, source in sources if source is None]
    if missing or not sources:
        absent = f"{file.path} is absent"
        reason = f"{absent}: no package {', '.join(missing)}" if missing else absent
        raise ModelMissing(model.name, reason, _remedy(model))
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            _copy((source for _, source in sources if source), out)
        if problem := _wrong(Path(draft), file, deep=True):
            raise ModelMissing(model.name, f"the parts are wrong: {problem}", _AGAIN)
        Path(draft).replace(target)
    finally:
        Path(draft).unlink(missing_ok=True)


def _copy(sources: Iterable[Path], out: IO[bytes]) -> None:
    for source in sources:
        with source.open("rb") as part:
            shutil.copyfileobj(part, out)


_AGAIN = "install the packages again"


def _remedy(model: Model) -> str:
    if model.archive:
        return f"run `dialer models fetch {model.name}`"
    return "install the speech packages: pip install 'accord-dialer[speech]'"


def _installed(part: str) -> Path | None:
    """The file PACKAGE/PATH in the installed packages, if both are there."""
    package, _, path = part.partition("/")
    found = importlib.util.find_spec(package)
    for root in (found.submodule_search_locations or ()) if found else ():
        if (Path(root) / path).is_file():
            return Path(root) / path
    return None
