"""All that can be said, and the scripts that say it: read once, checked whole.

Folder: `zh/` and `en/` (responses, `fragments.toml`, scripts), `laws/`, `rights/`,
`lexicon/forbidden.toml`. What is well-formed but unwise is `lint`'s to find.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ivr.references import script_problems, template_problems, variant_problems
from ivr.script import Part, Script
from ivr.template import (
    LANGUAGES,
    Clause,
    Clauses,
    Forbidden,
    Fragments,
    LawWords,
    Responses,
    Right,
    Rights,
    Template,
)
from ivr.variants import Families, families

M = TypeVar("M", bound=Part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: the file (relative to the library), the place in it, what."""

    file: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: {self.what}"


class LibraryError(Exception):
    """The library cannot be used. `problems` holds all that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Library:
    """Everything, checked. `version` is the sha256 over all files of the folder."""

    folder: Path
    version: str
    templates: Mapping[str, Mapping[str, Template]]
    scripts: Mapping[str, Mapping[str, Script]]
    fragments: Mapping[str, Fragments]
    laws: Mapping[str, Clause]
    rights: Mapping[str, Right]
    forbidden: Mapping[str, Mapping[str, str]]  # language -> words -> why
    early: Mapping[str, tuple[str, ...]]  # language -> words not before identity
    law_words: Mapping[str, tuple[str, ...]]  # language -> words that name the law
    places: Mapping[tuple[str, str], str]  # (language, template id) -> file
    families: Mapping[str, Families]  # language -> template -> it and its variants

    def template(self, language: str, name: str) -> Template:
        return self.templates[language][name]

    def family(self, language: str, name: str) -> tuple[Template, ...]:
        """The template that a script names, and its variants."""
        return self.families[language][name]

    def script(self, language: str, name: str) -> Script:
        """LibraryError if there is none of that name."""
        found = self.scripts.get(language, {}).get(name)
        if found is None:
            known = ", ".join(sorted(self.scripts.get(language, {})))
            raise LibraryError(
                [Problem(language, "script", f"no {name!r}; there are: {known}")]
            )
        return found


@dataclass(slots=True)
class _Reading:
    """What has been read so far, and what was wrong."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    templates: dict[str, dict[str, Template]] = field(default_factory=dict)
    raw_scripts: dict[tuple[str, str], tuple[str, dict[str, Any]]] = field(
        default_factory=dict
    )
    scripts: dict[str, dict[str, Script]] = field(default_factory=dict)
    fragments: dict[str, Fragments] = field(default_factory=dict)
    laws: dict[str, Clause] = field(default_factory=dict)
    rights: dict[str, Right] = field(default_factory=dict)
    forbidden: dict[str, dict[str, str]] = field(default_factory=dict)
    early: dict[str, tuple[str, ...]] = field(default_factory=dict)
    law_words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    places: dict[tuple[str, str], str] = field(default_factory=dict)

    def problem(self, file: str, place: str, what: str) -> None:
        self.problems.append(Problem(file, place, what))

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def toml(self, path: Path) -> dict[str, Any]:
        try:
            return tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self.problem(self.name(path), "file", str(error))
            return {}

    def shape(self, model: type[M], data: dict[str, Any], file: str) -> M | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for found in error.errors():
                place = ".".join(map(str, found["loc"])) or "file"
                self.problem(file, place, found["msg"])
            return None


def load_library(folder: Path) -> Library:
    """Read the folder. LibraryError names every problem with file and place."""
    reading = _Reading(folder)
    if not folder.is_dir():
        raise LibraryError([Problem(str(folder), "folder", "does not exist")])
    for language in LANGUAGES:
        reading.templates[language] = {}
        reading.scripts[language] = {}
        for path in sorted((folder / language).glob("*.toml")):
            _language_file(reading, language, path)
        if language not in reading.fragments and not reading.problems:
            reading.problem(f"{language}/fragments.toml", "file", "missing")
    _law_files(reading)
    _scripts(reading)
    if not reading.problems:
        reading.problems.extend(_references(reading))
    if reading.problems:
        raise LibraryError(reading.problems)
    return Library(
        folder,
        _version(folder),
        reading.templates,
        reading.scripts,
        reading.fragments,
        reading.laws,
        reading.rights,
        reading.forbidden,
        reading.early,
        reading.law_words,
        reading.places,
        {name: families(found.values()) for name, found in reading.templates.items()},
    )


def _version(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.toml")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _language_file(reading: _Reading, language: str, path: Path) -> None:
    file, data = reading.name(path), reading.toml(path)
    if path.stem == "fragments":
        if data and (fragments := reading.shape(Fragments, data, file)):
            reading.fragments[language] = fragments
    elif "template" in data:
        responses = reading.shape(Responses, data, file)
        for template in responses.template if responses else ():
            if template.id in reading.templates[language]:
                other = reading.places[language, template.id]
                reading.problem(file, template.id, f"the id is taken by {other}")
            reading.templates[language][template.id] = template
            reading.places[language, template.id] = file
    elif data:
        reading.raw_scripts[language, str(data.get("id", path.stem))] = (file, data)


def _scripts(reading: _Reading) -> None:
    for (language, name), (file, data) in reading.raw_scripts.items():
        whole = data
        if like := data.get("like"):
            base = reading.raw_scripts.get((str(like), name))
            if base is None:
                reading.problem(file, "like", f"no script {name!r} in {like!r}")
                continue
            whole = {**base[1], **data}
        script = reading.shape(Script, whole, file)
        if script and script.language != language:
            reading.problem(file, "language", f"the folder is {language}")
        elif script:
            reading.scripts[language][name] = script
            reading.places[language, f"script {name}"] = file


def _law_files(reading: _Reading) -> None:
    for path in sorted((reading.folder / "laws").glob("*.toml")):
        file = reading.name(path)
        clauses = reading.shape(Clauses, reading.toml(path), file)
        for clause in clauses.clause if clauses else ():
            if clause.id in reading.laws:
                reading.problem(file, clause.id, "the id is taken")
            reading.laws[clause.id] = clause
            reading.places["laws", clause.id] = file
    for path in sorted((reading.folder / "rights").glob("*.toml")):
        rights = reading.shape(Rights, reading.toml(path), reading.name(path))
        reading.rights |= {right.id: right for right in rights.right} if rights else {}
    path = reading.folder / "lexicon" / "forbidden.toml"
    words = reading.shape(Forbidden, reading.toml(path), reading.name(path))
    if words:
        reading.forbidden = {"zh": words.zh, "en": words.en}
        reading.early = {"zh": words.early.zh, "en": words.early.en}
    path = reading.folder / "lexicon" / "law.toml"
    law = reading.shape(LawWords, reading.toml(path), reading.name(path))
    if law:
        reading.law_words = {"zh": law.zh, "en": law.en}


def _references(reading: _Reading) -> Iterator[Problem]:
    for (language, name), file in reading.places.items():
        if language not in LANGUAGES:
            continue
        if name.startswith("script "):
            script = reading.scripts[language][name.removeprefix("script ")]
            for place, what in script_problems(script, reading.templates[language]):
                yield Problem(file, place, what)
            continue
        template = reading.templates[language][name]
        for place, what in (
            *template_problems(template, reading.laws, reading.rights),
            *variant_problems(template, reading.templates[language]),
        ):
            yield Problem(file, f"{name}.{place}", what)
    for right in reading.rights.values():
        if right.clause and right.clause not in reading.laws:
            yield Problem("rights", right.id, f"no clause {right.clause!r}")
