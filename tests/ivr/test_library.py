"""The library is loaded whole, or refused with every problem and its place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ivr.library import LibraryError, load_library
from ivr.template import LANGUAGES
from tests.templates.cases import TEMPLATES, library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped library, to be spoilt."""
    return Path(shutil.copytree(TEMPLATES, tmp_path / "templates"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) >= 1, f"{path.name} has no {old!r}"
    path.write_text(text.replace(old, new, 1), "utf-8")


def problems(folder: Path) -> set[str]:
    with pytest.raises(LibraryError) as caught:
        load_library(folder)
    assert str(caught.value).splitlines() == [str(p) for p in caught.value.problems]
    return {f"{p.file}: {p.place}" for p in caught.value.problems}


def test_both_languages_hold_the_same_templates_at_least_220() -> None:
    ids = [set(library().templates[language]) for language in LANGUAGES]
    assert ids[0] == ids[1]
    assert len(ids[0]) >= 220


def test_version_is_of_the_content_and_not_of_the_folder(folder: Path) -> None:
    assert load_library(folder).version == library().version
    change(folder / "zh" / "talk.toml", "我等您", "等您")
    assert load_library(folder).version != library().version


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert problems(tmp_path / "none") == {f"{tmp_path / 'none'}: folder"}


def test_every_problem_is_told_not_only_the_first(folder: Path) -> None:
    change(folder / "zh" / "opening.toml", 'tone = "warm"', 'tone = "angry"')
    change(folder / "zh" / "opening.toml", 'id = "ask_identity"', 'idd = "x"')
    change(folder / "en" / "talk.toml", "[[template]]", "[[template]")
    change(folder / "laws" / "us.toml", 'status = "secondary"', 'status = "sure"')
    found = problems(folder)
    assert {
        "zh/opening.toml: template.0.tone",
        "zh/opening.toml: template.1.id",
        "zh/opening.toml: template.1.idd",
        "en/talk.toml: file",
        "laws/us.toml: clause.0.status",
    } <= found


@pytest.mark.parametrize(
    ("file", "old", "new", "place"),
    [
        ("zh/opening.toml", "{name}", "{nmae}", "zh/opening.toml: ask_identity.text"),
        ("zh/opening.toml", "{name}", "{name", "zh/opening.toml: ask_identity.text"),
        ("zh/opening.toml", '"eu-aia-50-1"', '"eu-1"', "zh/opening.toml: opening."),
        ("zh/debt.toml", '"stop_calls"', '"x"', "zh/debt.toml: rights_explained."),
        ("zh/debt.toml", "rights_due", "sunny", "zh/debt.toml: rights_explained.when"),
        ("zh/talk.toml", '["abuse"]', '["abusive"]', "zh/talk.toml: stay_calm."),
        ("zh/script.toml", '"greet"', '"hello"', "zh/script.toml: start"),
        ("zh/script.toml", 'next = "who_else"', 'next = "w"', "zh/script.toml: states"),
        ("zh/script.toml", 'say = "stop_bye"', 'say = "s"', "zh/script.toml: any.stop"),
        ("zh/script.toml", '"stop_bye"', '"stop_bye_talk"', "zh/script.toml: any.stop"),
        (
            "zh/care.toml",
            '"stop_bye"\n',
            '"bye"\n',
            "zh/care.toml: stop_bye_talk.variant_of",
        ),
        (
            "zh/care.toml",
            "at = [3, 4, 5]\n",
            "",
            "zh/care.toml: stop_bye_talk.variant_of",
        ),
        ("zh/care.toml", "at = [3, 4, 5]", "at = [6]", "zh/care.toml: template.0.at"),
        (
            "zh/talk.toml",
            'answers = ["abuse"]',
            "at = [2]",
            "zh/talk.toml: stay_calm.at",
        ),
        ("zh/script.toml", "[states.debt.on]\nyes", "[states.debt.on]\nyep", "zh/scr"),
        ("zh/script.toml", "[not_taken]\nwant_person", "[not_taken]\nw", "zh/script"),
        ("zh/script.toml", "silence_budget = 30", "silence_budget = 31", "zh/script"),
        ("en/script.toml", 'like = "zh"', 'like = "fr"', "en/script.toml: like"),
        ("en/script.toml", 'language = "en"', 'language = "zh"', "en/script.toml: l"),
        ("rights/rights.toml", '"cn-pipl-24"', '"cn-0"', "rights: person"),
        ("zh/fragments.toml", '"一月", ', "", "zh/fragments.toml: months"),
    ],
)
def test_a_name_that_means_nothing_is_told_with_its_place(
    folder: Path, file: str, old: str, new: str, place: str
) -> None:
    change(folder / file, old, new)
    assert any(found.startswith(place) for found in problems(folder))


def test_a_missing_fragments_file_is_told(folder: Path) -> None:
    (folder / "zh" / "fragments.toml").unlink()
    assert "zh/fragments.toml: file" in problems(folder)


def test_two_templates_of_one_id(folder: Path) -> None:
    change(folder / "zh" / "talk.toml", 'id = "slower"', 'id = "goodbye"')
    assert "zh/talk.toml: goodbye" in problems(folder)


def test_a_script_that_is_not_there() -> None:
    with pytest.raises(LibraryError, match="there are: mediation"):
        library().script("zh", "nothing")
